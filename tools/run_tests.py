#!/usr/bin/env python3
"""Runs test stages one after the other, all of them even when one fails, and prints the sum.

    tools/run_tests.py tidy unit scenarios console chaos asan tsan fuzz

What has to be built is built by the Makefile before. Ends with "N passed, N failed, N skipped" and
exits 1 unless nothing failed. With CI=true a test that skips because PostgreSQL, Redis or Kafka
cannot be had counts as failed.
"""
import concurrent.futures
import dataclasses
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "results"
LIBRARIES = ROOT / "build" / "python"  # tools/install_dependencies.sh test
JOBS = os.environ.get("JOBS") or str(os.cpu_count() or 1)
FILES_AT_ONCE = int(JOBS)  # a story mostly waits, for a server to start or for time to pass
BACKENDS = re.compile(r"postgres|redis|kafka", re.IGNORECASE)
STAGE_LIMIT_S = 45 * 60
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1:history_size=4:"
                    f"suppressions={ROOT / 'tests' / 'tsan_suppressions.txt'}",
}


@dataclasses.dataclass
class Score:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list = dataclasses.field(default_factory=list)
    skips: list = dataclasses.field(default_factory=list)


def python():
    """The interpreter that has pytest: this one, else Debian's (python3-pytest)."""
    return sys.executable if importlib.util.find_spec("pytest") else "/usr/bin/python3"


def run(command, limit_s=STAGE_LIMIT_S, **environment):
    """The exit code; 124 when the time limit ended the command and all it had started."""
    print("$", " ".join(str(part) for part in command), flush=True)
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True)
    try:
        return process.wait(limit_s)
    except BaseException as problem:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(problem, subprocess.TimeoutExpired):
            print(f"stopped after {limit_s} s", flush=True)
            return 124
        raise


def count(folder, name, exit_code):
    """Adds up the JUnit files of a stage. A command that failed without a failed test counts as one."""
    score = Score()
    for file in sorted(folder.glob("**/*.xml")):
        try:
            cases = list(ElementTree.parse(file).iter("testcase"))
        except ElementTree.ParseError:
            score.failures.append(f"{file.name}: broken off while it was written")
            continue
        for case in cases:
            title = f"{case.get('classname', '')}.{case.get('name', '')}"
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                score.failures.append(title)
            elif skip is not None or case.get("status") == "notrun":
                reason = skip.get("message", "") if skip is not None else "disabled"
                if os.environ.get("CI") == "true" and BACKENDS.search(title + reason):
                    score.failures.append(f"{title} (skipped, which CI=true forbids: {reason})")
                else:
                    score.skips.append(f"{title}: {reason}")
            else:
                score.passed += 1
    if exit_code != 0 and not score.failures:
        score.failures.append(f"{name}: ended with exit code {exit_code}")
    if exit_code == 0 and not score.passed and not score.failures:
        score.failures.append(f"{name}: no test ran")
    score.failed, score.skipped = len(score.failures), len(score.skips)
    return score


def pytest(name, folder, where=None, files_at_once=1):
    """Runs pytest on a folder, several of its files side by side if so asked; None when it holds no test."""
    if not any((ROOT / folder).glob("**/*test*.py")):
        return None
    environment = {"CARILLON_BIN": os.environ.get("CARILLON_BIN", str(ROOT / "build" / "carillon"))}
    abreast = []
    if files_at_once > 1 and (LIBRARIES / "xdist").is_dir():
        # A file stays in one process: what its tests share (a broker, a world) is made once.
        abreast = ["-p", "xdist", "-n", str(files_at_once), "--dist", "loadfile"]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(LIBRARIES), os.environ.get("PYTHONPATH"))))
    code = run([python(), "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", *abreast,
                f"--junitxml={RESULTS / name / 'pytest.xml'}", *(where or [folder])], **environment)
    return count(RESULTS / name, name, code)


def ctest(name, preset):
    """Unit and conformance tests of one preset."""
    environment = {"GTEST_OUTPUT": f"xml:{RESULTS / name}/"}
    if preset != "release":
        environment |= SANITIZER_ENVIRONMENT
        symbolizer = shutil.which("llvm-symbolizer-19")
        if symbolizer:
            environment |= {f"{which}_SYMBOLIZER_PATH": symbolizer for which in ("ASAN", "UBSAN", "TSAN")}
    code = run(["ctest", "--test-dir", f"build/{preset}", "-j", JOBS, "--output-on-failure",
                "--no-tests=error"], **environment)
    return count(RESULTS / name, name, code)


def tidy():
    began = run([sys.executable, "tools/tidy.py"])
    own_tests = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tools/*_test.py"))
    score = pytest("tidy", "tools", own_tests)
    if began == 0:
        score.passed += 1
    else:
        score.failures.append("tools/tidy.py: rules are broken (see above)")
        score.failed += 1
    return score


def fuzz_one(target):
    """Whether FUZZ_SECONDS of it found nothing."""
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    name = target.name.removeprefix("fuzz_")
    grown = ROOT / "build" / "fuzz" / "corpus" / name
    grown.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "tests" / "fuzz" / "corpus" / name
    return run([target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                f"-artifact_prefix={ROOT / 'build' / 'fuzz' / 'finds' / name}-", grown,
                *([seeds] if seeds.is_dir() else [])], limit_s=seconds + 120) == 0


def fuzz():
    """Every fuzz target for FUZZ_SECONDS, JOBS of them at once; finds go to build/fuzz/finds/."""
    score = Score()
    (ROOT / "build" / "fuzz" / "finds").mkdir(parents=True, exist_ok=True)
    targets = sorted((ROOT / "build" / "fuzz").glob("fuzz_*"))
    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        for target, is_clean in zip(targets, pool.map(fuzz_one, targets)):
            name = target.name.removeprefix("fuzz_")
            if is_clean:
                score.passed += 1
            else:
                score.failures.append(f"{target.name}: see build/fuzz/finds/{name}-*; "
                                      f"keep the input in tests/fuzz/corpus/{name}/")
    if not targets:
        return None
    score.failed = len(score.failures)
    return score


def console():
    """The console: types, lint, components, and its stories in a real browser against the real binary."""
    began = run(["npm", "--prefix", "web", "run", "--silent", "check"])
    tested = run(["npm", "--prefix", "web", "run", "--silent", "test", "--", "--reporter=default", "--reporter=junit",
                  f"--outputFile.junit={RESULTS / 'console' / 'components.xml'}"])
    score = pytest("console", "tests/console", files_at_once=FILES_AT_ONCE)
    for code, what in ((began, "check"), (tested, "test")):
        if code != 0:
            score.failures.append(f"npm --prefix web run {what}: ended with exit code {code}")
    score.failed = len(score.failures)
    return score


STAGES = {
    "tidy": tidy,
    "unit": lambda: ctest("unit", "release"),
    "scenarios": lambda: pytest("scenarios", "tests/scenarios", files_at_once=FILES_AT_ONCE),
    "console": console,
    "chaos": lambda: pytest("chaos", "tests/chaos"),
    "asan": lambda: ctest("asan", "asan"),
    "tsan": lambda: ctest("tsan", "tsan"),
    "fuzz": fuzz,
}


def main(names):
    unknown = [name for name in names if name not in STAGES]
    if unknown or not names:
        print(f"usage: tools/run_tests.py STAGE...   stages: {' '.join(STAGES)}", file=sys.stderr)
        return 2
    scores = {}
    for name in names:
        print(f"\n=== {name}", flush=True)
        shutil.rmtree(RESULTS / name, ignore_errors=True)
        (RESULTS / name).mkdir(parents=True)
        began = time.monotonic()
        scores[name] = STAGES[name]()
        if scores[name]:
            scores[name].seconds = time.monotonic() - began
    print("\n=== summary")
    for name, score in scores.items():
        if score is None:
            print(f"{name:<10} there is none yet")
            continue
        print(f"{name:<10} {score.passed:>6} passed {score.failed:>4} failed {score.skipped:>4} skipped "
              f"{score.seconds:>7.0f} s")
        for line in score.skips:
            print(f"    skipped {line}")
        for line in score.failures:
            print(f"    FAILED  {line}")
    total = [sum(getattr(score, field) for score in scores.values() if score)
             for field in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
