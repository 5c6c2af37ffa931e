"""A worker that heard of work, could not take it and dies: another hears of it again, because an offset is stored when
the claim is committed and not before.

No delivery depends on it: what nobody hears of, the look for due lanes finds a moment later (decision 0020), which is
once a minute here. So what counts is what is heard, and a build that stores offsets first fails (test_mutations.py).
"""
import time

import pytest

import harness
from cluster import KEY, Engines

COUNT = 40
HEARD_AGAIN_S = 40   # above Kafka's session.timeout.ms, after which the group knows that one is gone
OFFSETS_STORED_S = 3  # above what an offset takes to Kafka once it is settled


@pytest.fixture(scope="module")
def engines():
    if why := Engines.why_not():
        pytest.skip(f"{why}: tools/install_dependencies.sh test")
    made = Engines()
    yield made
    made.end()


class Party:
    """An API and two workers that look for due work by themselves once a minute."""

    def __init__(self, folder, engines):
        self.engines = engines
        self.database = engines.postgres.database()
        self.folder = folder
        self.prefix = f"hints{time.time_ns()}."
        self.all = []
        self.simulator = harness.Simulator(folder / "simulator").start()
        self.api = self.add("api")
        # A worker reads what is configured when it starts.
        harness.connect(self.api, self.simulator, "smtp")
        self.one, self.other = self.add("worker-1", "worker"), self.add("worker-2", "worker")

    def add(self, name, role="api"):
        process = harness.Server(self.folder / name, {
            **self.engines.urls(name, self.database), "queue.prefix": self.prefix, "queue.partitions": 2,
            "pipeline.refill_interval": "1m", "store.lease": "5m"}, {"CARILLON_SECRETS_KEY": KEY}, (role,))
        self.all.append(process)
        return process.start()

    def send(self, count):
        return [self.api.send(to=[{"email": f"u{n}@example.test"}], channels=["email"], title="x", body="y")["id"]
                for n in range(count)]

    def end(self):
        self.engines.network.heal()
        for process in [*self.all, self.simulator]:
            process.end()


def heard(worker):
    return worker.metric("carillon_queue_received_total")


def play(folder, engines):
    party = Party(folder, engines)
    try:
        def both_hear():
            party.send(1)
            return heard(party.one) and heard(party.other)
        harness.wait_until(both_hear, "both workers have a part of the queue", 60)
        harness.wait_until(lambda: not party.api.accountability()["states"]["pending"], "all is sent")
        engines.network.disturb("worker-1>postgres", "black_hole")
        one, other = heard(party.one), heard(party.other)
        sent = party.send(COUNT)
        harness.wait_until(lambda: heard(party.one) + heard(party.other) - one - other >= COUNT, "all are heard of")
        untaken = heard(party.one) - one
        assert untaken > 0, "all was heard by the one that is not cut off"
        # So long a build that stores offsets too early has to do it.
        time.sleep(OFFSETS_STORED_S)
        party.one.kill()
        other = heard(party.other)
        engines.network.heal()
        harness.wait_until(lambda: heard(party.other) >= other + untaken,
                           "the other hears of what the one had heard of", HEARD_AGAIN_S)
        for notification in sent:
            assert party.api.wait_final(notification)["outcome"] == "success"
        assert party.api.accountability()["exact"]
    finally:
        party.end()


def test_what_a_lost_worker_heard_of_another_hears_of(tmp_path, engines):
    play(tmp_path, engines)
