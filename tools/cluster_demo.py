#!/usr/bin/env python3
"""make cluster-demo: the story of tools/demo.py on a cluster, and a worker that is killed while it sends.

    tools/cluster_demo.py [--without-kafka] [--without-redis]

Starts what tools/cluster.py starts, in a folder of its own and on free ports, and the simulator of the vendors; sends
one notification of every kind, one to a group and one by a Kafka topic, kills a worker with kill -9 in the middle of
sixty pushes, prints what became of all, and ends with 0 only if all ended as it must. Takes half a minute.
"""
import argparse
import collections
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))
sys.path.insert(0, str(ROOT / "tools"))

import cluster  # noqa: E402  (found by the lines above)
import demo  # noqa: E402
import harness  # noqa: E402
import people  # noqa: E402

PUSHES = 60
LEASE_S = 3  # the least there is; a cluster that is not for show keeps the default
SENDING_MS = 5000  # what the vendor takes for an answer while a worker is killed
PATIENCE_S = 60


class ClusterDemo(demo.Demo):
    def __init__(self, server, simulator, running):
        super().__init__(server, simulator)
        self.running = running

    def to_a_group(self):
        self.step("To a group, which the router expands")
        for i in range(300):
            people.ios(self.server, f"member-{i}")
        self.server.put("/v1/groups/friends", {"name": "Friends"})
        self.server.post("/v1/groups/friends/members", {"user_ids": [f"member-{i}" for i in range(300)]})
        answer = self.server.send(to=[{"group": "friends"}], channels=["push"], title="All", body="of you")
        deliveries = self.server.wait_final(answer["id"], PATIENCE_S)["deliveries"]
        self.accepted += len(deliveries)
        self.count_statuses(deliveries)
        self.expect(len(deliveries) == 300 and {d["status"] for d in deliveries} == {"sent"},
                    f"{len(deliveries)} members, all of them sent")

    def write(self, *values):
        """To the topic that services write to, as they would."""
        if shutil.which("kcat") is None:
            raise cluster.Failed("kcat is not installed; run tools/install_dependencies.sh test")
        lines = "".join(f"{value if isinstance(value, str) else json.dumps(value)}\n" for value in values)
        subprocess.run(["kcat", "-P", "-b", f"127.0.0.1:{self.running.kafka.port}", "-t", cluster.TOPIC], input=lines,
                       text=True, check=True, timeout=PATIENCE_S, stderr=subprocess.DEVNULL)

    def from_a_topic(self):
        self.step(f"From the Kafka topic {cluster.TOPIC}: one notification twice, and something that is none")
        before = self.simulator.counts()["smtp"]["accepted"]
        note = {"event_id": "order-18", "to": [{"email": "ann@example.test"}], "channels": ["email"],
                "title": "Order 18", "body": "It left."}
        self.write(note, note, "order 19 left")
        self.accepted += 1
        found = harness.wait_until(lambda: self.server.all("/v1/notifications?event_id=order-18"), "it is taken",
                                   PATIENCE_S)
        [delivery] = self.server.wait_final(found[0]["id"], PATIENCE_S)["deliveries"]
        self.timeline(delivery["id"])
        letters = harness.wait_until(self.open_letters, "a dead letter", PATIENCE_S)
        self.expect(len(found) == 1 and self.simulator.counts()["smtp"]["accepted"] == before + 1, "one mail")
        self.expect([letter["kind"] for letter in letters] == ["record"], "what is none is a dead letter")
        self.step("The dead letter is mended and replayed")
        self.server.post("/v1/dead-letters/replay", {"ids": [letters[0]["id"]], "changes": {
            "record": {**note, "event_id": "order-19", "title": "Order 19"}}})
        self.accepted += 1
        found = harness.wait_until(lambda: self.server.all("/v1/notifications?event_id=order-19"), "it is taken",
                                   PATIENCE_S)
        [delivery] = self.server.wait_final(found[0]["id"], PATIENCE_S)["deliveries"]
        self.timeline(delivery["id"])
        self.expect(delivery["status"] == "sent" and not self.open_letters(), "sent, and no dead letter is left")

    def count_statuses(self, deliveries):
        for status, count in sorted(collections.Counter(d["status"] for d in deliveries).items()):
            print(f"    {count:>4} {status}")

    def claimed_by(self, worker):
        """How many deliveries it took since its start."""
        return harness.Server.metric(worker, "carillon_claim_rows_sum")

    def a_worker_dies(self):
        self.step(f"A worker is killed (kill -9) in the middle of {PUSHES} pushes")
        workers = [self.running.named(f"worker-{i}") for i in (1, 2)]
        before = {worker: self.claimed_by(worker) for worker in workers}
        reached_before = self.simulator.counts()["apns"]["accepted"]
        self.simulator.faults(apns={"latency_ms": SENDING_MS})
        ids = [self.server.send(to=[{"user_id": f"member-{i}"}], channels=["push"], title="x", body="y")["id"]
               for i in range(PUSHES)]
        self.accepted += PUSHES

        def taken():
            return {worker: self.claimed_by(worker) - before[worker] for worker in workers}
        harness.wait_until(lambda: sum(taken().values()) >= PUSHES, taken)
        shares = taken()
        victim = max(workers, key=shares.get)
        victim.kill()
        print(f"  {victim.name} had taken {shares[victim]:.0f} of them; its lease ends after {LEASE_S} s")
        self.simulator.faults()
        deliveries = [delivery for notification in ids
                      for delivery in self.server.wait_final(notification, PATIENCE_S)["deliveries"]]
        self.count_statuses(deliveries)
        longest = max(deliveries, key=lambda d: len(self.server.delivery(d["id"])["timeline"]))
        self.timeline(longest["id"])
        reached = self.simulator.counts()["apns"]["accepted"] - reached_before
        certain = sum(d["status"] == "sent" for d in deliveries)
        self.expect(len(deliveries) == PUSHES and {d["status"] for d in deliveries} <= {"sent", "unknown"},
                    f"none is lost: {certain} sent, {PUSHES - certain} of which only the vendor knows")
        self.expect(reached >= certain, f"the apns simulator has {reached} messages")
        self.running.start_again(victim)
        self.expect(victim.is_ready(), f"{victim.name} is back")


def server_of(running):
    """A client of the cluster's API, as the scenarios use it."""
    server = harness.Server(running.folder / "client")
    server.url = running.api.url
    first = running.keys
    server.app = (first["app_key"], first["app_secret"])
    server.test = (first["test_app_key"], first["test_app_secret"])
    server.token = first["management_token"]
    return server


def run(wanted):
    began = time.monotonic()
    # Not below a folder of this user alone: PostgreSQL does not run as root.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-cluster-demo-", dir="/var/tmp"))
    folder.chmod(0o711)
    simulator = harness.Simulator(folder / "simulator")
    running = None
    try:
        running = cluster.Cluster(folder / "cluster", "127.0.0.1:0", 2, wanted,
                                  [f"store.lease={LEASE_S}s", "store.leader_lease=1s"])
        simulator.start()
        running.start().welcome(time.monotonic() - began)
        story = ClusterDemo(server_of(running), simulator, running)
        story.tell()
        story.to_a_group()
        if running.kafka:
            story.from_a_topic()
        story.a_worker_dies()
        story.the_account()
        running.stop()
    finally:
        if running:
            running.kill()
        simulator.end()
        shutil.rmtree(folder, ignore_errors=True)
    return story.verdict(time.monotonic() - began)


def main(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--without-kafka", action="store_true")
    parser.add_argument("--without-redis", action="store_true")
    arguments = parser.parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first too: a shell's background jobs ignore it
        signal.signal(number, signal.default_int_handler)
    try:
        return run({engine for engine in ("kafka", "redis") if not getattr(arguments, f"without_{engine}")})
    except cluster.Failed as problem:
        print(f"cluster-demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
