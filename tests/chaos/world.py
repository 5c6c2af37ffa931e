"""A server that dies and comes back, the simulator, and the clients between them."""
import os
import random
import re
import signal
import time

import harness
from checker import OPEN, check
from load import USERS, Clients

CLIENTS = 3
WINDOW = 64          # deliveries in flight per queue and priority
LANES = 3            # push.ios and email at normal, email at bulk
ROUND_S = (0.1, 1.2)  # a life
HITS_MAX = 120
IMPORTED = 2_000     # rows of a file, a hundred in each step
FAULTS = [
    {}, {}, {},
    {"apns": {"rate_429": 0.05, "retry_after_s": 1}},
    {"apns": {"rate_5xx": 0.05, "status_5xx": 503}, "smtp": {"rate_5xx": 0.1}},
    {"apns": {"reset_after": 0.01}},
    {"apns": {"reset_before": 0.01}, "smtp": {"reset_after": 0.05}},
    {"apns": {"latency_ms": 30, "latency_jitter_ms": 30}, "smtp": {"latency_ms": 10}},
    {"apns": {"goaway_every": 40}, "smtp": {"goaway_every": 20}},
    {"apns": {"refused_stream": 0.05}},
]
# Retried often and soon: what is wrong lasts a round or two, and nothing may give up because of it.
CATEGORY = {"retry": ["1s"] * 20}


def failpoints():
    """Every named place of the source that a server passes by itself; first runs, backups, moves, uploads, exports,
    webhooks and topics have stories of their own."""
    names = set()
    for file in sorted((harness.ROOT / "src").rglob("*.cpp")):
        if not file.name.endswith("_test.cpp"):
            names |= set(re.findall(r'CARILLON_FAILPOINT\("([^"]+)"\)', file.read_text()))
    elsewhere = ("backup.", "restore.", "objects.", "webhook", "export.", "move.", "days.", "ingest.", "serve.")
    return sorted(name for name in names if not name.startswith(elsewhere))


def is_over(server, clients):
    """All that was accepted is expanded, and nothing of it is open."""
    account = server.accountability()
    return (account["accepted"] >= clients.accepted_deliveries()
            and not any(account["states"][name] for name in OPEN))


class World:
    def __init__(self, folder, seed, clients=CLIENTS):
        self.rng = random.Random(seed)
        self.kills = 0
        self.faulty_rounds = 0
        self.reached = set()
        self.imports = []  # jobs that were answered
        self.simulator = harness.Simulator(folder / "simulator").start()
        self.server = harness.Server(folder / "server", {"pipeline.window": WINDOW})
        self.server.start()
        harness.connect(self.server, self.simulator, "apns", "smtp")
        self.server.put("/v1/categories/chaos", CATEGORY)
        for n in range(USERS):
            self.server.put_user(f"user-{n}")
            self.server.put(f"/v1/users/user-{n}/devices/phone-{n}", {
                "platform": "ios", "endpoints": [{"service": "apns", "token": f"{n + 1:064x}"}]})
        self.clients = Clients(self.server, seed, clients)

    def end(self):
        self.server.end()
        self.simulator.end()

    # ---- dying

    def round(self, place=None):
        """One life: at the end a kill -9, at a named place when one is given."""
        faults = self.rng.choice(FAULTS)
        self.simulator.faults(**faults) if faults else self.simulator.faults()
        self.faulty_rounds += "reset" in str(faults)
        if place is None:
            self.clients.resume()
            time.sleep(self.rng.uniform(*ROUND_S))
        else:
            self._die_at(place)
        self.clients.pause()
        self.kills += 1
        self.server.kill()
        self._start()

    def _die_at(self, place):
        self.clients.resume()
        time.sleep(self.rng.uniform(0.05, 0.3))
        self.server.stop() if self.rng.random() < 0.3 else self.server.kill()
        # Once in a life, or hardly more often.
        is_rare = place.startswith(("recover", "drain", "expand", "erase", "import.after_file"))
        most = IMPORTED // 100 if place.startswith("import") else HITS_MAX
        hits = 1 if is_rare else self.rng.randint(1, most)
        self.server.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:{hits}"}
        self.server.start(ready=False)
        if place.startswith(("import", "erase")):
            self._begin_job(place)
        end = time.monotonic() + (0.5 if place.startswith("drain") else 2 * ROUND_S[1])
        while self.server.is_running() and time.monotonic() < end:
            time.sleep(0.01)
        if self.server.is_running() and place.startswith("drain"):
            os.kill(self.server.pid, signal.SIGTERM)
            harness.wait_until(lambda: not self.server.is_running(), "it does not end")
        if not self.server.is_running() and self.server.process.returncode == -signal.SIGKILL:
            self.reached.add(place)
        self.server.environment = {}

    def _begin_job(self, place):
        """Jobs are no part of the load: one is begun, so that the server dies in it."""
        rows = "".join(f"new-{self.kills}-{n},Person {n}\n" for n in range(IMPORTED))

        def is_begun():
            try:
                if place.startswith("erase"):
                    return self.server.api("POST", f"/v1/users/new-0-{self.kills}/erase").status == 202
                answer = self.server.api("POST", "/v1/imports/users", f"user_id,name\n{rows}".encode(),
                                         headers={"Content-Type": "text/csv"})
            except (OSError, harness.http.client.HTTPException):
                return not self.server.is_running()
            if answer.status == 202:
                self.imports.append(answer.body["id"])
            return answer.status == 202
        harness.wait_until(is_begun, f"no job for {place}")

    def _start(self):
        self.server.start()

    # ---- the end

    def settle(self, patience_s=120):
        """All faults end, every client gets its answers, every delivery its end."""
        self.simulator.faults()
        self.clients.finish()
        advanced = time.monotonic()

        def is_settled():
            nonlocal advanced
            if is_over(self.server, self.clients):
                return True
            if time.monotonic() - advanced > 1:
                self.server.advance("1m")
                advanced = time.monotonic()
            time.sleep(0.1)
            return False
        harness.wait_until(is_settled, lambda: f"open: {self.server.accountability()} {self.server.get('/v1/queues')}",
                           patience_s)
        for job in self.imports:
            def look():
                seen = self.server.get(f"/v1/jobs/{job}")
                return seen if seen["state"] not in ("queued", "running") else None
            ended = harness.wait_until(look, f"{job} has no end", patience_s)
            assert (ended["state"], ended["done"], ended["failed"]) == ("completed", IMPORTED, 0), ended

    def verdict(self):
        most = self.kills * WINDOW * LANES + self.faulty_rounds * WINDOW * LANES * 20
        return check(self.clients.events, self.server.all("/v1/deliveries"), self.simulator.log(),
                     self.server.accountability(), most)
