"""A cluster that is to be disturbed: PostgreSQL, Redis, Kafka, an API, a router, two schedulers and two workers, each
process with a network of its own to PostgreSQL and Redis.

What happens to it is in disturbances.py; load, clients and checker are those of the server that runs alone.
"""
import base64
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time

import engines
import harness
import postgres
from clocks import MovedClock
from checker import check
from load import USERS, Clients
from proxy import Network
from world import CATEGORY, is_over

KEY = base64.b64encode(bytes(range(32))).decode()
LEASE_S = 3
WINDOW = 64
LANES = 3        # push.ios and email at normal, email at bulk
CLIENTS = 3
ROLES = {"api": "api", "router": "router", "scheduler-1": "scheduler", "scheduler-2": "scheduler",
         "worker-1": "worker", "worker-2": "worker"}
JUMPY = ("router", "scheduler-1", "worker-2")  # their clocks can be moved, which makes them a little slower
ROUND_S = (0.1, 0.6)  # under load, before something happens
SETTINGS = {
    "store.lease": f"{LEASE_S}s", "store.leader_lease": "1s", "pipeline.window": WINDOW, "queue.partitions": 2,
    "queue.prefix": "chaos.",
}


class Kafka(engines.Kafka):
    """Reached through the network: it gives the address there as its own."""

    def __init__(self, folder, network):
        super().__init__(folder)
        self.public_port = network.link("kafka", ("127.0.0.1", self.port))
        text = self.properties.read_text()
        self.properties.write_text(text.replace(f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
                                                f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.public_port}"))


class Engines:
    """What the processes stand on. `why_not()` says what is not installed."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-chaos-"))
        self.network = Network()
        self.postgres = postgres.Cluster()
        for name in ("redis", "kafka"):
            (self.folder / name).mkdir()
        self.redis = engines.Redis(self.folder / "redis").start()
        self.kafka = Kafka(self.folder / "kafka", self.network).start()

    @staticmethod
    def why_not():
        if not postgres.binaries():
            return "postgres: PostgreSQL is not installed"
        if shutil.which("redis-server") is None:
            return "redis: redis-server is not installed"
        if shutil.which("java") is None or not engines.JARS.exists():
            return "kafka: there is no broker in build/kafka/lib, or no Java"
        return MovedClock.why_not()

    def urls(self, process, database):
        """Settings by which a process finds them: each has its own way there, which can be broken alone."""
        links = self.network.links

        def port(name, target):
            name = f"{process}>{name}"
            return links[name] if name in links else self.network.link(name, target)
        sql = port("postgres", f"{self.postgres.folder}/.s.PGSQL.5432")
        cache = port("redis", ("127.0.0.1", self.redis.port))
        return {"store.url": f"postgresql://carillon@127.0.0.1:{sql}/{postgres.name_of(database)}",
                "cache.url": f"redis://127.0.0.1:{cache}",
                "queue.url": f"kafka://127.0.0.1:{self.kafka.public_port}"}

    def redis_say(self, *words):
        subprocess.run(["redis-cli", "-p", str(self.redis.port), *words], check=True, capture_output=True, timeout=30)

    def end(self):
        self.kafka.kill()
        self.redis.kill()
        self.postgres.end()
        self.network.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class ClusterWorld:
    """The processes, the simulator, and the clients between them. Each test has one, on a database of its own."""

    def __init__(self, folder, engines, seed, clients=CLIENTS, settings=None):
        self.rng = random.Random(seed)
        self.engines = engines
        self.network = engines.network
        self.kills = 0            # of processes and engines
        self.in_doubt = 0         # moments at which all that was in flight may be sent again
        self.starting_kafka = None
        self.told = []            # what happened, for whoever has to understand a failure
        self.began = time.monotonic()
        self.simulator = harness.Simulator(folder / "simulator").start()
        self.processes = {}
        self.clocks = {}
        database = engines.postgres.database()
        settings = {**SETTINGS, "queue.prefix": f"chaos{random.randrange(10**9)}.", **(settings or {})}
        for name, role in ROLES.items():
            environment = {"CARILLON_SECRETS_KEY": KEY}
            if name in JUMPY:
                self.clocks[name] = MovedClock(folder / f"{name}.clock")
                environment |= self.clocks[name].environment
            process = harness.Server(folder / name, {**settings, **engines.urls(name, database)}, environment,
                                     (role,))
            self.processes[name] = process
            process.start(ready=name == "api")  # the first makes tables and keys
        self.api = self.processes["api"]
        for process in self.processes.values():
            process.app, process.token = self.api.app, self.api.token
            process.wait_ready()
        self._configure()
        self.clients = Clients(self.api, seed, clients)

    def _configure(self):
        harness.connect(self.api, self.simulator, "apns", "smtp")
        self.api.put("/v1/categories/chaos", CATEGORY)
        for n in range(USERS):
            self.api.put_user(f"user-{n}")
            self.api.put(f"/v1/users/user-{n}/devices/phone-{n}", {
                "platform": "ios", "endpoints": [{"service": "apns", "token": f"{n + 1:064x}"}]})

    def end(self):
        self.network.heal()
        for process in self.processes.values():
            process.end()
        self.simulator.end()

    # ---- happening

    def round(self, what, act):
        """Load for a moment, then something happens."""
        self.clients.resume()
        time.sleep(self.rng.uniform(*ROUND_S))
        self.tell(what)
        act(self)
        self.supervise()

    def tell(self, what):
        self.told.append(f"{time.monotonic() - self.began:7.2f} s {what}")

    def kill(self, name, count=True):
        """kill -9 of a process, which may be dead already."""
        self.processes[name].kill()
        self.kills += count
        self.in_doubt += name.startswith("worker")

    def start(self, name):
        """Starts one again, with whatever its environment says, and lets it come up by itself: an engine may be
        away just now, which ends it, and then it is started again, as a supervisor does."""
        process = self.processes[name]
        if process.process is None:
            process.start(ready=False)

    def supervise(self):
        """Starts what has ended by itself."""
        for name, process in self.processes.items():
            if process.process is not None and not process.is_running():
                self.tell(f"{name} ended with {process.process.returncode}")
                process.kill()
                self.start(name)

    def wait_kafka(self):
        """Its start, when one is under way."""
        if self.starting_kafka is not None:
            self.starting_kafka.join()
            self.starting_kafka = None

    def is_ready(self, name):
        process = self.processes[name]
        try:
            if not process.is_running():
                return False
            answer = harness.request(process.url + "/readyz", timeout_s=5)
            # One whose clock was moved says so until it is moved back, and works all the same.
            return answer.status == 200 or {each["part"] for each in answer.body["reasons"]} == {"clock"}
        except (OSError, harness.http.client.HTTPException):
            return False

    def wait_ready(self, patience_s=60):
        """Until all processes are, those that end meanwhile started again."""
        waiting = set(self.processes)

        def look():
            self.supervise()
            waiting.difference_update([name for name in waiting if self.is_ready(name)])
            return not waiting
        harness.wait_until(look, lambda: f"not ready: {sorted(waiting)}", patience_s)

    def how_it_is(self):
        """For whoever has to understand a failure: what happened, how each process is, what PostgreSQL is doing."""
        said = list(self.told)
        for name, process in self.processes.items():
            try:
                said.append(f"{name}: {harness.request(process.url + '/readyz', timeout_s=5)}")
            except (OSError, harness.http.client.HTTPException) as problem:
                said.append(f"{name}: {problem!r}")
            said.append(process.log_text(since_start=False)[-6000:])
        said.append(self.engines.postgres.sql(
            "SELECT application_name, client_port, pid, pg_blocking_pids(pid), state, wait_event, "
            "now() - xact_start AS since, left(query, 100) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND state <> 'idle'"))
        return "\n".join(said)

    # ---- the end

    def settle(self, patience_s=120):
        """All is well again, every client gets its answers, every delivery its end."""
        self.network.heal()
        for clock in self.clocks.values():
            clock.jump("+0")
        self.simulator.faults()
        self.wait_kafka()
        self.wait_ready()
        self.tell("all is well")
        finishing = threading.Thread(target=self.clients.finish, daemon=True)
        finishing.start()
        while finishing.is_alive():
            self.supervise()
            finishing.join(0.1)
        assert not self.clients.are_waiting(), self.clients.unanswered()
        self.tell("all clients have their answers")

        def is_settled():
            self.supervise()
            time.sleep(0.1)
            return is_over(self.api, self.clients)
        harness.wait_until(is_settled, lambda: f"open: {self.api.accountability()} {self.api.get('/v1/queues')}",
                           patience_s)
        self.tell("nothing is open")

    def verdict(self):
        most = self.in_doubt * WINDOW * LANES
        return check(self.clients.events, self.api.all("/v1/deliveries"), self.simulator.log(),
                     self.api.accountability(), most)
