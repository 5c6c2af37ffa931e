#!/usr/bin/env python3
"""make cluster: PostgreSQL, Redis, Kafka and one process of each role with two workers, all on this machine.

    tools/cluster.py [--folder ./carillon-cluster] [--listen 127.0.0.1:8080] [--workers 2]
                     [--without-kafka] [--without-redis] [--set group.name=value]...

Everything is in the folder; the next start on it goes on where this one ended. What ends unasked, a process that you
kill -9 for example, is started again. Ctrl-C stops all in order: what takes sends first, PostgreSQL last; a second one
kills all, which loses nothing either. tools/cluster_demo.py shows that it works.

In the folder: `keys.json` (the first keys), `secrets.json` (passwords, and the key that all processes share),
`carillon.env` (the same for the command line), `status.json` while it runs (addresses and process ids), `logs/`, and a
folder for each process.
"""
import argparse
import base64
import fcntl
import http.client
import json
import os
import pathlib
import re
import secrets
import shlex
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))
sys.path.insert(0, str(ROOT / "tools"))

import harness  # noqa: E402  (found by the lines above)
from cluster_engines import Child, Failed, Kafka, Postgres, Redis, free_port, write_private  # noqa: E402

LOOK_AGAIN_S = 0.1
DRAIN_LIMIT_S = 40  # above pipeline.drain_timeout and what closing takes
RESTART_S_MAX = 30
WELL_AFTER_S = 60  # so long a process has to run for its next end to be taken for its first
CONNECTIONS_EACH = 8  # of a process to PostgreSQL (docs/operating/postgres.md)
TOPIC = "notification.events"  # taken as the first app, "default" (docs/guides/kafka-events.md)
# The ports that are tried first.
PORTS = {"PostgreSQL": 15432, "Redis": 16379, "Kafka": 19092, "Kafka's controller": 19093, "router": 8091,
         "scheduler": 8092}
FIRST_WORKER_PORT = 8093


class Role(Child):
    """A Carillon process."""

    def __init__(self, name, role, folder, logs, environment, settings):
        super().__init__(name, logs / f"{name}.log")
        self.role = role
        self.folder = folder / name
        self.environment = environment
        self.settings = settings
        self.url = None

    def start(self, listen):
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.listen = listen
        more = [part for text in self.settings for part in ("--set", text)]
        self.spawn([harness.BINARY, self.role, "--data", self.folder / "data", "--listen", listen, *more],
                   cwd=self.folder, env=harness.clean_environment(**self.environment))
        return self

    def wait_ready(self):
        self.url = self.wait_for(lambda: re.search(r"listening on (https?://[^\s\"]+)", self.log_text()),
                                 "'listening on'").group(1)
        self.wait_for(self.is_ready, f"{self.url}/readyz")

    def is_ready(self):
        try:
            return harness.request(self.url + "/readyz", timeout_s=5).status == 200
        except (OSError, http.client.HTTPException):
            return False


def what_it_knows():
    """Which shared engines this binary can use: a subset of {"kafka", "redis"}. Failed when it knows no roles."""
    if not harness.BINARY.exists():
        raise Failed(f"{harness.BINARY} is missing: make build, or set CARILLON_BIN")
    if harness.run("worker", "--help").code != 0 or "--queues" not in harness.run("worker", "--help").out:
        raise Failed(f"{harness.BINARY} runs everything in one process only; build it again: make build")
    with tempfile.TemporaryDirectory() as folder:
        harness.run("reference", folder)
        settings = (pathlib.Path(folder) / "settings.md").read_text()
    line = {name: re.search(rf"^\| `{name}\.url`.*$", settings, re.M) for name in ("queue", "cache")}
    return {engine for engine, name in (("kafka", "queue"), ("redis", "cache"))
            if line[name] and f"{engine}://" in line[name][0]}


class Cluster:
    def __init__(self, folder, listen, workers, wanted, settings=()):
        """`wanted`: of {"kafka", "redis"}, those that are used as far as the binary knows them."""
        self.folder = pathlib.Path(folder).resolve()
        self.listen = listen
        self.settings = list(settings)
        self.workers = workers
        self.known = what_it_knows()
        self.notes = [f"{engine} is left out: this binary does not know it" for engine in sorted(wanted - self.known)]
        self.wanted = wanted & self.known
        self.is_mine = False  # the folder, from start() on
        self.engines = []
        self.roles = []
        self.keys = None
        self._restarts = {}

    # ---- the folder

    def _open_folder(self):
        # The user that PostgreSQL runs as has to get through.
        self.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        self._lock = open(self.folder / "lock", "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"a cluster runs in {self.folder} already; end it by Ctrl-C, or give --folder") from None
        self.is_mine = True
        self.logs = self.folder / "logs"
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.secrets = self._kept("secrets.json", lambda: {
            "secrets_key": base64.b64encode(secrets.token_bytes(32)).decode(),
            "postgres_password": secrets.token_hex(16), "redis_password": secrets.token_hex(16)})
        self.ports = self._kept("ports.json", dict)

    def _kept(self, name, make):
        file = self.folder / name
        if not file.exists():
            write_private(file, json.dumps(make(), indent=1) + "\n")
        return json.loads(file.read_text())

    def _port(self, name, wanted):
        """The port of the last start, else the wanted one, as long as nobody else has it."""
        before = self.ports.get(name)
        port = free_port(before or wanted)
        if before not in (None, port):
            self.notes.append(f"somebody else has port {before}: {name} is on {port} now")
        self.ports[name] = port
        write_private(self.folder / "ports.json", json.dumps(self.ports, indent=1) + "\n")
        return port

    def _describe(self):
        processes = {child.name: {"pid": child.pid, "url": getattr(child, "url", None) if child in self.roles else None,
                                  "log": str(child.log_file)} for child in [*self.engines, *self.roles]}
        write_private(self.folder / "status.json",
                      json.dumps({"url": self.api.url, "processes": processes}, indent=1) + "\n")

    # ---- start and stop

    def start(self):
        self._open_folder()
        self._start_engines()
        self._start_roles()
        self._describe()
        return self

    def _start_engines(self):
        postgres = Postgres(self.folder / "postgres", self.logs / "postgres.log", self.secrets["postgres_password"])
        redis = Redis(self.folder / "redis", self.logs / "redis.log", self.secrets["redis_password"]) \
            if "redis" in self.wanted else None
        kafka = Kafka(self.folder / "kafka", self.logs / "kafka.log") if "kafka" in self.wanted else None
        self.postgres, self.redis, self.kafka = postgres, redis, kafka
        self.engines = [engine for engine in (postgres, redis, kafka) if engine]
        postgres.start(self._port("PostgreSQL", PORTS["PostgreSQL"]), CONNECTIONS_EACH * (self.workers + 3) + 40)
        if redis:
            redis.start(self._port("Redis", PORTS["Redis"]))
        if kafka:
            kafka.start(self._port("Kafka", PORTS["Kafka"]),
                        self._port("Kafka's controller", PORTS["Kafka's controller"]))
        for engine in self.engines:
            engine.wait_ready()

    def _start_roles(self):
        # What holds a password is in the environment: anybody on this machine sees the words of a command.
        environment = {"CARILLON_STORE_URL": self.postgres.url, "CARILLON_SECRETS_KEY": self.secrets["secrets_key"],
                       # A worker attaches what the API took.
                       "CARILLON_OBJECTS_URL": f"file:{self.folder}/objects"}
        if self.redis:
            environment["CARILLON_CACHE_URL"] = self.redis.url
        if self.kafka:
            environment["CARILLON_QUEUE_URL"] = self.kafka.url
            environment["CARILLON_KAFKA_TOPICS"] = f"{TOPIC}=default/default"
        (self.folder / "objects").mkdir(mode=0o700, exist_ok=True)
        write_private(self.folder / "carillon.env",
                      "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()))

        def role(name, command):
            made = Role(name, command, self.folder, self.logs, environment, self.settings)
            self.roles.append(made)
            return made
        self.api = role("api", "api")
        host, wanted = self.listen.rsplit(":", 1)
        port = self._port("api", int(wanted)) if wanted == "0" else int(wanted)
        # The first makes the tables and the keys.
        self._wait_or_again(self.api.start(f"{host}:{port}"))
        for name in ("router", "scheduler"):
            role(name, name).start(f"127.0.0.1:{self._port(name, PORTS[name])}")
        for i in range(self.workers):
            port = self._port(f"worker-{i + 1}", FIRST_WORKER_PORT + i)
            role(f"worker-{i + 1}", "worker").start(f"127.0.0.1:{port}")
        for started in self.roles[1:]:
            self._wait_or_again(started)
        self._take_keys()

    def _wait_or_again(self, role):
        """As those that watch over processes do: one that ends at its start gets another."""
        for is_last in (False, True):
            try:
                return role.wait_ready()
            except Failed as problem:
                if is_last or role.is_running():
                    raise
                say(f"{problem}it is started again")
                role.start(role.listen)

    def _take_keys(self):
        first = self.api.folder / "data" / "first-run.json"
        kept = self.folder / "keys.json"
        if first.exists():
            write_private(kept, first.read_text())
            first.unlink()
        self.keys = json.loads(kept.read_text()) if kept.exists() else None

    def stop(self):
        """What takes sends first, then what sends them, then what they need. Nothing is left running."""
        is_first = True
        for role in ("api", "router", "worker", "scheduler"):
            ending = [child for child in self.roles if child.role == role and child.is_running()]
            for child in ending:
                child.process.send_signal(child.stop_signal)
            for child in ending:
                if is_first:
                    say(f"stopping; what is being sent is finished (at most {DRAIN_LIMIT_S} s)")
                    is_first = False
                child.stop(DRAIN_LIMIT_S)
        for engine in reversed(self.engines):
            engine.stop()
        (self.folder / "status.json").unlink(missing_ok=True)

    def kill(self):
        for child in [*self.roles, *self.engines]:
            child.kill()

    # ---- while it runs

    def named(self, name):
        [child] = [child for child in [*self.engines, *self.roles] if child.name == name]
        return child

    def watch(self):
        """Starts again what ended unasked, later each time; returns by KeyboardInterrupt only."""
        due = {}
        while True:
            for child in [*self.engines, *self.roles]:
                if child.is_running() or child in due:
                    continue
                ended, times = self._restarts.get(child, (0, 0))
                now = time.monotonic()
                times = 1 if now - ended > WELL_AFTER_S else times + 1
                self._restarts[child] = (now, times)
                wait_s = min(2 ** (times - 1), RESTART_S_MAX)
                due[child] = now + wait_s
                say(f"{child.name} ended with {child.process.returncode}; it is started again in {wait_s} s")
            for child in [child for child, when in due.items() if when <= time.monotonic()]:
                del due[child]
                self.start_again(child)
            time.sleep(LOOK_AGAIN_S)

    def start_again(self, child):
        try:
            self._start_one(child)
            child.wait_ready()
        except Failed as problem:
            say(str(problem))
            return
        self._describe()
        say(f"{child.name} is back, process {child.pid}")

    def _start_one(self, child):
        if isinstance(child, Role):
            child.start(child.listen)
        elif child is self.postgres:
            child.start(child.port, CONNECTIONS_EACH * (self.workers + 3) + 40)
        elif child is self.kafka:
            child.start(child.port, self.ports["Kafka's controller"])
        else:
            child.start(child.port)

    # ---- what the user sees

    def welcome(self, took_s):
        lines = [f"Carillon's cluster is ready in {self.folder} ({took_s:.1f} s)", "",
                 f"  {'console, API':<17} {self.api.url}"]
        if self.keys:
            names = {"console": "administrator", "app_key": "app key", "app_secret": "app secret",
                     "test_app_key": "test key", "test_app_secret": "test secret",
                     "management_token": "management token"}
            lines += [f"  {names[name]:<17} {self.keys[name]}" for name in names if name in self.keys]
            lines.append("  (the administrator's link chooses a password and works once; all are kept in keys.json)")
        lines += ["", f"  {'process':<12} {'pid':>8}  where"]
        for child in self.roles:
            lines.append(f"  {child.name:<12} {child.pid:>8}  {child.url}/metrics")
        for engine in self.engines:
            lines.append(f"  {engine.name:<12} {engine.pid:>8}  127.0.0.1:{engine.port}")
        lines += ["", *(f"  {note}" for note in self.notes), *([""] if self.notes else [])]
        if self.keys:
            body = json.dumps({"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "Hello",
                               "body": "The bells ring."})
            lines += ["Send something to the sandbox, with the test key:", "",
                      f"curl -u {self.keys['test_app_key']}:{self.keys['test_app_secret']} {self.api.url}"
                      f"/v1/notifications -H 'Content-Type: application/json' -d '{body}'", ""]
        if self.keys and self.kafka:
            body = json.dumps({"event_id": "order-1", "to": [{"email": "ok@sandbox.carillon.test"}],
                               "channels": ["email"], "title": "Hello", "body": "From a topic."})
            lines += ["Or write one to the topic that services write to; without an integration it waits for a route:",
                      "", f"echo '{body}' | kcat -P -b 127.0.0.1:{self.kafka.port} -t {TOPIC}", ""]
        lines += [f"Command line: set -a; . {self.folder}/carillon.env; carillon status --data {self.api.folder}/data",
                  "kill -9 any of the processes and watch it come back. Ctrl-C stops all in order."]
        say("\n".join(lines))


def say(text):
    print(text, flush=True)


def end_in_order(cluster):
    def at_once(*_):
        say("killed")
        cluster.kill()
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, at_once)
    began = any(child.process for child in [*cluster.engines, *cluster.roles])
    cluster.stop()
    if began:
        say("stopped; the next start on this folder goes on")


def run_cluster(arguments, wanted):
    began = time.monotonic()
    cluster = Cluster(arguments.folder, arguments.listen, arguments.workers, wanted, arguments.set)
    engines = ", ".join(["PostgreSQL", *(name.capitalize() for name in sorted(cluster.wanted, reverse=True))])
    say(f"starting {engines}, and Carillon's api, router, scheduler and {arguments.workers} worker(s)")
    try:
        cluster.start().welcome(time.monotonic() - began)
        cluster.watch()
    except KeyboardInterrupt:
        pass
    finally:
        if cluster.is_mine:
            end_in_order(cluster)
    return 0


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog="See docs/operating/cluster.md.")
    parser.add_argument("--folder", default="carillon-cluster", help="of all of it (default ./carillon-cluster)")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="HOST:PORT of API and console; port 0: any")
    parser.add_argument("--workers", type=int, default=2, help="how many (default 2, at most 32)")
    parser.add_argument("--without-kafka", action="store_true", help="workers look into PostgreSQL for work")
    parser.add_argument("--without-redis", action="store_true", help="each process limits rates by itself")
    parser.add_argument("--set", action="append", default=[], metavar="GROUP.NAME=VALUE",
                        help="a setting for every process; may be repeated")
    arguments = parser.parse_args(words)
    if not re.fullmatch(r".+:\d{1,5}", arguments.listen):
        parser.error("--listen: give HOST:PORT")
    if not 1 <= arguments.workers <= 32:
        parser.error("--workers: give 1 to 32")
    return arguments


def main(words):
    arguments = read_arguments(words)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first too: a shell's background jobs ignore it
        signal.signal(number, signal.default_int_handler)
    wanted = {engine for engine in ("kafka", "redis") if not getattr(arguments, f"without_{engine}")}
    try:
        return run_cluster(arguments, wanted)
    except Failed as problem:
        print(f"cluster: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
