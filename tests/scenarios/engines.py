"""Engines that processes share, for the scenarios: a Redis, a Kafka broker, and a store that goes with them.

    redis          a redis-server of this test alone
    kafka          a KRaft broker of one node, the same for all tests, running when a test gets it
    shared_store   the URL of an empty store that several processes may use
"""
import atexit
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

import harness

JARS = harness.ROOT / "build" / "kafka" / "lib"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Engine:
    """A server of somebody else's, on a port that it keeps, with its log in a folder of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.log_file = self.folder / "engine.log"
        self.process = None
        atexit.register(self.kill)

    def _spawn(self, *words, **more):
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, **more)

    def _wait_for(self, text):
        def look():
            assert self.process.poll() is None, self.log_file.read_text()[-harness.LOG_TAIL_BYTES:]
            return text in self.log_file.read_text()
        harness.wait_until(look, lambda: f"{text!r} in {self.log_file.read_text()[-harness.LOG_TAIL_BYTES:]}", 120)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9; it may be started again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Redis(Engine):
    password = ""

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        more = ("--requirepass", self.password) if self.password else ()
        self._spawn("redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no",
                    "--dir", self.folder, *more)
        self._wait_for("Ready to accept connections")
        return self


class Kafka(Engine):
    def __init__(self, folder):
        super().__init__(folder)
        (self.folder / "log4j.properties").write_text(
            "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.out.layout.ConversionPattern=%p %m%n\n")
        controller = free_port()
        self.properties = self.folder / "server.properties"
        self.properties.write_text(
            f"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}\ncontroller.listener.names=CONTROLLER\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"inter.broker.listener.name=PLAINTEXT\nlog.dirs={self.folder}/data\n"
            "num.partitions=1\noffsets.topic.num.partitions=4\noffsets.topic.replication.factor=1\n"
            "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
            "group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n"
            "num.network.threads=2\nnum.io.threads=2\nlog.cleaner.dedupe.buffer.size=4194304\n")

    @property
    def url(self):
        return f"kafka://127.0.0.1:{self.port}"

    def java(self, *words):
        return ("java", "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dlog4j.configuration=file:{self.folder}/log4j.properties", "-cp", f"{JARS}/*", *words)

    def start(self):
        if not (self.folder / "data" / "meta.properties").exists():
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c",
                                      str(self.properties)), check=True, capture_output=True, timeout=120)
        self._spawn(*self.java("kafka.Kafka", self.properties))
        self._wait_for("Kafka Server started")
        return self

    def make_topic(self, name, partitions, **settings):
        """With settings as they are written in Python: retention_ms=1000."""
        more = [part for key, value in settings.items() for part in ("--config", f"{key.replace('_', '.')}={value}")]
        subprocess.run(self.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", f"127.0.0.1:{self.port}",
                                  "--create", "--topic", name, "--partitions", str(partitions), *more),
                       check=True, capture_output=True, timeout=120)

    def wipe(self):
        """Kills it and forgets all that it had."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)


@pytest.fixture
def redis(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: tools/install_dependencies.sh test")
    folder = tmp_path / "redis"
    folder.mkdir()
    server = Redis(folder).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def one_broker():
    if shutil.which("java") is None or not JARS.exists():
        pytest.skip("there is no Kafka broker in build/kafka/lib, or no Java: tools/install_dependencies.sh test")
    folder = tempfile.mkdtemp(prefix="carillon-kafka-")
    broker = Kafka(folder)
    yield broker
    broker.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def kafka(one_broker):
    if one_broker.process is None:
        one_broker.start()
    return one_broker


@pytest.fixture
def shared_store(request, tmp_path):
    said = harness.run("serve", "--data", tmp_path / "no-data", "--set", "store.url=postgres://127.0.0.1:1/nowhere")
    if "give sqlite:PATH" in said.out + said.err:
        pytest.skip("this binary knows no store that several processes may use")
    return request.getfixturevalue("postgres_cluster").database()
