"""A process whose machine's clock jumps while it runs, by libfaketime."""
import functools
import pathlib
import subprocess
import tempfile

LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
THREADS = pathlib.Path(__file__).resolve().parents[1] / "c11_threads.c"


@functools.cache
def threads_library():
    """What libfaketime leaves out, built once; the folder that is returned goes with the tests."""
    folder = tempfile.TemporaryDirectory(prefix="carillon-clock-")
    built = pathlib.Path(folder.name) / "c11_threads.so"
    subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-o", built, THREADS, "-pthread"], check=True)
    return folder, built


class MovedClock:
    """`environment` is for the process; jump() is seen by it a second later at most."""

    def __init__(self, file):
        self._file = pathlib.Path(file)
        self.jump("+0")
        # What runs on at its own pace is not moved: no clock that is set moves it either.
        self.environment = {"LD_PRELOAD": f"{threads_library()[1]}:{LIBRARY}", "FAKETIME_TIMESTAMP_FILE": self._file,
                            "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    @staticmethod
    def why_not():
        return None if LIBRARY.exists() else "libfaketime is not installed: tools/install_dependencies.sh test"

    def jump(self, to):
        """"+1h", "-1h", "+0": against the machine's clock."""
        part = self._file.with_suffix(".part")
        part.write_text(to + "\n")
        part.replace(self._file)
