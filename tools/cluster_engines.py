"""PostgreSQL, Redis and a Kafka broker on this machine, each with its data in a folder of its own.

For tools/cluster.py. They listen on 127.0.0.1 only, are this user's processes, and end with the process that started
them. What they need is installed by `tools/install_dependencies.sh test`. PostgreSQL and Redis ask for a password; the
broker, which holds ids of deliveries only, does not.
"""
import base64
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
JARS = ROOT / "build" / "kafka" / "lib"
LOOK_AGAIN_S = 0.02
START_LIMIT_S = 120
STOP_LIMIT_S = 60
LOG_TAIL = 3000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """What the user has to know or do; printed without a traceback."""


def free_port(wanted=0):
    """`wanted` when nobody has it, else one of the system's choice."""
    for port in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                return listener.getsockname()[1]
            except OSError:
                continue
    raise Failed("no port of 127.0.0.1 is free")


def leave_root(user):
    """Becomes `user` in a child that is about to run a program; nothing without one."""
    if user:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def write_private(path, text):
    """Only this user can read it; it is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


class Child:
    """A process that is stopped by a signal of its own choice, and ends when the one that started it does."""

    stop_signal = signal.SIGTERM

    def __init__(self, name, log_file):
        self.name = name
        self.log_file = log_file
        self.process = None

    def spawn(self, words, user=None, **more):
        def prepare():
            leave_root(user)
            _libc.prctl(PR_SET_PDEATHSIG, int(self.stop_signal))
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with open(self.log_file, "ab") as log:
            # A session of its own: Ctrl-C is for the one that started it.
            self.process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=prepare, **more)

    @property
    def pid(self):
        return self.process.pid

    def log_text(self):
        """What it wrote since it was started."""
        with open(self.log_file, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait_for(self, look, what):
        """Until `look` returns something true, which is returned; Failed when it ends or takes too long."""
        end = time.monotonic() + START_LIMIT_S
        while True:
            seen = look()
            if seen:
                return seen
            if not self.is_running() or time.monotonic() > end:
                how = "is not ready in time" if self.is_running() else f"ended with {self.process.returncode}"
                raise Failed(f"{self.name} {how}, waited for {what}; its log, {self.log_file}, ends:\n"
                             f"{self.log_text()[-LOG_TAIL:]}")
            time.sleep(LOOK_AGAIN_S)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, limit_s=STOP_LIMIT_S):
        """Its orderly end, or, after the limit, any; the exit code, None when it did not run."""
        if not self.is_running():
            return None
        self.process.send_signal(self.stop_signal)
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode


def run_to_end(name, words, user=None, **more):
    done = subprocess.run(list(map(str, words)), preexec_fn=lambda: leave_root(user), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=START_LIMIT_S, **more)
    if done.returncode != 0:
        raise Failed(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Postgres(Child):
    stop_signal = signal.SIGINT  # "fast": ends sessions, leaves nothing to recover

    def __init__(self, folder, log_file, password):
        super().__init__("PostgreSQL", log_file)
        self.folder = folder
        self.data = folder / "data"
        self.password = password
        self.port = 0
        self.programs = self.find()
        self.user = None

    @staticmethod
    def find():
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not found:
            raise Failed("PostgreSQL is not installed; run tools/install_dependencies.sh test")
        return found[-1].parent

    @property
    def url(self):
        return f"postgres://carillon:{self.password}@127.0.0.1:{self.port}/carillon"

    def _leave_root(self):
        """PostgreSQL refuses to run as root, so it runs as `postgres`, who must get to the folder."""
        if os.geteuid() != 0:
            return
        self.user = pwd.getpwnam("postgres")
        for parent in self.folder.parents:
            mode = parent.stat()
            if not mode.st_mode & 0o001 and mode.st_uid != self.user.pw_uid:
                raise Failed(f"PostgreSQL does not run as root, and the user postgres may not enter {parent}; "
                             "give --folder elsewhere, as /var/tmp/carillon-cluster, or start as another user")
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.log_file.touch()

    def _make(self):
        secret = self.folder / "password"
        write_private(secret, self.password + "\n")
        if self.user:
            os.chown(secret, self.user.pw_uid, self.user.pw_gid)
        run_to_end("initdb", [self.programs / "initdb", "-D", self.data, "-U", "carillon", "-A", "scram-sha-256",
                              "--pwfile", secret, "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"],
                   self.user, cwd="/")
        secret.unlink()

    def sql(self, statement, database="carillon"):
        return run_to_end("psql", [self.programs / "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement], env={
            **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "carillon",
            "PGPASSWORD": self.password, "PGDATABASE": database}).strip()

    def start(self, port, connections):
        self.port = port
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._leave_root()
        if not (self.data / "PG_VERSION").exists():
            shutil.rmtree(self.data, ignore_errors=True)  # of a first start that did not come to its end
            self._make()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "",
                    "max_connections": connections, "shared_buffers": "128MB", "timezone": "UTC",
                    # So that deploy/outbox/ can be tried here; a reader that went away keeps no more WAL than this.
                    "wal_level": "logical", "max_slot_wal_keep_size": "1GB"}
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.spawn([self.programs / "postgres", "-D", self.data, *given], self.user, cwd="/",
                   env={**os.environ, "LC_ALL": "C.UTF-8"})
        return self

    def wait_ready(self):
        self.wait_for(lambda: "ready to accept connections" in self.log_text(), "connections")
        if self.sql("SELECT count(*) FROM pg_database WHERE datname = 'carillon'", "postgres") == "0":
            self.sql("CREATE DATABASE carillon", "postgres")


class Redis(Child):
    def __init__(self, folder, log_file, password):
        super().__init__("Redis", log_file)
        self.folder = folder
        self.password = password
        self.port = 0
        if shutil.which("redis-server") is None:
            raise Failed("redis-server is not installed; run tools/install_dependencies.sh test, or give "
                         "--without-redis")

    @property
    def url(self):
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    def start(self, port):
        self.port = port
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # Nothing is persisted: what it holds may be lost at any moment.
        write_private(self.folder / "redis.conf",
                      f'bind 127.0.0.1\nport {port}\nrequirepass {self.password}\ndir "{self.folder}"\nsave ""\n'
                      "appendonly no\nmaxmemory 256mb\nmaxmemory-policy noeviction\n")
        self.spawn(["redis-server", self.folder / "redis.conf"], cwd=self.folder)
        return self

    def wait_ready(self):
        self.wait_for(lambda: "Ready to accept connections" in self.log_text(), "connections")


class Kafka(Child):
    def __init__(self, folder, log_file):
        super().__init__("Kafka", log_file)
        self.folder = folder
        self.port = 0
        if shutil.which("java") is None or not list(JARS.glob("kafka_2.13-*.jar")):
            raise Failed("there is no Java, or no Kafka broker in build/kafka/lib; run "
                         "tools/install_dependencies.sh test, or give --without-kafka")

    @property
    def url(self):
        return f"kafka://127.0.0.1:{self.port}"

    def java(self, *words):
        return ["java", "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dlog4j.configuration=file:{self.folder}/log4j.properties", "-cp", f"{JARS}/*", *words]

    def start(self, port, controller_port):
        self.port = port
        self.folder.mkdir(mode=0o700, exist_ok=True)
        (self.folder / "log4j.properties").write_text(
            "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m%n\n")
        settings = self.folder / "server.properties"
        settings.write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            f"controller.quorum.voters=1@127.0.0.1:{controller_port}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n"
            "controller.listener.names=CONTROLLER\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"inter.broker.listener.name=PLAINTEXT\nlog.dirs={self.folder}/data\n"
            "num.partitions=4\noffsets.topic.num.partitions=4\noffsets.topic.replication.factor=1\n"
            "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
            "group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n"
            "num.network.threads=2\nnum.io.threads=2\nlog.cleaner.dedupe.buffer.size=4194304\n")
        if not (self.folder / "data" / "meta.properties").exists():
            # One that begins with '-' would be taken for an option.
            cluster_id = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
            run_to_end("Kafka", self.java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", settings))
        self.spawn(self.java("kafka.Kafka", settings), cwd=self.folder)
        return self

    def wait_ready(self):
        self.wait_for(lambda: "Kafka Server started" in self.log_text(), "its start")
