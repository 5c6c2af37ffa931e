"""A newcomer starts the server on a terminal, pastes the line it prints, and sees the notification arrive."""
import json
import os
import pty
import re
import select
import subprocess
import time

import harness


class Terminal:
    """`carillon serve` with a terminal as its standard output."""

    def __init__(self, data):
        self.master, slave = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            [str(harness.BINARY), "serve", "--data", str(data), "--listen", "127.0.0.1:0"],
            stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=harness.clean_environment(), close_fds=True)
        os.close(slave)

    def wait_for(self, pattern):
        end = time.monotonic() + harness.PATIENCE_S
        while time.monotonic() < end:
            found = re.search(pattern, self.text)
            if found:
                return found.group(0)
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode().replace("\r\n", "\n")
                except OSError:
                    break
        raise AssertionError(f"{pattern!r} was not printed:\n{self.text}")

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


def test_the_line_printed_at_the_first_start_works_as_pasted(tmp_path):
    terminal = Terminal(tmp_path / "data")
    try:
        line = terminal.wait_for(r"curl -u \S+ http\S+/v1/notifications .*\}'")
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30)
        answer = json.loads(done.stdout)
        assert answer["id"].startswith("ntf_"), done
        user, url = re.search(r"-u (\S+) (http\S+?)/v1", line).groups()
        seen = harness.wait_until(
            lambda: harness.request(url + "/v1/sandbox/messages",
                                    headers={"Authorization": harness.basic(*user.split(":"))}).body["data"],
            "no message in the sandbox")
        assert seen[0]["notification_id"] == answer["id"]
        assert seen[0]["to"] == "ok@sandbox.carillon.test"
    finally:
        terminal.end()


def test_without_a_terminal_the_first_secrets_are_in_a_private_file(server):
    file = server.data / "first-run.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(file) in server.log_text()
    secret = json.loads(file.read_text())["app_secret"]
    assert secret not in server.log_text()


def test_a_second_process_on_the_same_folder_is_refused(server):
    done = harness.run("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert done.code != 0
    assert str(server.pid) in done.err


def test_a_first_run_that_dies_before_its_keys_leaves_them_to_the_next(make_server):
    """The store is there, and nobody has a key of it."""
    server = make_server(start=False, environment={"CARILLON_FAILPOINTS": "serve.first_keys:kill:1"})
    server.start(ready=False)
    harness.wait_until(lambda: not server.is_running(), server.log_text)
    server.kill()
    assert (server.data / "carillon.db").exists() and not (server.data / "first-run.json").exists()
    server.environment = {}
    server.start()
    assert server.get("/v1/apps")["data"] and server.send(to=[{"email": "a@example.test"}], channels=["email"],
                                                          title="x", body="y")["id"]
