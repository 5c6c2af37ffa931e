#!/usr/bin/env python3
"""make bench: measures the figures the server has to reach, prints the table, writes bench/RESULTS.md.

    bench/run.py [--short | --quick] [--only ROW[,ROW]] [--keep]

Everything runs on this machine: server, simulator and load generator share its cores, as the figures ask.
--short takes 2,000,000 rows and 300,000 sends instead of 10,000,000 and 1,000,000: half the time.
--quick takes 100,000 users and rows and writes no file: its figures show that the machinery works.
--only measures some rows; --keep leaves the data.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

import harness  # noqa: E402  (found by the line above)

TOOLS = pathlib.Path(os.environ.get("CARILLON_BENCH_TOOLS") or ROOT / "build" / "release" / "bench")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 64
BATCH = 100
RATE = 2_000  # notifications per second of the latency row: ten times the required mean
EXTRA = ('"channels":["push"],"category":"order_updates","template":"order_shipped",'
         '"params":{"item_name":"Blue bell, 20 cm","order":"A-1700"}')
CRITICAL_RATE = 200
GROUP_PIECE = 10_000  # members added in a call
# Two integrations on each of four channels share their traffic; SILENT is the one that stops answering.
EIGHT = {"push": ("apns", "fcm"), "email": ("sendgrid", "smtp"), "sms": ("twilio", "vonage"),
         "voice": ("twilio_voice", "vonage_voice")}
SILENT = "smtp"
EIGHT_RATE = 100  # notifications per second, each by all four channels and to two devices
EIGHT_USERS = 500
EIGHT_EXTRA = ('"channels":["push","email","sms","voice"],"title":"On its way","body":"Order A-1700 arrives today.",'
               '"sms":{"body":"Order A-1700 arrives today."},"voice":{"text":"Your order arrives today."}')
LIMIT_S = 900  # for any one command


class Sizes:
    def __init__(self, size):
        def of(quick, short, full):
            return {"quick": quick, "short": short, "full": full}[size]
        self.users = of(100_000, 1_000_000, 1_000_000)
        self.accept_s = of(4, 10, 20)
        self.sent = of(50_000, 300_000, 1_000_000)
        self.sent_limit_s = of(30, 90, 240)
        self.latency_s = of(5, 15, 30)
        self.rows = of(200_000, 2_000_000, 10_000_000)
        self.fill_limit_s = of(120, 300, LIMIT_S)
        self.pairs = of(2, 5, 5)  # runs with and without, alternating
        self.critical_s = of(3, 8, 10)
        self.silent_s = of(4, 8, 10)
        self.mails = of(5_000, 10_000, 20_000)
        self.pushes = of(20_000, 100_000, 200_000)


class Row:
    def __init__(self, what, unit, least, aim, is_less_better=False):
        self.what, self.unit, self.least, self.aim = what, unit, least, aim
        self.is_less_better = is_less_better
        self.measured = None
        self.note = ""

    def shown(self, value):
        if value is None:
            return "–"
        if value >= 1000:
            return f"{value:,.0f}"
        return f"{value:.1f}" if value % 1 else f"{value:.0f}"

    def mark(self):
        if self.measured is None or self.least is None:
            return ""
        reaches = (lambda goal: self.measured <= goal) if self.is_less_better else (lambda goal: self.measured >= goal)
        return "aim" if reaches(self.aim) else "yes" if reaches(self.least) else "NO"


def table(sizes):
    many = f"{sizes.rows:,}"
    return {
        "accept_single": Row("accepted/s, sending paused, single POSTs, 64 connections", "/s", 25_000, 60_000),
        "accept_batch": Row(f"accepted/s, sending paused, batches of {BATCH}", "/s", 60_000, 150_000),
        "sent_single": Row("end to end to APNs, single POSTs", "/s", 20_000, 50_000),
        "sent_batch": Row("end to end to APNs, batches", "/s", 40_000, 100_000),
        "cpu_single": Row("server CPU per notification end to end, single", "µs", 45, 20, True),
        "cpu_batch": Row("server CPU per notification end to end, batches", "µs", 30, 12, True),
        "apns_sender": Row("APNs sender: h2load's CPU per request ÷ ours", "%", 80, 95),
        "fcm_sender": Row("FCM sender: the same", "%", 80, 95),
        "hms_sender": Row("HMS sender: the same", "%", 80, 95),
        "webpush": Row("Web Push sender, encrypted messages/s/core", "/s", 5_000, 10_000),
        "sendgrid": Row("SendGrid sender, recipients/s, 1,000 a request", "/s", 50_000, 100_000),
        "smtp": Row("SMTP sender, mails/s/core: MIME, TLS, connections kept", "/s", 4_000, 10_000),
        "smtp_dkim": Row("the same, signed with DKIM, RSA-2048", "/s", None, None),
        "p99": Row("p99 accept → handed to provider at 2,000/s", "ms", 50, 5, True),
        "silent": Row("p99 of other channels, one provider of eight silent, vs all answer", "%", 10, 5, True),
        "pending_rows": Row(f"throughput with {many} pending rows, vs empty", "%", 70, 95),
        "event_ids": Row(f"throughput with {many} random event ids, vs empty", "%", 70, 95),
        "memory_idle": Row("memory, idle", "MB", 60, 25, True),
        "memory_pending": Row(f"memory with {many} pending", "MB", 300, 150, True),
        "restart": Row(f"restart to ready with {many} pending", "s", 10, 1, True),
        "expand": Row(f"expanded deliveries/s, a group of {sizes.users:,}, sending paused", "/s", 30_000, 100_000),
        "expand_memory": Row("memory after that", "MB", 300, 150, True),
        "expand_p99": Row("p99 of critical sends while a group is expanded and sent ÷ without", "×", 1.2, 1.05, True),
    }


def cpu_s(pid):
    """User and system time of a process, all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run_tool(name, *arguments, limit_s=LIMIT_S):
    done = subprocess.run([str(TOOLS / name), *map(str, arguments)], capture_output=True, text=True, timeout=limit_s)
    if done.returncode != 0:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return done.stdout


def load(server, **options):
    """One run of the load generator; what it printed. A problem it met is an error, not a figure."""
    key, secret = server.app
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    report = json.loads(run_tool("carillon_load", "--port", server.port, "--user", key, "--password", secret,
                                 "--extra", EXTRA, *flags))
    if report["refused"] or report["errors"] > report["requests"] / 100:
        raise RuntimeError(f"the load generator was refused: {report}")
    return report


class Bench:
    def __init__(self, folder, sizes, rows):
        self.folder = folder
        self.sizes = sizes
        self.rows = rows
        self.simulator = harness.Simulator(folder / "simulator", "--counters-only")
        self.server = self.seed = None

    # ---- preparing

    def _prepare(self):
        """A data folder with users, a category, a template and the integration; later runs copy it."""
        say(f"preparing {self.sizes.users:,} users")
        server = self._server("seed")
        server.start()
        harness.connect(server, self.simulator, "apns")
        server.put("/v1/categories/order_updates", {"channels": ["push"], "ttl": None})
        server.put("/v1/templates/order_shipped?publish=true", {
            "default_locale": "en",
            "params": [{"name": "item_name", "type": "string", "required": True}, {"name": "order", "type": "string"}],
            "content": {"en": {"title": "{{item_name}} is on its way", "body": "Order {{order}} arrives today."},
                        "ko": {"title": "{{item_name}} 출발", "body": "주문 {{order}} 오늘 도착"}}})
        server.stop()
        run_tool("carillon_seed", "--data", server.data, "--users", self.sizes.users)
        self.seed = server

    def _server(self, name):
        return harness.Server(self.folder / name, {"server.test_clock": "false"})

    def fresh(self, name):
        """A started server on a copy of the prepared data."""
        if self.seed is None:
            self._prepare()
        server = self._server(name)
        shutil.rmtree(server.folder, ignore_errors=True)
        server.folder.mkdir(parents=True)
        # The ballast is made anew.
        shutil.copytree(self.seed.data, server.data, ignore=shutil.ignore_patterns("ballast", "*.sock"))
        server.app, server.test, server.token = self.seed.app, self.seed.test, self.seed.token
        self.server = server
        return server.start()

    def drop(self):
        if self.server:
            self.server.end()
            shutil.rmtree(self.server.folder, ignore_errors=True)
            self.server = None

    def end(self):
        self.drop()
        self.simulator.end()

    # ---- the rows

    def measure_memory_idle(self):
        server = self.fresh("idle")
        time.sleep(2)
        self._set("memory_idle", memory_mb(server.pid), f"{self.sizes.users:,} users stored")
        self.drop()

    def measure_accept(self, name, batch):
        server = self.fresh(name)
        server.post("/v1/pauses", {"scope": {"channel": "push"}, "reason": "benchmark"})
        report = load(server, connections=CONNECTIONS, batch=batch, seconds=self.sizes.accept_s, users=self.sizes.users)
        self._set(name, report["per_second"],
                  f"p99 {report['p99_ms']} ms; load generator {report['cpu_seconds']} CPU s of {report['seconds']} s")
        self._check_account(server, report["accepted"])
        self.drop()
        return report["per_second"]

    def measure_sent(self, name, cpu_name, batch):
        server = self.fresh(name)
        self.simulator.clear_log()
        before, began = cpu_s(server.pid), time.monotonic()
        report = load(server, connections=CONNECTIONS, batch=batch, seconds=self.sizes.sent_limit_s,
                      count=self.sizes.sent, users=self.sizes.users)
        wanted = report["accepted"]
        while self._taken() < wanted and time.monotonic() - began < self.sizes.sent_limit_s + 60:
            time.sleep(0.05)
        server.wait_idle(60)
        took = time.monotonic() - began
        used = cpu_s(server.pid) - before
        if self._taken() < wanted:
            raise RuntimeError(f"of {wanted} accepted only {self._taken()} reached the simulator")
        self._set(name, wanted / took, f"{wanted:,} in {took:.1f} s; accepted at {report['per_second']:,.0f}/s")
        self._set(cpu_name, used / wanted * 1e6, f"{used:.1f} CPU s")
        self._check_account(server, wanted)
        self.drop()

    def _taken(self):
        return self.simulator.counts()["apns"]["accepted"]

    def measure_p99(self):
        server = self.fresh("latency")
        load(server, connections=CONNECTIONS, rate=RATE, seconds=1, users=self.sizes.users)  # connections to APNs
        server.wait_idle(30)
        before = self._sent_buckets(server)
        report = load(server, connections=CONNECTIONS, rate=RATE, seconds=self.sizes.latency_s,
                      users=self.sizes.users)
        server.wait_idle(30)
        after = self._sent_buckets(server)
        counts = {bound: after[bound] - before.get(bound, 0) for bound in after}
        self._set("p99", quantile(counts, 0.99) * 1000,
                  f"accept → recorded answer of the provider, from the metric; POST p99 {report['p99_ms']} ms")
        self.drop()

    @staticmethod
    def _sent_buckets(server, priority=""):
        """Upper bound in seconds → cumulative count, of all priorities or of one."""
        counts = {}
        for line in harness.request(server.url + "/metrics").text.splitlines():
            if line.startswith("carillon_sent_seconds_bucket") and f'priority="{priority}' in line:
                bound = line.split('le="', 1)[1].split('"', 1)[0]
                bound = float("inf") if bound == "+Inf" else float(bound)
                counts[bound] = counts.get(bound, 0) + float(line.rsplit(" ", 1)[1])
        return counts

    def measure_filled(self, what, flag, row):
        """Accept rate on a store that holds many rows, against that of an empty one measured right before."""
        empty = self.measure_accept_rate("empty")
        server = self._filled(what, flag)
        server.post("/v1/pauses", {"scope": {"priority": "high"}, "reason": "benchmark"})
        report = load(server, connections=CONNECTIONS, batch=BATCH, seconds=self.sizes.accept_s, users=self.sizes.users,
                      extra=EXTRA + ',"priority":"high"')
        self._set(row, report["per_second"] / empty * 100,
                  f"{report['per_second']:,.0f}/s with {self.sizes.rows:,}, {empty:,.0f}/s empty, batches")
        if what == "pending":
            self._set("memory_pending", memory_mb(server.pid), f"{self.sizes.rows:,} pending, after that load")
            server.stop()
            began = time.monotonic()
            server.start()
            self._set("restart", time.monotonic() - began, "from exec to 200 of /readyz")
        self.drop()

    def measure_accept_rate(self, name):
        server = self.fresh(name)
        server.post("/v1/pauses", {"scope": {"priority": "high"}, "reason": "benchmark"})
        report = load(server, connections=CONNECTIONS, batch=BATCH, seconds=self.sizes.accept_s, users=self.sizes.users,
                      extra=EXTRA + ',"priority":"high"')
        self.drop()
        return report["per_second"]

    def _filled(self, what, flag):
        say(f"filling the store with {self.sizes.rows:,} {what}")
        server = self.fresh(what)
        server.stop()
        run_tool("carillon_seed", "--data", server.data, f"--{flag}", self.sizes.rows, limit_s=self.sizes.fill_limit_s)
        return server.start()

    # ---- groups

    def _with_group(self, name):
        """A server where everybody is in the group `all`."""
        server = self.fresh(name)
        server.put("/v1/groups/all", {})
        for at in range(0, self.sizes.users, GROUP_PIECE):
            ids = [f"u{i}" for i in range(at, min(at + GROUP_PIECE, self.sizes.users))]
            server.post("/v1/groups/all/members", {"user_ids": ids})
        return server

    @staticmethod
    def _send_to_all(server):
        return server.expect(202, "POST", "/v1/notifications", json.loads(
            '{"to":[{"group":"all"}],' + EXTRA + "}"), auth="app")["id"]

    def measure_expand(self):
        server = self._with_group("expand")
        pause = server.post("/v1/pauses", {"scope": {"channel": "push"}, "reason": "benchmark"})
        before, began = cpu_s(server.pid), time.monotonic()
        sent = self._send_to_all(server)
        expanded = harness.wait_until(
            lambda: server.get(f"/v1/notifications/{sent}")["status"] == "sending", "expanded", LIMIT_S)
        took, used = time.monotonic() - began, cpu_s(server.pid) - before
        self._set("expand", self.sizes.users / took,
                  f"{self.sizes.users:,} in {took:.1f} s; {used / self.sizes.users * 1e6:.1f} µs of the server each")
        self._set("expand_memory", memory_mb(server.pid), "resident")
        assert expanded and pause
        self._check_account(server, self.sizes.users)
        self.drop()

    def measure_critical_beside(self):
        """Alternating pairs in one run: critical sends alone, and while a million bulk ones are made and sent."""
        server = self._with_group("beside")
        server.put("/v1/categories/order_updates", {"channels": ["push"], "ttl": None, "max_priority": "critical"})
        server.patch(f"/v1/apps/{server.get('/v1/apps')['data'][0]['name']}",
                     {"max_priority": "critical", "critical_limit": 100_000})
        critical = EXTRA + ',"priority":"critical"'

        def p99():
            before = self._sent_buckets(server, "critical")
            load(server, connections=8, rate=CRITICAL_RATE, seconds=self.sizes.critical_s, users=self.sizes.users,
                 extra=critical)
            after = self._sent_buckets(server, "critical")
            return quantile({bound: after[bound] - before.get(bound, 0) for bound in after}, 0.99) * 1000

        p99()
        ratios, alone, beside = [], [], []
        for _ in range(self.sizes.pairs):
            server.wait_idle(120)
            alone.append(p99())
            sent = self._send_to_all(server)
            beside.append(p99())
            ratios.append(beside[-1] / alone[-1])
            server.post(f"/v1/notifications/{sent}/cancel")
        ratios.sort()
        shown = lambda figures: ", ".join(f"{figure:.1f}" for figure in figures)  # noqa: E731
        self._set("expand_p99", ratios[len(ratios) // 2],
                  f"median of {len(ratios)} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f}; "
                  f"alone {shown(alone)} ms, beside {shown(beside)} ms at {CRITICAL_RATE}/s")
        self.drop()

    def measure_push_senders(self):
        if not shutil.which("h2load"):
            raise RuntimeError("h2load (package nghttp2-client) is missing")
        said = run_tool("push_bench", "all", self.sizes.pushes)
        for vendor in ("apns", "fcm", "hms"):
            self._median(f"{vendor}_sender", rf"^h2load / {vendor} = ([\d.]+) %", said, "push_bench against one server")

    def measure_webpush_sender(self):
        self._median("webpush", r"^provider: .*: (\d+)/s on a core; .* 0 bad$", run_tool("webpush_bench"),
                     "webpush_bench, CPU of the sender's threads")

    def measure_sendgrid_sender(self):
        self._median("sendgrid", r"^provider: .*, (\d+) recipients/s, 0 bad$", run_tool("sendgrid_bench"),
                     "sendgrid_bench, simulator and sender in one process")

    def _median(self, row, pattern, said, how):
        found = sorted(float(text) for text in re.findall(pattern, said, re.MULTILINE))
        if not found:
            raise RuntimeError(f"nothing about {row}: {said}")
        self._set(row, found[len(found) // 2],
                  f"{how}, median of {len(found)} runs, {found[0]:,.0f} to {found[-1]:,.0f}")

    def measure_smtp_sender(self):
        said = run_tool("smtp_bench", self.sizes.mails)
        for row, what in (("smtp", "plain"), ("smtp_dkim", "dkim")):
            rates = sorted((float(rate), float(us)) for us, rate in
                           re.findall(rf"^{what}: ([\d.]+) us/mail = (\d+) mails/s/core.* 0 bad$", said, re.MULTILINE))
            if not rates:
                raise RuntimeError(f"smtp_bench printed no rate: {said}")
            rate, us = rates[len(rates) // 2]
            self._set(row, rate, f"smtp_bench, CPU of the sending thread: {us:.0f} µs a mail, "
                      f"median of {len(rates)} runs, {rates[0][0]:,.0f} to {rates[-1][0]:,.0f}/s")

    # ---- a provider that says nothing

    def _with_eight(self):
        """A server with two integrations on each channel, and users with an address for each of them."""
        server = self.server = self._server("eight")
        server.start()
        harness.connect(server, self.simulator, *(key for pair in EIGHT.values() for key in pair))
        # A time-out within the run: the first answers that do not come are part of what is measured.
        body = harness.integrations(self.simulator)[SILENT]
        body["settings"]["timeout"] = "2s"
        server.put(f"/v1/integrations/{SILENT}", body)
        for position, (channel, pair) in enumerate(EIGHT.items(), 1):
            if channel != "push":  # there the device decides
                server.put(f"/v1/routes/{channel}", {"position": position, "match": {"channel": channel},
                                                     "chain": [{"integration": key, "weight": 1} for key in pair]})
        for n in range(EIGHT_USERS):
            server.put_user(f"u{n}", email=f"u{n}@example.test", phone_number=f"+8210{20_000_000 + n}")
            for platform, endpoint in (("ios", {"service": "apns", "token": f"{n + 1:064x}"}),
                                       ("android", {"service": "fcm", "token": f"fcm-{n}:APA91b{n:064x}"})):
                server.put(f"/v1/users/u{n}/devices/{platform}-{n}", {"platform": platform, "endpoints": [endpoint]})
        return server

    def _others_ms(self, server):
        """One run: of every channel but the silent one's, the times from accept to the vendor's answer."""
        others = [channel for channel, pair in EIGHT.items() if SILENT not in pair]
        count = lambda: sum(server.metric("carillon_recorded_total", channel=channel, status="sent")  # noqa: E731
                            for channel in others)
        before, since = count(), datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        report = load(server, extra=EIGHT_EXTRA, connections=8, rate=EIGHT_RATE, seconds=self.sizes.silent_s,
                      users=EIGHT_USERS)
        wanted = report["accepted"] * (len(others) + 1)  # two devices
        harness.wait_until(lambda: count() - before >= wanted, lambda: f"{count() - before} of {wanted} sent")
        read = lambda text: datetime.datetime.fromisoformat(text).timestamp() * 1000  # noqa: E731
        took = {channel: [read(d["finished_at"]) - read(d["created_at"])
                          for d in server.all(f"/v1/deliveries?channel={channel}&from={since}")] for channel in others}
        found = sum(len(times) for times in took.values())
        if found != wanted:
            raise RuntimeError(f"{wanted} deliveries were sent, {found} are listed")
        return took

    def measure_silent_provider(self):
        """Alternating pairs in one run: all eight answer, and one takes everything and says nothing."""
        server = self._with_eight()
        p99 = lambda took: exact_p99([ms for times in took.values() for ms in times])  # noqa: E731
        self._others_ms(server)
        changes, healthy, silent = [], [], []
        for _ in range(self.sizes.pairs):
            healthy.append(p99(self._others_ms(server)))
            self.simulator.faults(**{SILENT: {"black_hole": True}})
            silent.append(p99(self._others_ms(server)))
            self.simulator.faults()
            changes.append((silent[-1] / healthy[-1] - 1) * 100)
            server.post(f"/v1/integrations/{SILENT}/resume")  # forgets that it was silent
            server.wait_idle(60)
        asked = lambda **labels: server.metric("carillon_provider_outcomes_total", integration=SILENT,  # noqa: E731
                                               **labels)
        lost = asked() - asked(outcome="sent")
        changes.sort()
        shown = lambda figures: ", ".join(f"{figure:.1f}" for figure in figures)  # noqa: E731
        self._set("silent", changes[len(changes) // 2],
                  f"median of {len(changes)} pairs, {changes[0]:.1f} to {changes[-1]:.1f} %; all answer "
                  f"{shown(healthy)} ms, {SILENT} silent {shown(silent)} ms, at {EIGHT_RATE * 5}/s; "
                  f"{lost:.0f} of its requests were not answered")
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


def quantile(cumulative, q):
    """From a cumulative histogram, as Prometheus does it: linear inside the bucket."""
    total = max(cumulative.values(), default=0)
    if not total:
        return float("nan")
    below_bound, below = 0.0, 0.0
    for bound in sorted(cumulative):
        if cumulative[bound] >= q * total:
            if bound == float("inf") or cumulative[bound] == below:
                return below_bound
            return below_bound + (bound - below_bound) * (q * total - below) / (cumulative[bound] - below)
        below_bound, below = bound, cumulative[bound]
    return below_bound


def exact_p99(times_ms):
    """Of times in whole milliseconds, linear inside the millisecond."""
    counts, below = {}, 0
    for ms in sorted(set(times_ms)):
        counts[ms - 0.5] = below
        below += times_ms.count(ms)
        counts[ms + 0.5] = below
    return quantile(counts, 0.99)


def say(text):
    print(f"[{datetime.datetime.now():%H:%M:%S}] {text}", flush=True)


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines()
                  if line.startswith("MemTotal:")) / 1024 / 1024
    return f"{os.cpu_count()} × {cpu}, {memory:.0f} GB, {platform.system()} {platform.release()}"


def fsync_us(folder):
    """Mean time of a 4 KiB append with fdatasync: what a durable commit costs here."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        began, count = time.monotonic(), 200
        for _ in range(count):
            os.write(file.fileno(), b"\0" * 4096)
            os.fdatasync(file.fileno())
        return (time.monotonic() - began) / count * 1e6


def markdown(rows):
    lines = ["| figure | measured | at least | aim | reached |", "|---|---|---|---|---|"]
    for row in rows.values():
        goals = f"{row.shown(row.least)} | {row.shown(row.aim)}"
        lines.append(f"| {row.what} | {row.shown(row.measured)} {row.unit} | {goals} | {row.mark()} |")
    return "\n".join(lines)


def write_part(number, text):
    """RESULTS.md has two parts, one process and a cluster, each written by its own measurements."""
    file, border = ROOT / "bench" / "RESULTS.md", "\n# Cluster\n"
    parts = list(file.read_text().partition(border)) if file.exists() else ["", "", ""]
    parts = [text.rstrip("\n") + "\n", parts[1], parts[2]] if number == 0 else [parts[0], border, text]
    file.write_text("".join(parts))


def write_results(rows, sizes, sync_us, busy, took_s):
    notes = "\n".join(f"- {row.what}: {row.note}" for row in rows.values() if row.note)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True,
                            text=True).stdout.strip()
    write_part(0, f"""# Results

Made by `make bench` on {datetime.date.today()} at commit {commit or "(none)"}, in {took_s / 60:.0f} minutes:
{sizes.rows:,} rows, {sizes.sent:,} sends end to end.

Machine: {machine()}; a 4 KiB append with fdatasync takes {sync_us:.0f} µs.
Server, simulator and load generator share it. Load average before the first row: {busy:.1f}{"" if busy < 0.5 else
    " — something else was running, so these figures are too low"}.
Durable commits (WAL, synchronous=FULL); {sizes.users:,} users with three preferences and an iOS device each, drawn
uniformly; a template with two parameters; every notification has its own event id.

{markdown(rows)}

## How each was measured

{notes}

- Accepted: `bench/load.cpp` over keep-alive connections; a stop button holds all push, so deliveries are written
  and not sent. End to end: from the first request until every message is at the simulator and its outcome recorded.
- CPU: user and system time of the server process from /proc, divided by the notifications.
- Pending rows lie in the due index, due in a day; the event ids are random 128-bit keys (`bench/seed.cpp`).
- A mail has a text and 10 KB of HTML, 12.8 KB in all, and goes by STARTTLS to the simulator (`smtp_bench`).
- A silent provider accepts connections and never answers. Each notification goes by push (two devices), e-mail, SMS and
  voice, each channel shared by two integrations; its own channel is not counted.
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer rows and sends")
    parser.add_argument("--quick", action="store_true", help="small and short: does it work, not how fast is it")
    parser.add_argument("--only", default="",
                        help="rows: memory accept sent p99 silent pending event_ids push webpush sendgrid smtp groups")
    parser.add_argument("--keep", action="store_true", help="leave the data folders")
    parser.add_argument("--folder", default=str(ROOT / "build" / "bench-data"), help="where data is kept meanwhile")
    options = parser.parse_args()
    sizes = Sizes("quick" if options.quick else "short" if options.short else "full")
    rows = table(sizes)
    folder = pathlib.Path(options.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(machine())
    sync_us, busy, began = fsync_us(folder), os.getloadavg()[0], time.monotonic()
    say(f"a 4 KiB append with fdatasync takes {sync_us:.0f} µs")
    bench = Bench(folder, sizes, rows)
    steps = {
        "memory": bench.measure_memory_idle,
        "accept": lambda: (bench.measure_accept("accept_single", 1), bench.measure_accept("accept_batch", BATCH)),
        "sent": lambda: (bench.measure_sent("sent_single", "cpu_single", 1),
                         bench.measure_sent("sent_batch", "cpu_batch", BATCH)),
        "p99": bench.measure_p99,
        "silent": bench.measure_silent_provider,
        "pending": lambda: bench.measure_filled("pending", "pending", "pending_rows"),
        "event_ids": lambda: bench.measure_filled("event_ids", "event-ids", "event_ids"),
        "push": bench.measure_push_senders,
        "webpush": bench.measure_webpush_sender,
        "sendgrid": bench.measure_sendgrid_sender,
        "smtp": bench.measure_smtp_sender,
        "groups": lambda: (bench.measure_expand(), bench.measure_critical_beside()),
    }
    wanted = [name for name in options.only.split(",") if name] or list(steps)
    failed = []
    try:
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
    print("\n" + markdown(rows))
    if not options.quick and not options.only:
        write_results(rows, sizes, sync_us, busy, time.monotonic() - began)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
