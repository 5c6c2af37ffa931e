#!/usr/bin/env bash
# Packs the release binary: tools/make_dist.sh VERSION → dist/carillon-VERSION-linux-x86_64.tar.gz
set -euo pipefail
cd "$(dirname "$0")/.."
name="carillon-${1:?usage: tools/make_dist.sh VERSION}-linux-$(uname -m)"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/$name" dist
install -m 755 build/release/carillon "$stage/$name/carillon"
strip "$stage/$name/carillon"
cp LICENSE README*.md "$stage/$name/"

# The shared libraries it wants, as Debian 12 packages: one line to paste on a machine without compilers.
libraries=$(ldd "$stage/$name/carillon" | awk '$3 ~ /^\// { print $3 }' | xargs -n1 readlink -f | sort -u)
packages=$(while read -r library; do dpkg -S "$library" 2>/dev/null || dpkg -S "${library#/usr}"; done <<<"$libraries" |
  sed 's/:.*//' | sort -u | tr '\n' ' ')
printf 'apt-get install -y --no-install-recommends ca-certificates tzdata %s\n' "$packages" >"$stage/$name/INSTALL-DEBIAN-12"

# The same sources give the same bytes: fixed order, owner and time.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct 2>/dev/null || echo 0)" \
  -C "$stage" -cf - "$name" | gzip -n9 >"dist/$name.tar.gz"
echo "dist/$name.tar.gz ($(du -h "dist/$name.tar.gz" | cut -f1))"
