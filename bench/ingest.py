#!/usr/bin/env python3
"""Measures what a router takes from a Kafka topic: records a second, and CPU for each.

    bench/ingest.py [--records 200000] [--only ROW[,ROW]] [--quick] [--keep]

PostgreSQL, Redis, a Kafka broker, an api and one router share this machine, as in bench/cluster.py. The records are in
the topic before the router starts, so it takes as many as it can. Sending is paused: what is measured ends with the
commit, as for the rows of "accepted". --quick shows that the machinery works, not how fast it is.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cluster  # noqa: E402  (bench/cluster.py; found by the line above)
from run import ROOT, Row, cpu_s, harness, machine, markdown, say  # noqa: E402

TOPIC = "notification.events"
PARTITIONS = 4
WARM = 10  # one in so many is taken before the watch starts
LOOK_S = 0.05
LIMIT_S = 600
NOTE = {"channels": ["push"], "category": "order_updates", "template": "order_shipped",
        "params": {"item_name": "Blue bell, 20 cm", "order": "A-1700"}}


def notification(number, users):
    return {"event_id": f"order-{number}", "to": [{"user_id": f"u{number * 7919 % users}"}], **NOTE}


def wrapped(number, users):
    """As JsonConverter writes it with schemas: a text that holds JSON."""
    return {"schema": {"type": "string", "optional": False}, "payload": json.dumps(notification(number, users))}


def change(number, users):
    """An updated row, as Debezium writes it."""
    row = {"id": number, "status": "paid", "user_id": f"u{number * 7919 % users}", "total": "17.50", "city": "Seoul"}
    return {"op": "u", "before": row, "after": {**row, "status": "shipped"}, "ts_ms": 1_795_680_000_345,
            "source": {"db": "shop", "schema": "public", "table": "orders", "lsn": 26_801_496 + number,
                       "txId": number, "ts_ms": 1_795_680_000_123, "connector": "postgresql"}}


SHAPES = {"notifications": ("notifications, in JSON of our own", notification, "accepted"),
          "wrapped": ("the same as a text within schema and payload", wrapped, "accepted"),
          "changes": ("changed rows that no rule wants", change, "event"),
          "rules": ("changed rows, each of which a rule sends a notification for", change, "event")}


def table(names):
    rows = {}
    for name in names:
        what = SHAPES[name][0]
        rows[name] = Row(f"records/s taken by one router: {what}", "/s", None, None)
        rows[f"{name}_cpu"] = Row("the router's CPU for each", "µs", None, None, True)
        rows[f"{name}_postgres"] = Row("PostgreSQL's", "µs", None, None, True)
        rows[f"{name}_kafka"] = Row("Kafka's", "µs", None, None, True)
    return rows


class Bench(cluster.Bench):
    def _write(self, shape, count):
        """All of them, from a file: what writes is done before anything is measured."""
        file = self.folder / f"{shape}.ndjson"
        make = SHAPES[shape][1]
        with open(file, "w") as out:
            for number in range(count):
                out.write(json.dumps(make(number, self.sizes.users)) + "\n")
        words = ["kcat", "-P", "-q", "-b", f"127.0.0.1:{self.engines.kafka.port}", "-t", TOPIC, "-l", file]
        subprocess.run(list(map(str, words)), check=True, timeout=LIMIT_S)
        file.unlink()

    def _settings(self, fleet, shape):
        fleet.settings |= {"kafka.topics": f"{TOPIC}=default/default", "queue.partitions": PARTITIONS,
                           "kafka.group": f"bench.{shape}", "dedup.window": "7d"}

    def _start(self, shape):
        """An api, and an empty topic that a first router has made."""
        self._forget_topic()
        fleet = self.fresh()
        self._settings(fleet, shape)
        api = fleet.add("api")
        api.post("/v1/pauses", {"scope": {"channel": "push"}, "reason": "benchmark"})
        if shape == "rules":
            api.put("/v1/rules/shipped", {
                "when": {"type": "row.updated", "source": "/shop/public/orders",
                         "conditions": {"data.after.status": "shipped", "not": {"data.before.status": "shipped"}}},
                "send": {"to": [{"user_id": {"from": "data.after.user_id"}}], "channels": ["push"],
                         "category": "order_updates", "title": "It left", "body": "It arrives today."}})
        fleet.add("first", "router").stop()
        return fleet, api

    def _forget_topic(self):
        subprocess.run(self.engines.kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server",
                                               f"127.0.0.1:{self.engines.kafka.port}", "--delete", "--if-exists",
                                               "--topic", TOPIC), check=True, capture_output=True, timeout=LIMIT_S)

    def measure(self, shape, count):
        outcome = SHAPES[shape][2]
        fleet, api = self._start(shape)
        self._write(shape, count)
        say(f"{shape}: {count:,} records are in the topic")
        router = fleet.add("router")

        def taken():
            return router.metric("carillon_ingest_records_total", outcome=outcome)

        def wait(wanted):
            end = time.monotonic() + LIMIT_S
            while (now := taken()) < wanted:
                if time.monotonic() > end:
                    raise RuntimeError(f"{now:.0f} of {wanted} records were taken in {LIMIT_S} s")
                time.sleep(LOOK_S)
            return now, time.monotonic(), cpu_s(router.pid), self._engines_cpu()
        n0, t0, cpu0, engines0 = wait(count // WARM)
        n1, t1, cpu1, engines1 = wait(count)
        if n1 != count:
            raise RuntimeError(f"{n1:.0f} records were taken, {count} were written")
        n = n1 - n0
        self._set(shape, n / (t1 - t0), f"{n:,.0f} in {t1 - t0:.1f} s")
        self._set(f"{shape}_cpu", (cpu1 - cpu0) / n * 1e6)
        for engine in ("postgres", "kafka"):
            self._set(f"{shape}_{engine}", (engines1[engine] - engines0[engine]) / n * 1e6)
        account = api.accountability()
        accepted = 0 if shape == "changes" else count
        if not account["exact"] or account["accepted"] != accepted:
            raise RuntimeError(f"{accepted} were taken, but the account says {account}")
        self.drop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000, help="of each shape (default 200,000)")
    parser.add_argument("--only", default="", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--quick", action="store_true", help="few records and users: does it work")
    parser.add_argument("--keep", action="store_true", help="leave the data folders")
    parser.add_argument("--folder", default=str(ROOT / "build" / "bench-ingest"), help="where data is kept meanwhile")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or list(SHAPES)
    if unknown := [name for name in wanted if name not in SHAPES]:
        parser.error(f"--only: {unknown[0]} is none of {', '.join(SHAPES)}")
    count = min(options.records, 5_000) if options.quick else options.records
    folder = pathlib.Path(options.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = table(wanted)
    sizes = cluster.Sizes("quick" if options.quick else "short")
    say(f"{machine()}; load average {os.getloadavg()[0]:.1f}")
    bench = Bench(folder, sizes, rows)
    try:
        bench.engines.start()
        bench.simulator.start()
        for shape in wanted:
            bench.measure(shape, count)
    finally:
        bench.end()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print("\n" + markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
