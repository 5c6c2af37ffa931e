#!/usr/bin/env python3
"""make bench-cluster: measures the figures a cluster has to reach, prints the table, writes its part of RESULTS.md.

    bench/cluster.py [--short | --quick] [--only ROW[,ROW]] [--keep]
    bench/day.sh [--scale 0.01]

PostgreSQL, Redis, a Kafka broker, an api, a router, a scheduler, the workers, the simulator and the load generator
share this machine, as the figures ask. PostgreSQL syncs every commit; ENGINE has its other settings.
"""
import argparse
import base64
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import run as alone  # noqa: E402  (bench/run.py: one process; found beside this file)
from run import Row, cpu_s, harness, load, say  # noqa: E402
from cluster_engines import Kafka, Postgres, Redis, free_port  # noqa: E402

KEY = base64.b64encode(bytes(range(32))).decode()
ENGINE = {"shared_buffers": "2GB", "max_wal_size": "8GB", "wal_level": "replica"}
CONNECTIONS = 64
BATCH = 100
TOKEN = "{:064x}"
CRITICAL = alone.EXTRA + ',"priority":"critical"'
PATIENCE_S = 240
DAY = {"push": 10_000_000, "sms": 1_000_000, "email": 5_000_000}
DAY_EXTRA = {
    "push": alone.EXTRA,
    "sms": '"channels":["sms"],"category":"order_updates","sms":{"body":"Order A-1700 arrives today."}',
    "email": '"channels":["email"],"category":"order_updates","title":"On its way",'
             '"body":"Order A-1700 arrives today."'}
# A vendor that binds what a worker can have in hand, and not the cores: one sends 800 a second, as a fifth of its
# slots is for what is critical.
SLOW = {"latency_ms": 1_000, "slots": 1_000}


class Sizes:
    def __init__(self, size):
        def of(quick, short, full):
            return {"quick": quick, "short": short, "full": full}[size]
        self.users = of(20_000, 1_000_000, 1_000_000)
        self.accept_s = of(4, 10, 20)
        self.sent = of(10_000, 100_000, 300_000)
        self.backlog = of(50_000, 500_000, 5_000_000)
        self.drained = of(10_000, 60_000, 100_000)
        self.slow = of(8_000, 16_000, 32_000)
        self.pairs = of(1, 3, 5)
        self.critical_s = of(3, 8, 10)


def table(sizes):
    rows = {
        "accept_single": Row("accepted/s, sending paused, single POSTs, 64 connections", "/s", 10_000, 15_000),
        "accept_batch": Row(f"accepted/s, sending paused, batches of {BATCH}", "/s", 30_000, 45_000),
        "sent_single": Row("end to end to APNs, single POSTs", "/s", 6_000, 15_000),
        "sent_batch": Row("end to end to APNs, batches", "/s", 6_000, 15_000),
        "backlog": Row(f"deliveries/s taken and sent with {sizes.backlog:,} waiting, vs the last {sizes.drained:,} of "
                       "them", "%", 80, 95),
        "backlog_alone": Row(f"the same, vs a small database with {sizes.drained:,} waiting", "%", None, None),
        "workers": Row("deliveries/s, two workers ÷ one, the cores shared by all", "×", None, None),
        "workers_slow": Row(f"the same, a vendor that answers after {SLOW['latency_ms']} ms, {SLOW['slots']:,} in hand",
                            "×", 1.6, 1.9),
        "expand": Row(f"expanded deliveries/s, a group of {sizes.users:,}, one router", "/s", None, None),
        "expand_two": Row("the same, two routers", "/s", None, None),
        "expand_share": Row("of it by the router that did less", "%", 25, 40),
        "expand_p99": Row("p99 of critical sends while a group is expanded and sent ÷ without", "×", 1.2, 1.05, True),
        "day": Row("a day of push, SMS and mail (10 : 1 : 5), end to end", "/s", None, None),
    }
    for name, what in (("single", "single"), ("batch", "batches")):
        rows[f"cpu_{name}"] = Row(f"CPU of all Carillon processes per notification end to end, {what}", "µs", 80, 40,
                                  True)
        rows[f"postgres_{name}"] = Row(f"PostgreSQL's, {what}", "µs", 120, 60, True)
        rows[f"kafka_{name}"] = Row(f"Kafka's, {what}", "µs", None, None, True)
        rows[f"redis_{name}"] = Row(f"Redis's, {what}", "µs", None, None, True)
    return rows


def cpu_tree_s(pid):
    """User and system time of a process, of its children, and of those that have ended."""
    total = 0.0
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        total += sum(int(fields[i]) for i in range(11, 15)) / alone.TICKS_PER_S
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return total
    return total + sum(cpu_tree_s(int(child)) for child in children)


class Database(Postgres):
    """PostgreSQL with the settings of ENGINE besides those of the local cluster."""

    def spawn(self, words, user=None, **more):
        given = [part for name, value in ENGINE.items() for part in ("-c", f"{name}={value}")]
        super().spawn([*words, *given], user, **more)

    def url_of(self, database):
        return f"postgres://carillon:{self.password}@127.0.0.1:{self.port}/{database}"


class Engines:
    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
        logs = folder / "logs"
        logs.mkdir()
        self.postgres = Database(folder / "postgres", logs / "postgres.log", "bench")
        self.redis = Redis(folder / "redis", logs / "redis.log", "bench")
        self.kafka = Kafka(folder / "kafka", logs / "kafka.log")
        self.all = [self.postgres, self.redis, self.kafka]

    def start(self):
        self.postgres.start(free_port(15_532), 200)
        self.redis.start(free_port(16_479))
        self.kafka.start(free_port(19_192), free_port(19_193))
        for engine in self.all:
            engine.wait_ready()

    def end(self):
        for engine in self.all:
            engine.kill() if engine is self.kafka else engine.stop(20)


class Fleet:
    """Carillon's processes on one database; `api` is the one that is asked."""

    def __init__(self, folder, url, name, settings, credentials):
        self.folder = folder
        self.settings = {"server.test_clock": "false", "queue.prefix": f"{name}.", "cache.prefix": f"{name}:",
                         **settings}
        self.environment = {"CARILLON_SECRETS_KEY": KEY, "CARILLON_STORE_URL": url}
        self.credentials = credentials
        self.all = []

    def add(self, name, *command, **settings):
        process = harness.Server(self.folder / name, {**self.settings, **settings}, self.environment,
                                 command or (name,))
        if self.credentials:
            process.app, process.test, process.token = self.credentials
        self.all.append(process)
        process.start()
        return process

    def named(self, role):
        return [process for process in self.all if process.command[0] == role]

    @property
    def api(self):
        return self.all[0]

    def cpu_s(self):
        return sum(cpu_s(process.pid) for process in self.all if process.is_running())

    def end(self):
        for process in self.all:
            process.kill()


class Bench:
    def __init__(self, folder, sizes, rows):
        self.folder = folder
        self.sizes = sizes
        self.rows = rows
        self.engines = Engines(folder)
        self.simulator = harness.Simulator(folder / "simulator", "--counters-only")
        self.fleet = None
        self.credentials = None
        self.count = 0
        self.is_prepared = False

    # ---- preparing

    def _fleet(self, database):
        self.count += 1
        name = f"b{self.count}"
        settings = {"queue.url": self.engines.kafka.url, "cache.url": self.engines.redis.url}
        self.fleet = Fleet(self.folder / name, self.engines.postgres.url_of(database), name, settings,
                           self.credentials)
        return self.fleet

    def _prepare(self):
        """A database with users, a category, a template, the integrations and the group of everybody."""
        say(f"preparing {self.sizes.users:,} users")
        self.engines.postgres.sql("DROP DATABASE IF EXISTS seed WITH (FORCE)", "postgres")
        self.engines.postgres.sql("CREATE DATABASE seed", "postgres")
        fleet = self._fleet("seed")
        api = fleet.add("api")
        self.credentials = (api.app, api.test, api.token)
        harness.connect(api, self.simulator, "apns", "fcm", "twilio", "smtp")
        api.put("/v1/categories/order_updates", {"channels": ["push", "sms", "email"], "ttl": None,
                                                 "max_priority": "critical"})
        api.patch(f"/v1/apps/{api.get('/v1/apps')['data'][0]['name']}",
                  {"max_priority": "critical", "critical_limit": 100_000})
        api.put("/v1/templates/order_shipped?publish=true", {
            "default_locale": "en",
            "params": [{"name": "item_name", "type": "string", "required": True}, {"name": "order", "type": "string"}],
            "content": {"en": {"title": "{{item_name}} is on its way", "body": "Order {{order}} arrives today."},
                        "ko": {"title": "{{item_name}} 출발", "body": "주문 {{order}} 오늘 도착"}}})
        api.put_user("u0", name="Recipient", email="u0@example.test", phone_number="+821020000000", locale="en")
        api.put("/v1/users/u0/devices/d0", {"platform": "ios", "endpoints": [
            {"service": "apns", "token": TOKEN.format(2**40)}]})
        api.put("/v1/groups/all", {"name": "All"})
        api.post("/v1/groups/all/members", {"user_ids": ["u0"]})
        fleet.end()
        self._multiply_users()
        self.is_prepared = True

    def _multiply_users(self):
        last = self.sizes.users - 1
        sql = lambda text: self.engines.postgres.sql(text, "seed")  # noqa: E731
        sql("INSERT INTO profile(project, user_id, version, email, data) SELECT project, 'u' || i, version, "
            "'u' || i || '@example.test', replace(replace(replace(data, 'u0@', 'u' || i || '@'), '+821020000000', "
            "'+8210' || 20000000 + i), "
            f"'{TOKEN.format(2**40)}', lpad(to_hex({2**40} + i), 64, '0')) "
            f"FROM profile, generate_series(1, {last}) i WHERE user_id = 'u0'")
        sql("INSERT INTO member(user_group, user_id, added, removed) SELECT user_group, 'u' || i, added, NULL "
            f"FROM member, generate_series(1, {last}) i WHERE user_id = 'u0'")
        sql(f"UPDATE user_group SET n = {self.sizes.users}")
        sql("VACUUM (ANALYZE, FREEZE) profile")
        sql("VACUUM (ANALYZE, FREEZE) member")
        sql("CHECKPOINT")

    def fresh(self, *roles):
        """Started processes on a copy of the prepared database, a database of its own for every run."""
        if not self.is_prepared:
            self._prepare()
        self.drop()
        self.engines.postgres.sql("CREATE DATABASE bench TEMPLATE seed STRATEGY file_copy", "postgres")
        fleet = self._fleet("bench")
        for i, role in enumerate(roles):
            fleet.add(f"{role}-{i}", role)
        self.simulator.clear_log()
        return fleet

    def drop(self):
        if self.fleet:
            self.fleet.end()
            self.fleet = None
        self.engines.postgres.sql("DROP DATABASE IF EXISTS bench WITH (FORCE)", "postgres")

    def end(self):
        if self.fleet:
            self.fleet.end()
        self.simulator.end()
        self.engines.end()

    def _taken(self):
        return sum(vendor.get("accepted", 0) for vendor in self.simulator.counts().values() if isinstance(vendor, dict))

    def _engines_cpu(self):
        return {"postgres": cpu_tree_s(self.engines.postgres.pid), "kafka": cpu_tree_s(self.engines.kafka.pid),
                "redis": cpu_tree_s(self.engines.redis.pid)}

    def _wait_taken(self, wanted, limit_s=PATIENCE_S):
        harness.wait_until(lambda: self._taken() >= wanted,
                           lambda: f"{self._taken()} of {wanted} at the simulator", limit_s)

    # ---- the rows

    def measure_accept(self, name, batch):
        fleet = self.fresh("api", "worker", "scheduler")
        fleet.api.post("/v1/pauses", {"scope": {"channel": "push"}, "reason": "benchmark"})
        load(fleet.api, connections=CONNECTIONS, batch=batch, seconds=2, users=self.sizes.users)
        before, used = self._engines_cpu(), fleet.cpu_s()
        report = load(fleet.api, connections=CONNECTIONS, batch=batch, seconds=self.sizes.accept_s,
                      users=self.sizes.users)
        after, n = self._engines_cpu(), report["accepted"]
        each = {name: (after[name] - before[name]) / n * 1e6 for name in after}
        self._set(name, report["per_second"],
                  f"p99 {report['p99_ms']} ms; Carillon {(fleet.cpu_s() - used) / n * 1e6:.1f} µs each, PostgreSQL "
                  f"{each['postgres']:.1f}, Kafka {each['kafka']:.1f}, Redis {each['redis']:.1f}")
        self._check_account(fleet.api, n)
        self.drop()

    def measure_sent(self, name, batch):
        fleet = self.fresh("api", "worker", "scheduler", "router")
        load(fleet.api, connections=CONNECTIONS, batch=batch, count=2_000, seconds=30, users=self.sizes.users)
        fleet.api.wait_idle(60)
        warm = self._taken()
        before, used, began = self._engines_cpu(), fleet.cpu_s(), time.monotonic()
        report = load(fleet.api, connections=CONNECTIONS, batch=batch, seconds=PATIENCE_S, count=self.sizes.sent,
                      users=self.sizes.users)
        wanted = report["accepted"]
        self._wait_taken(warm + wanted)
        fleet.api.wait_idle(60)
        took = time.monotonic() - began
        after, used = self._engines_cpu(), fleet.cpu_s() - used
        self._set(f"sent_{name}", wanted / took,
                  f"{wanted:,} in {took:.1f} s; accepted at {report['per_second']:,.0f}/s, p99 {report['p99_ms']} ms")
        shares = ", ".join(f"{p.command[0]} {cpu_s(p.pid) / wanted * 1e6:.1f}" for p in fleet.all)
        self._set(f"cpu_{name}", used / wanted * 1e6, f"of which {shares}")
        for engine in after:
            self._set(f"{engine}_{name}", (after[engine] - before[engine]) / wanted * 1e6)
        self._check_account(fleet.api, wanted)
        self.drop()

    def _drain_rate(self, fleet, workers, wanted, skipped):
        """Deliveries a second over the first `wanted` of what waits, without the first `skipped`: all workers run by
        then, and each has had its first answers."""
        before = self._taken()
        for i in range(workers):
            fleet.add(f"drainer-{i}", "worker")
        self._wait_taken(before + skipped)
        began, first = time.monotonic(), self._taken()
        self._wait_taken(before + wanted)
        return (self._taken() - first) / (time.monotonic() - began)

    def _fill(self, fleet, n):
        """`n` due deliveries that nobody takes yet: no worker runs."""
        limit_s = max(PATIENCE_S, n // 5_000)
        report = load(fleet.api, connections=16, batch=500, count=n, seconds=limit_s, users=self.sizes.users)
        if report["accepted"] < n:
            raise RuntimeError(f"{report['accepted']} of {n} were accepted in {limit_s} s")
        # What PostgreSQL does sometime after so many rows, and not beside what is measured.
        self.engines.postgres.sql("VACUUM (ANALYZE) delivery", "bench")
        self.engines.postgres.sql("CHECKPOINT", "bench")

    def measure_backlog(self):
        """The rate while all of it waits and while the last of it does, in one database; and that of a database which
        never held more."""
        part, rates = self.sizes.drained, {}
        for size in (part, self.sizes.backlog):
            fleet = self.fresh("api", "scheduler")
            self._fill(fleet, size)
            start = self._taken()
            rates[size] = self._drain_rate(fleet, 1, part * 9 // 10, part // 20)
            if size > part:
                self._wait_taken(start + size - part, max(PATIENCE_S, size // 5_000))
                began, first = time.monotonic(), self._taken()
                self._wait_taken(start + size - part // 20)
                last = (self._taken() - first) / (time.monotonic() - began)
            self.drop()
        many = rates[self.sizes.backlog]
        self._set("backlog", many / last * 100, f"{many:,.0f}/s with {self.sizes.backlog:,}, {last:,.0f}/s with the "
                  f"last {part:,} of them")
        self._set("backlog_alone", many / rates[part] * 100, f"{rates[part]:,.0f}/s in a database that never held more "
                  f"than {part:,}")

    def measure_workers(self):
        for row, is_slow in (("workers", False), ("workers_slow", True)):
            rates, count = [], self.sizes.slow if is_slow else self.sizes.drained
            for workers in (1, 2):
                fleet = self.fresh("api", "scheduler")
                if is_slow:
                    apns = harness.integrations(self.simulator)["apns"]
                    apns["settings"]["max_in_flight"] = SLOW["slots"]
                    fleet.api.put("/v1/integrations/apns", apns)
                self._fill(fleet, count)
                if is_slow:
                    self.simulator.faults(apns={"latency_ms": SLOW["latency_ms"]})
                skipped = count // 5 if is_slow else count // 20
                rates.append(self._drain_rate(fleet, workers, count * 9 // 10, skipped))
                self.simulator.faults()
                self.drop()
            self._set(row, rates[1] / rates[0], f"{rates[1]:,.0f}/s by two, {rates[0]:,.0f}/s by one")

    # ---- groups

    @staticmethod
    def _send_to_all(server):
        return server.expect(202, "POST", "/v1/notifications", json.loads(
            '{"to":[{"group":"all"}],' + alone.EXTRA + "}"), auth="app")["id"]

    def measure_expand(self):
        for row, routers in (("expand", 1), ("expand_two", 2)):
            fleet = self.fresh("api", "scheduler", *["router"] * routers)
            api, before, used, began = fleet.api, self._engines_cpu(), fleet.cpu_s(), time.monotonic()
            sent = self._send_to_all(api)
            harness.wait_until(
                lambda: api.get(f"/v1/notifications/{sent}")["status"] == "sending",  # noqa: B023
                "expanded", alone.LIMIT_S)
            took, n = time.monotonic() - began, self.sizes.users
            parts = sorted(p.metric("carillon_expanded_recipients_total") for p in fleet.named("router"))
            self._set(row, n / took, f"{n:,} in {took:.1f} s; Carillon {(fleet.cpu_s() - used) / n * 1e6:.1f} µs each, "
                      f"PostgreSQL {(self._engines_cpu()['postgres'] - before['postgres']) / n * 1e6:.1f}")
            self._check_account(api, n)
            if routers == 2:
                self._set("expand_share", parts[0] / n * 100, f"{parts[0]:,.0f} and {parts[1]:,.0f}")
            self.drop()

    def _critical_ms(self, fleet):
        """One run of critical sends: of each, the time from accept to the vendor's answer."""
        sql = lambda text: self.engines.postgres.sql(text, "bench")  # noqa: E731
        since = int(sql("SELECT coalesce(max(id), 0) FROM notification"))
        report = load(fleet.api, connections=8, rate=alone.CRITICAL_RATE, seconds=self.sizes.critical_s,
                      users=self.sizes.users, extra=CRITICAL)
        sent = (f"FROM notification n JOIN delivery d ON d.id = n.first_delivery WHERE n.id > {since} "
                "AND n.priority = 0 AND d.finished_at IS NOT NULL")
        count = lambda: int(sql(f"SELECT count(*) {sent}"))  # noqa: E731
        harness.wait_until(lambda: count() >= report["accepted"], lambda: f"{count()} of {report['accepted']} sent")
        rows = sql(f"SELECT d.finished_at - n.accepted_at, count(*) {sent} GROUP BY 1")
        return [ms for took, n in (map(int, row.split("|")) for row in rows.splitlines()) for ms in [took] * n]

    def measure_critical_beside(self):
        """Alternating pairs in one run: critical sends alone, and while everybody's bulk ones are made and sent."""
        fleet = self.fresh("api", "worker", "scheduler", "router", "router")
        bulk = lambda: sum(p.metric("carillon_expanded_recipients_total") for p in fleet.named("router"))  # noqa: E731
        self._critical_ms(fleet)
        ratios, singles, beside, halves, made, taken = [], [], [], [], [], []
        for _ in range(self.sizes.pairs):
            fleet.api.wait_idle(120)
            singles.append(alone.exact_p99(self._critical_ms(fleet)))
            before, sent = (bulk(), self._taken()), self._send_to_all(fleet.api)
            times = self._critical_ms(fleet)
            made.append((bulk() - before[0]) / self.sizes.critical_s)
            taken.append((self._taken() - before[1]) / self.sizes.critical_s - alone.CRITICAL_RATE)
            beside.append(alone.exact_p99(times))
            halves.append(sorted(times)[len(times) // 2])
            ratios.append(beside[-1] / singles[-1])
            fleet.api.post(f"/v1/notifications/{sent}/cancel")
        ratios.sort()
        shown = lambda figures: ", ".join(f"{figure:.1f}" for figure in figures)  # noqa: E731
        whole = lambda figures: ", ".join(f"{figure:,.0f}" for figure in figures)  # noqa: E731
        self._set("expand_p99", ratios[len(ratios) // 2],
                  f"median of {len(ratios)} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f}; alone {shown(singles)} ms, "
                  f"beside {shown(beside)} ms, half of them within {whole(halves)} ms, at {alone.CRITICAL_RATE}/s, "
                  f"while {whole(made)} bulk ones a second were made and {whole(taken)} sent")
        self.drop()

    # ---- a day

    def measure_day(self, scale):
        """Everything of a day, as fast as it goes; what was accepted is the sum of what became of it, and reached
        the vendors."""
        fleet = self.fresh("api", "worker", "scheduler", "router")
        counts = {channel: max(int(n * scale), 1) for channel, n in DAY.items()}
        total, began, before, used = sum(counts.values()), time.monotonic(), self._engines_cpu(), fleet.cpu_s()

        def send(channel):
            return load(fleet.api, connections=8, batch=BATCH, count=counts[channel], seconds=alone.LIMIT_S * 12,
                        users=self.sizes.users, extra=DAY_EXTRA[channel])["accepted"]
        with concurrent.futures.ThreadPoolExecutor() as threads:
            accepted = dict(zip(counts, threads.map(send, counts)))
        say(f"accepted {accepted} in {time.monotonic() - began:.1f} s")
        self._wait_taken(sum(accepted.values()), alone.LIMIT_S * 12)
        fleet.api.wait_idle(PATIENCE_S)
        took, n = time.monotonic() - began, sum(accepted.values())
        after, used = self._engines_cpu(), fleet.cpu_s() - used
        account, reached = fleet.api.accountability(), self.simulator.counts()
        say(f"account: {json.dumps(account)}")
        vendors = {"push": "apns", "sms": "twilio", "email": "smtp"}
        wrong = {c: (accepted[c], reached[v]["accepted"]) for c, v in vendors.items()
                 if reached[v]["accepted"] != accepted[c]}
        if not account["exact"] or n < total or wrong:
            raise RuntimeError(f"of {counts} {accepted} were accepted; not as many reached the vendors: {wrong}")
        self._set("day", n / took, f"{n:,} in {took:.0f} s; Carillon {used / n * 1e6:.1f} µs each, PostgreSQL "
                  f"{(after['postgres'] - before['postgres']) / n * 1e6:.1f}, Kafka "
                  f"{(after['kafka'] - before['kafka']) / n * 1e6:.1f}, Redis "
                  f"{(after['redis'] - before['redis']) / n * 1e6:.1f}; the account is exact")
        self.drop()

    # ---- keeping

    def _set(self, row, value, note=""):
        self.rows[row].measured = value
        self.rows[row].note = note
        say(f"{self.rows[row].what}: {self.rows[row].shown(value)} {self.rows[row].unit}   {note}")

    @staticmethod
    def _check_account(server, accepted):
        account = server.accountability()
        if not account["exact"] or account["accepted"] < accepted:
            raise RuntimeError(f"{accepted} were accepted, but the account says {account}")


def write_results(rows, sizes, sync_us, busy, took_s):
    notes = "\n".join(f"- {row.what}: {row.note}" for row in rows.values() if row.note)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    settings = ", ".join(f"`{name} = {value}`" for name, value in ENGINE.items())
    measured = alone.markdown({name: row for name, row in rows.items() if row.measured is not None})
    alone.write_part(1, f"""
Made by `make bench-cluster` at commit {commit.strip() or "(none)"}, in {took_s / 60:.0f} minutes.

Machine: {alone.machine()}; a 4 KiB append with fdatasync takes {sync_us:.0f} µs.
PostgreSQL, Redis, a Kafka broker, an `api`, a `router`, a `scheduler`, a `worker`, the simulator and the load generator
share it. Load average before the first row: {busy:.1f}. PostgreSQL: {settings};
everything else as it comes, `fsync`, `synchronous_commit` and `full_page_writes` on. {sizes.users:,} users with one iOS
device each, drawn uniformly; a template with two parameters; every notification has its own event id.

{measured}

## How each was measured

{notes}

- CPU: user and system time from /proc, divided by the notifications; PostgreSQL's with all its backends and writers.
- Accepted: a stop button holds all push, so deliveries are written and not sent. End to end: from the first request
  until every message is at the simulator and its outcome recorded. Two seconds, or 2,000 sends, go before.
- What waits was accepted while no worker ran; after a vacuum and a checkpoint one (or two) are started. The rate is
  that from the first twentieth of what is counted (a fifth at the slow vendor) to its end, so that the start is not in
  it.
- Critical sends: from accept to the vendor's answer, in whole milliseconds as they are in the database; of
  each pair of runs one by itself, one while a group is made and sent.
- Each figure has a database of its own, copied from the prepared one.
- The day: `bench/day.sh`; it fails unless every notification is in the account and reached its vendor once.
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer rows and sends")
    parser.add_argument("--quick", action="store_true", help="small and short: does it work, not how fast is it")
    parser.add_argument("--only", default="", help="rows: accept sent backlog workers groups critical day")
    parser.add_argument("--scale", type=float, default=0.01, help="of the day: 1 is 16,000,000 notifications")
    parser.add_argument("--keep", action="store_true", help="leave the data folders")
    parser.add_argument("--folder", default=str(ROOT / "build" / "bench-cluster"), help="where data is kept meanwhile")
    options = parser.parse_args()
    sizes = Sizes("quick" if options.quick else "short" if options.short else "full")
    rows = table(sizes)
    folder = pathlib.Path(options.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(alone.machine())
    sync_us, busy, began = alone.fsync_us(folder), os.getloadavg()[0], time.monotonic()
    say(f"a 4 KiB append with fdatasync takes {sync_us:.0f} µs; load average {busy:.1f}")
    bench = Bench(folder, sizes, rows)
    steps = {
        "accept": lambda: (bench.measure_accept("accept_single", 1), bench.measure_accept("accept_batch", BATCH)),
        "sent": lambda: (bench.measure_sent("single", 1), bench.measure_sent("batch", BATCH)),
        "backlog": bench.measure_backlog,
        "workers": bench.measure_workers,
        "groups": bench.measure_expand,
        "critical": bench.measure_critical_beside,
        "day": lambda: bench.measure_day(options.scale),
    }
    wanted = [name for name in options.only.split(",") if name] or list(steps)
    failed = []
    try:
        bench.engines.start()
        bench.simulator.start()
        for name in wanted:
            try:
                steps[name]()
            except (RuntimeError, AssertionError, subprocess.TimeoutExpired) as problem:
                say(f"{name} could not be measured: {problem}")
                failed.append(name)
                bench.drop()
    finally:
        bench.end()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print("\n" + alone.markdown({name: row for name, row in rows.items() if row.measured is not None}))
    if not options.quick and not options.only:
        write_results(rows, sizes, sync_us, busy, time.monotonic() - began)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
