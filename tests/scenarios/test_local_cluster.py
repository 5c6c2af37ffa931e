"""A developer starts a whole cluster with one command (make cluster), breaks it, stops it and starts it again."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

import harness
import postgres

TOOLS = harness.ROOT / "tools"
MAIL = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "Hello", "body": "x"}
PATIENCE_S = 120


class LocalCluster:
    """tools/cluster.py in a folder that PostgreSQL's user gets to, too."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-cluster-", dir="/var/tmp"))
        self.folder.chmod(0o711)
        self.log_file = self.folder / "cluster.log"
        self.process = None

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, TOOLS / "cluster.py", "--folder", self.folder / "c", "--listen", "127.0.0.1:0",
                 "--without-kafka", "--without-redis", "--set", "store.lease=3s"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                # As a shell's background job; it has to heed it all the same.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
                env={**os.environ, "CARILLON_BIN": str(harness.BINARY)})
        harness.wait_until(lambda: self.status() or self.process.poll() is not None, self.log, PATIENCE_S)
        assert self.process.poll() is None, self.log()
        self.server = harness.Server(self.folder / "client")
        self.server.url = self.status()["url"]
        keys = self.file("keys.json")
        self.server.test = (keys["test_app_key"], keys["test_app_secret"])
        self.server.token = keys["management_token"]
        return self

    def log(self):
        return self.log_file.read_text()

    def file(self, name):
        file = self.folder / "c" / name
        return json.loads(file.read_text()) if file.exists() else None

    def status(self):
        return self.file("status.json")

    def pids(self):
        return {name: child["pid"] for name, child in self.status()["processes"].items()}

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def end(self):
        if self.process and self.process.poll() is None:
            pids = self.pids() if self.status() else {}
            self.process.kill()  # what it started ends with it, PostgreSQL with a last write
            self.process.wait()
            harness.wait_until(lambda: not [pid for pid in pids.values() if runs(pid)], pids, PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def local_cluster():
    if not postgres.binaries():
        pytest.skip("postgres: PostgreSQL is not installed; run tools/install_dependencies.sh test")
    made = LocalCluster()
    yield made
    made.end()


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def has_ended(pid):
    """Also when nobody took notice yet."""
    return not runs(pid) or pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def send(cluster):
    """As a caller does: what is answered 503 was not stored and is sent again."""
    def accepted():
        answer = cluster.server.api("POST", "/v1/notifications", MAIL, auth="test")
        assert answer.status in (202, 503), answer
        return answer.status == 202 and answer.body["id"]
    return harness.wait_until(accepted, cluster.log, PATIENCE_S)


def test_it_survives_what_is_done_to_it(local_cluster):
    local_cluster.start()
    assert set(local_cluster.pids()) == {"PostgreSQL", "api", "router", "scheduler", "worker-1", "worker-2"}
    first = send(local_cluster)
    assert local_cluster.server.wait_final(first)["outcome"] == "success"
    # A second one on the same folder is told so.
    second = subprocess.run([sys.executable, TOOLS / "cluster.py", "--folder", local_cluster.folder / "c"],
                            env={**os.environ, "CARILLON_BIN": str(harness.BINARY)}, capture_output=True, text=True,
                            timeout=PATIENCE_S)
    assert second.returncode == 1 and "runs in" in second.stderr and "Traceback" not in second.stderr
    # What is killed comes back. What met PostgreSQL as it went may be tried again a minute later; nobody waits here.
    accepted = [first]
    for name in ("worker-1", "PostgreSQL", "api"):
        pid = local_cluster.pids()[name]
        os.kill(pid, signal.SIGKILL)
        harness.wait_until(lambda: local_cluster.pids()[name] != pid, local_cluster.log, PATIENCE_S)
        accepted.append(send(local_cluster))
    # It ends in order and goes on where it was, with the same keys.
    pids = local_cluster.pids()
    assert local_cluster.stop() == 0, local_cluster.log()
    assert not [name for name, pid in pids.items() if runs(pid)]
    assert "Traceback" not in local_cluster.log()
    local_cluster.start()
    assert [local_cluster.server.notification(n)["id"] for n in accepted] == accepted
    assert local_cluster.server.notification(first)["status"] == "completed"
    assert local_cluster.server.wait_final(send(local_cluster))["outcome"] == "success"
    assert local_cluster.server.accountability()["exact"]


def test_nothing_is_left_when_it_is_killed(local_cluster):
    local_cluster.start()
    pids = local_cluster.pids()
    local_cluster.process.kill()
    local_cluster.process.wait()
    harness.wait_until(lambda: not [name for name, pid in pids.items() if runs(pid)], pids, PATIENCE_S)
    (local_cluster.folder / "c" / "status.json").unlink()
    local_cluster.start()
    assert local_cluster.server.wait_final(send(local_cluster))["outcome"] == "success"


def test_secrets_are_this_users_and_on_no_command_line(local_cluster):
    local_cluster.start()
    kept = local_cluster.file("secrets.json")
    for name in ("secrets.json", "keys.json", "status.json", "carillon.env"):
        assert (local_cluster.folder / "c" / name).stat().st_mode & 0o077 == 0, name
    for pid in local_cluster.pids().values():
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        assert not [name for name, value in kept.items() if value in words], words


def test_the_command_line_knows_the_cluster(local_cluster):
    local_cluster.start()
    notification = send(local_cluster)
    local_cluster.server.wait_final(notification)
    folder = local_cluster.folder / "c"
    command = f"{harness.BINARY} status {notification} --data {folder}/api/data --json"
    script = f"set -a; . {folder}/carillon.env; exec {command}"
    # Also without the process whose folder it is: then it looks into PostgreSQL itself.
    for process in ("running", "stopped"):
        if process == "stopped":
            os.kill(local_cluster.process.pid, signal.SIGSTOP)  # nobody starts it again
            os.kill(local_cluster.pids()["api"], signal.SIGTERM)
            harness.wait_until(lambda: has_ended(local_cluster.pids()["api"]), local_cluster.log)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60,
                              env=harness.clean_environment())
        assert done.returncode == 0 and "completed" in done.stdout, done
    os.kill(local_cluster.process.pid, signal.SIGCONT)
    assert local_cluster.stop() == 0


def test_the_demo_of_a_cluster_ends_well():
    if not postgres.binaries():
        pytest.skip("postgres: PostgreSQL is not installed; run tools/install_dependencies.sh test")
    done = subprocess.run([sys.executable, TOOLS / "cluster_demo.py"], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "CARILLON_BIN": str(harness.BINARY)})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "is back" in done.stdout and "accepted =" in done.stdout
    assert "From the Kafka topic notification.events" in done.stdout


@pytest.mark.parametrize("words, said", [
    (["--workers", "0"], "give 1 to 32"),
    (["--listen", "8080"], "HOST:PORT"),
])
def test_a_wrong_flag_is_named(words, said):
    done = subprocess.run([sys.executable, TOOLS / "cluster.py", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr
