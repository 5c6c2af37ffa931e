"""What every scenario stands on: the real binary, the simulator of the vendors, and a client.

A scenario is one user's story in one file, `test_<story>.py`, and needs nothing but pytest and this:

    def test_an_email_is_sent(connected):                 # fixtures: see conftest.py
        sent = connected.send(to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"],
                              title="Hello", body="The bells ring.")
        assert connected.wait_final(sent["id"])["outcome"] == "success"

    def test_a_retry_comes_after_a_minute(connected, simulator):
        simulator.faults(smtp={"rate_5xx": 1})
        sent = connected.send(to=[{"email": "a@example.test"}], channels=["email"], title="x", body="y")
        [delivery] = connected.wait_deliveries(sent["id"], "retrying")
        simulator.faults()                                # all well again
        connected.advance("2m")                           # nobody sleeps for a minute
        assert connected.wait_final(sent["id"])["outcome"] == "success"

Rules
  - Time moves by `advance()`; a condition is waited for by `wait_until()`, which looks again every few
    milliseconds and gives up, with the last state in its message, after `PATIENCE_S` of real time.
  - Ports are chosen by the system. A server keeps its port and its data folder over `kill()`,
    `stop()` and `start()`.
  - Every process ends with its fixture, also when the test fails; the end of its log is then shown.
  - The binary is $CARILLON_BIN, else build/carillon.

What there is
  Server      start stop kill restart · api() get() put() post() patch() delete() · send() expect()
              wait_final() wait_deliveries() wait_idle() notification() deliveries() delivery()
              accountability() · advance() · cli() · put_user() sandbox_messages() metric()
  Simulator   start stop · counts() log() messages() faults() advance() · description (sim.json)
  connect()   puts the simulator's accounts into a server as integrations
  run()       the binary as a command
"""
import atexit
import base64
import http.client
import json
import os
import pathlib
import pty
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CARILLON_BIN") or ROOT / "build" / "carillon").resolve()
PATIENCE_S = float(os.environ.get("CARILLON_TEST_PATIENCE", "30"))
LOOK_AGAIN_S = 0.01
LOG_TAIL_BYTES = 6000

VENDORS = re.findall(r"^(?:H1_)?VENDOR\(\w+, (\w+)", (ROOT / "src/sim/vendors.def").read_text(), re.MULTILINE)
CONNECTED = ("apns", "fcm", "twilio", "smtp")  # one vendor for each channel

FINAL_NOTIFICATION = {"completed", "cancelled", "rejected", "approval_expired"}
FINAL_DELIVERY = {"sent", "delivered", "failed", "dead", "unknown", "suppressed", "cancelled", "expired"}

_running = set()


@atexit.register
def _end_all():
    for process in list(_running):
        process.kill()
        process.wait()


def wait_until(look, what, patience_s=None):
    """Calls `look` until it returns something true, and returns that."""
    patience_s = patience_s or PATIENCE_S
    end = time.monotonic() + patience_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s:g} s in vain: {what() if callable(what) else what}")
        time.sleep(LOOK_AGAIN_S)


class Answer:
    """An HTTP answer: `status`, `headers` (names in lower case), `text`, and `body`, its JSON."""

    def __init__(self, status, headers, content):
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def text(self):
        return self.content.decode("utf-8", "replace")

    @property
    def body(self):
        return json.loads(self.content) if self.content else None

    @property
    def pointers(self):
        """The pointers a problem complains about."""
        return [error.get("pointer", "") for error in (self.body or {}).get("errors", [])]

    def __repr__(self):
        return f"<{self.status} {self.text[:2000]}>"


def request(url, method="GET", body=None, headers=None, timeout_s=30):
    """One HTTP request. `body`: bytes as they are, anything else as JSON."""
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s,
                                                 context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def clean_environment(**more):
    """This process's environment without what would steer the binary, and `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CARILLON_")}
    return {**kept, **{k: str(v) for k, v in more.items()}}


class Completed:
    """A command that ended: `code`, `out`, `err`, and `json`, its output read."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.code}\n{self.out[-2000:]}\n{self.err[-2000:]}>"


def run(*arguments, stdin="", environment=None, folder=None, timeout_s=60):
    """Runs `carillon arguments…` to its end."""
    done = subprocess.run([str(BINARY), *map(str, arguments)], input=stdin, capture_output=True, text=True,
                          timeout=timeout_s, cwd=folder, env=clean_environment(**(environment or {})))
    return Completed(done.returncode, done.stdout, done.stderr)


def run_on_terminal(*arguments, environment=None, timeout_s=60):
    """The same with a terminal as its standard error: `err` is all that was shown there."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen([str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=terminal, text=True, env=clean_environment(**(environment or {})))
    os.close(terminal)
    watchdog = threading.Timer(timeout_s, process.kill)
    watchdog.start()
    shown = b""
    try:
        while True:
            shown += os.read(screen, 1 << 16)
    except OSError:  # EIO: nobody has it open any more, and all was read
        out = process.communicate()[0]
    finally:
        watchdog.cancel()
        os.close(screen)
    return Completed(process.returncode, out, shown.decode())


class Process:
    """A long-running command with a log file; the base of Server and Simulator."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_file = self.folder / f"{name}.log"
        self.process = None

    def _spawn(self, arguments, environment=None):
        assert self.process is None, "it runs already"
        assert BINARY.exists(), f"{BINARY} is missing: make build, or set CARILLON_BIN"
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                                            env=clean_environment(**(environment or {})))
        _running.add(self.process)

    def log_text(self, since_start=True):
        """What it wrote, by default since the last start."""
        with open(self.log_file, "rb") as log:
            log.seek(self._log_start if since_start else 0)
            return log.read().decode("utf-8", "replace")

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def _check_alive(self):
        if not self.is_running():
            code = self.process.returncode if self.process else None
            raise AssertionError(f"it ended with {code}:\n{self.log_text()[-LOG_TAIL_BYTES:]}")

    def wait_for_log(self, pattern):
        """The first match of a regular expression in the log since the last start."""
        def look():
            found = re.search(pattern, self.log_text())
            if not found:
                self._check_alive()
            return found
        return wait_until(look, lambda: f"{pattern!r} in the log:\n{self.log_text()[-LOG_TAIL_BYTES:]}")

    def kill(self):
        """kill -9: no chance to tidy up."""
        if self.process is not None:
            self.process.kill()
            self._reap()

    def stop(self, patience_s=None):
        """SIGTERM and the orderly end; its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience_s or PATIENCE_S)
        except subprocess.TimeoutExpired:
            tail = self.log_text()[-LOG_TAIL_BYTES:]
            self.kill()
            raise AssertionError(f"it did not end after SIGTERM:\n{tail}") from None
        return self._reap()

    def _reap(self):
        code = self.process.wait()
        _running.discard(self.process)
        self.process = None
        return code

    def end(self):
        """Whatever it takes; for fixtures."""
        self.kill()


class Server(Process):
    """`carillon serve`, or another role, on a data folder of its own, with the test clock.

    `settings`: group.name → value, given as --set; change them between stop() and start(). `command`: the role
    and its own flags.
    Credentials of the first start: app, test (key, secret) and token.
    """

    def __init__(self, folder, settings=None, environment=None, command=("serve",)):
        super().__init__(folder, "serve")
        self.command = list(command)
        self.data = self.folder / "data"
        self.settings = {"server.test_clock": "true", **(settings or {})}
        self.environment = environment or {}
        self.port = 0
        self.url = None
        self.app = self.test = self.token = None

    def start(self, ready=True):
        """Starts and, unless told not to, waits for /readyz. Returns itself."""
        settings = [part for k, v in self.settings.items() for part in ("--set", f"{k}={v}")]
        self._spawn([*self.command, "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *settings],
                    self.environment)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        self.url = self.wait_for_log(r"listening on (https?://[^\s\"]+)").group(1)
        self.port = urllib.parse.urlsplit(self.url).port

        def look():
            try:
                return request(self.url + "/readyz").status == 200
            except (OSError, http.client.HTTPException):
                self._check_alive()
                return False
        wait_until(look, lambda: f"/readyz is not 200:\n{self.log_text()[-LOG_TAIL_BYTES:]}")
        if self.token is None:
            self._read_first_run()

    def _read_first_run(self):
        file = self.data / "first-run.json"
        if not file.exists():
            return
        first = json.loads(file.read_text())
        self.app = (first["app_key"], first["app_secret"])
        self.test = (first["test_app_key"], first["test_app_secret"])
        self.token = first["management_token"]

    def end(self):
        super().end()
        # 256 MiB kept for a full disk; the test's folder outlives the test.
        (self.data / "ballast").unlink(missing_ok=True)

    def restart(self, kill=False):
        """Ends (by SIGTERM, or by kill -9) and starts again on the same folder and port."""
        self.kill() if kill else self.stop()
        return self.start()

    # ---- HTTP

    def api(self, method, path, body=None, auth="token", headers=None, timeout_s=30):
        """One call. `auth`: "token" (management), "app", "test", (key, secret), a bearer text, or None."""
        headers = dict(headers or {})
        auth = {"token": self.token, "app": self.app, "test": self.test}.get(auth, auth) \
            if isinstance(auth, str) else auth
        if isinstance(auth, tuple):
            headers["Authorization"] = basic(*auth)
        elif auth:
            headers["Authorization"] = f"Bearer {auth}"
        return request(self.url + path, method, body, headers, timeout_s)

    def expect(self, status, method, path, body=None, **more):
        """One call that must be answered with this status; the JSON of the answer."""
        answer = self.api(method, path, body, **more)
        wanted = status if isinstance(status, (tuple, list, set, range)) else (status,)
        assert answer.status in wanted, f"{method} {path}: wanted {status}, got {answer}"
        return answer.body if "json" in answer.headers.get("content-type", "") else answer.text

    def get(self, path, **more):
        return self.expect(range(200, 300), "GET", path, **more)

    def put(self, path, body, **more):
        return self.expect(range(200, 300), "PUT", path, body, **more)

    def post(self, path, body=None, **more):
        return self.expect(range(200, 300), "POST", path, body, **more)

    def patch(self, path, body, **more):
        return self.expect(range(200, 300), "PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.expect(range(200, 300), "DELETE", path, **more)

    def all(self, path, **more):
        """Every entry of a list, page by page."""
        found, after = [], None
        while True:
            sign = "&" if "?" in path else "?"
            page = self.get(path + f"{sign}limit=200" + (f"&after={after}" if after else ""), **more)
            found += page["data"]
            after = (page.get("page") or {}).get("next")
            if not after:
                return found

    # ---- sending and looking

    def send(self, auth="app", **notification):
        """POST /v1/notifications, which must be accepted; the answer."""
        return self.expect((200, 202), "POST", "/v1/notifications", notification, auth=auth)

    def notification(self, notification_id):
        return self.get(f"/v1/notifications/{notification_id}")

    def deliveries(self, notification_id):
        """Its deliveries, oldest first."""
        return list(reversed(self.all(f"/v1/notifications/{notification_id}/deliveries")))

    def delivery(self, delivery_id):
        """One delivery with its timeline."""
        return self.get(f"/v1/deliveries/{delivery_id}")

    def wait_final(self, notification_id, patience_s=None):
        """Waits until the notification and all its deliveries are final. The notification, with its
        deliveries (oldest first) as "deliveries"."""
        seen = {}

        def look():
            seen["n"] = self.notification(notification_id)
            if seen["n"]["status"] not in FINAL_NOTIFICATION:
                return None
            seen["d"] = self.deliveries(notification_id)
            if all(d["status"] in FINAL_DELIVERY for d in seen["d"]):
                return {**seen["n"], "deliveries": seen["d"]}
            return None
        return wait_until(look, lambda: f"{notification_id} is not final: {seen}", patience_s)

    def wait_deliveries(self, notification_id, *statuses, patience_s=None):
        """Waits until it has deliveries and each has one of these statuses; returns them."""
        seen = {}

        def look():
            seen["d"] = self.deliveries(notification_id)
            return seen["d"] if seen["d"] and all(d["status"] in statuses for d in seen["d"]) else None
        return wait_until(look, lambda: f"not all {statuses}: {seen}", patience_s)

    def wait_idle(self, patience_s=None):
        """Waits until no queue holds anything ready or in flight (retrying and held may remain)."""
        seen = {}

        def look():
            seen["q"] = self.get("/v1/queues")["data"]
            return all(not q.get("ready") and not q.get("in_flight") for q in seen["q"])
        wait_until(look, lambda: f"still busy: {seen}", patience_s)

    def accountability(self):
        return self.get("/v1/accountability")

    def sandbox_messages(self, auth="test"):
        """What the sandbox holds, oldest first."""
        return list(reversed(self.all("/v1/sandbox/messages", auth=auth)))

    def put_user(self, user_id, **profile):
        return self.put(f"/v1/users/{urllib.parse.quote(str(user_id), safe='')}", profile)

    def metric(self, name, **labels):
        """Sum of the samples of that name with these labels; 0 when there is none."""
        total = 0.0
        for line in request(self.url + "/metrics").text.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            if not found or found.group(1) != name:
                continue
            have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
            if all(have.get(k) == str(v) for k, v in labels.items()):
                total += float(found.group(3))
        return total

    # ---- time and commands

    def advance(self, by):
        """Moves the server's clock forward: "90s", "5m", "24h"."""
        return self.post("/v1/test/clock", {"advance": by})

    def cli(self, *arguments, code=0, **more):
        """A command on this server's data folder, which must end with that exit code."""
        done = run(*arguments, "--data", self.data, **more)
        assert done.code == code, f"carillon {' '.join(map(str, arguments))}: {done}"
        return done


class Simulator(Process):
    """`carillon sim` on ports of the system's choice. Its accounts are in `description` (sim.json)."""

    def __init__(self, folder, *flags):
        super().__init__(folder, "sim")
        self.flags = flags
        self.description = None

    def start(self):
        directory = self.folder / "sim"
        file = directory / "sim.json"
        file.unlink(missing_ok=True)
        ports = [part for vendor in (*VENDORS, "oauth", "control")
                 for part in (f"--{vendor.replace('_', '-')}-port", str(self._port(vendor)))]
        self._spawn(["sim", "--directory", directory, "--quiet", *ports, *self.flags])

        def look():
            self._check_alive()
            try:
                return json.loads(file.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                return None
        self.description = wait_until(look, lambda: f"no {file}:\n{self.log_text()}")
        return self

    def _port(self, vendor):
        """The port of the last start, so that a simulator started again is where it was."""
        if self.description is None:
            return 0
        place = self.description["control"] if vendor == "control" else None
        entry = self.description.get(vendor) or {}
        place = place or entry.get("endpoint") or entry.get("url")
        if vendor == "oauth":
            place = self.description["fcm"]["token_uri"]
        return urllib.parse.urlsplit(place).port if place else 0

    def _call(self, method, path, body=None):
        answer = request(self.description["control"] + path, method, body)
        assert 200 <= answer.status < 300, f"simulator {method} {path}: {answer}"
        return answer.body

    def report_to(self, **urls):
        """Where these vendors report to, as it is set in their consoles."""
        self._call("PUT", "/webhooks", urls)

    def counts(self):
        """{"apns": {"accepted": n, "refused": {reason: n}, …}, …}"""
        return self._call("GET", "/counts")

    def log(self, vendor=None):
        """Every message the vendors accepted, oldest first."""
        found, since = [], 0
        while True:
            page = self._call("GET", f"/log?since={since}&limit=1000" + (f"&vendor={vendor}" if vendor else ""))
            if not page["data"]:
                return found
            found += page["data"]
            since = page["next"]

    def clear_log(self):
        self._call("DELETE", "/log")

    def messages(self, vendor, limit=1):
        """The latest messages of a vendor with their content, newest first."""
        return self._call("GET", f"/messages/last?vendor={vendor}&limit={limit}")["data"]

    def subscribe(self, application_server_key=None):
        """A browser's subscription at the push service; `key` of /v1/webpush/key makes it for that key only."""
        body = {"applicationServerKey": application_server_key} if application_server_key else {}
        return self._call("POST", "/webpush/subscribe", body)

    def unsubscribe(self, subscription):
        self._call("DELETE", "/webpush/subscriptions/" + subscription["endpoint"].rsplit("/", 1)[1])

    def faults(self, **vendors):
        """Sets the faults of the vendors named (see src/sim/faults.h); without any, ends all faults."""
        return self._call("PUT", "/faults", vendors) if vendors else self._call("DELETE", "/faults")

    def webhooks(self, **urls):
        """Where vendors report whose webhook is set in their console."""
        self._call("PUT", "/webhooks", urls)

    def inbound(self, vendor, phone, text):
        """Somebody writes to the vendor's number."""
        self._call("POST", "/inbound", {"vendor": vendor, "from": phone, "text": text})

    def advance(self, by):
        """Moves the vendors' clock forward."""
        return self._call("POST", "/clock", {"advance": by})


def integrations(simulator):
    """Integration key → body of PUT /v1/integrations/{key} for each vendor of the simulator."""
    said = simulator.description
    apns, fcm, twilio, smtp, vonage = (said[name] for name in ("apns", "fcm", "twilio", "smtp", "vonage"))
    text = lambda path: pathlib.Path(path).read_text()  # noqa: E731
    return {
        "apns": {"provider": "apns", "settings": {
            "endpoint": apns["endpoint"], "ca_file": said["ca_file"], "private_key": text(apns["key_file"]),
            "team_id": apns["team_id"], "key_id": apns["key_id"], "topic": apns["topic"]}},
        "fcm": {"provider": "fcm", "settings": {
            "endpoint": fcm["endpoint"], "ca_file": said["ca_file"],
            "service_account": text(fcm["service_account_file"])}},
        "webpush": {"provider": "webpush", "settings": {
            "endpoint": said["webpush"]["endpoint"], "ca_file": said["ca_file"],
            "subject": "mailto:bells@example.test"}},
        "twilio": {"provider": "twilio_sms", "settings": {
            "endpoint": twilio["endpoint"], "account_sid": twilio["account_sid"],
            "auth_token": twilio["auth_token"], "from": twilio["from"]}},
        "twilio_voice": {"provider": "twilio_voice", "settings": {
            "endpoint": twilio["endpoint"], "account_sid": twilio["account_sid"],
            "auth_token": twilio["auth_token"], "from": twilio["from"]}},
        "vonage": {"provider": "vonage_sms", "settings": {
            "endpoint": vonage["endpoint"], "api_key": vonage["api_key"], "api_secret": vonage["api_secret"],
            "signature_secret": vonage["signature_secret"], "from": vonage["from"]}},
        "vonage_voice": {"provider": "vonage_voice", "settings": {
            "endpoint": vonage["endpoint"], "application_id": vonage["application_id"],
            "private_key": text(vonage["private_key_file"]), "signature_secret": vonage["signature_secret"],
            "from": vonage["from"]}},
        "smtp": {"provider": "smtp", "settings": {
            "endpoint": smtp["url"], "ca_file": said["ca_file"], "username": smtp["user"],
            "password": smtp["password"], "from_email": "bells@example.test", "from_name": "Carillon"}},
        **china_vendors(said),
        **mail_vendors(said),
        "slack": {"provider": "slack", "settings": {
            "endpoint": said["slack"]["endpoint"], "bot_token": said["slack"]["bot_token"]}},
        "kakao": {"provider": "kakao_alimtalk", "settings": {
            key: said["solapi"][key] for key in ("endpoint", "api_key", "api_secret", "channel_id", "template_id",
                                                 "webhook_secret")}},
        "webhook": {"provider": "webhook", "settings": {}},
    }


def china_vendors(said):
    """Those of integrations() that carry push without Google's services."""
    jpush, pushy, hms = (said[name] for name in ("jpush", "pushy", "hms"))
    return {
        "jpush": {"provider": "jpush", "settings": {
            "endpoint": jpush["endpoint"], "app_key": jpush["app_key"], "master_secret": jpush["master_secret"]}},
        "pushy": {"provider": "pushy", "settings": {"endpoint": pushy["endpoint"], "api_key": pushy["api_key"]}},
        "hms": {"provider": "hms", "settings": {
            "endpoint": hms["endpoint"], "ca_file": said["ca_file"], "token_url": hms["token_url"],
            "app_id": hms["app_id"], "app_secret": hms["app_secret"],
            "receipt_user": hms["receipt_user"], "receipt_key": hms["receipt_key"]}},
    }


def mail_vendors(said):
    """Those of integrations() that send e-mail by an API of their own."""
    sendgrid, mailchimp, ses = (said[name] for name in ("sendgrid", "mailchimp", "ses"))
    sender = {"from_email": "bells@example.test", "from_name": "Carillon"}
    return {
        "sendgrid": {"provider": "sendgrid", "settings": {
            "endpoint": sendgrid["endpoint"], "api_key": sendgrid["api_key"],
            "webhook_public_key": sendgrid["webhook_public_key"], **sender}},
        "mailchimp": {"provider": "mailchimp", "settings": {
            "endpoint": mailchimp["endpoint"] + "/api/1.0", "api_key": mailchimp["api_key"],
            "webhook_key": mailchimp["webhook_key"], **sender}},
        "ses": {"provider": "ses", "settings": {
            "endpoint": ses["endpoint"], "region": ses["region"], "access_key_id": ses["access_key_id"],
            "secret_access_key": ses["secret_access_key"], "topic_arn": ses["topic_arn"],
            "sns_origin": ses["endpoint"], **sender}},
    }


def reachable(server):
    """Starts the server again with its address as the public URL, so that vendors call it back."""
    server.settings["server.public_url"] = server.url
    server.restart()
    return server


def connect(server, simulator, *only):
    """Configures a vendor for each channel (or `only` these keys of integrations()) in a server."""
    for key, body in integrations(simulator).items():
        if key in (only or CONNECTED):
            server.put(f"/v1/integrations/{key}", body)
    simulator.clear_log()  # of the messages that tested the credentials
    return server
