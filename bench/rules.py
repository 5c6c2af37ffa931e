#!/usr/bin/env python3
"""Measures business events against 100 rules: posted, matched, rendered into sends and committed.

    bench/rules.py [--events 50000] [--batch 500] [--write]

Starts a server with 100 rules of one type, of which one fits each event, and 10,000 users; a stop button holds what
the rules send, so that the sending is not measured. Counts the server's CPU: user and system time from /proc, divided
by the events. `rule_bench` measures the matching alone. --write puts the figures into bench/RESULTS.md; ends with 1
below 80,000 events a minute and core.
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import console
import run

LEAST = 80_000  # events a minute and core
RULES, USERS = 100, 10_000
HEADING = "## Business events and rules"


def rule(number):
    """As a shop would write it; the last of the conditions tells which of the hundred fits."""
    return {"position": number,
            "when": {"type": "order.*", "source": "/shop/*",
                     "conditions": {"data.order.total": {"ge": 10_000}, "data.lane": number,
                                    "any": [{"data.country": {"in": ["KR", "JP"]}}, {"data.vip": True}]}},
            "send": {"template": "shipped", "to": [{"user_id": {"from": "data.user_id"}}],
                     "params": {"item_name": {"from": "data.items.0.name"}, "total": {"from": "data.order.total"}}}}


def event(number):
    return {"specversion": "1.0", "id": str(number), "source": "/shop/eu", "type": "order.shipped",
            "time": "2026-11-20T10:00:00Z",
            "data": {"user_id": f"u{number % USERS}", "country": "KR", "vip": False, "lane": number % RULES,
                     "order": {"id": f"A-{number}", "total": 75_000},
                     "items": [{"name": "Bluetooth headphones", "count": 1}, {"name": "Cable", "count": 2}]}}


def furnish(server):
    rows = "user_id,email\n" + "".join(f"u{n},u{n}@example.test\n" for n in range(USERS))
    job = server.post("/v1/imports/users", rows.encode(), headers={"Content-Type": "text/csv"})
    run.harness.wait_until(lambda: server.get(f"/v1/jobs/{job['id']}")["state"] == "completed", "the users", 120)
    server.put("/v1/templates/shipped?publish=true", {
        "channels": ["email"], "params": [{"name": "item_name"}, {"name": "total", "type": "integer"}],
        "content": {"en": {"title": "{{item_name}} is on its way", "body": "{{total}} won. Thank you."}}})
    for number in range(RULES):
        server.put(f"/v1/rules/rule-{number}", rule(number))
    server.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "benchmark"})


def post(server, bodies, per_body):
    """Seconds and CPU seconds until all are answered; every event must have made its send."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    cpu, began = run.cpu_s(server.pid), time.monotonic()
    made = 0
    for body in bodies:
        connection.request("POST", "/v1/events", body, headers)
        answer = connection.getresponse()
        made += answer.read().count(b'"notification_id":"ntf_')
        assert answer.status == 202
    assert made == len(bodies) * per_body, f"{made} sends of {len(bodies) * per_body} events"
    return time.monotonic() - began, run.cpu_s(server.pid) - cpu


def measure(size):
    with tempfile.TemporaryDirectory(prefix="carillon-rules-") as folder:
        server = run.harness.Server(pathlib.Path(folder)).start()
        try:
            furnish(server)
            singles = [json.dumps(event(n)) for n in range(size.events // 10)]
            batches = [json.dumps([event(n) for n in range(first, first + size.batch)])
                       for first in range(size.events, 2 * size.events, size.batch)]
            rows = []
            asked = (("one a request", singles, 1), (f"{size.batch} a request", batches, size.batch))
            for what, bodies, per_body in asked:
                took, cpu = post(server, bodies, per_body)
                events = len(bodies) * per_body
                rows.append((f"{what}, over one connection", events / cpu * 60, cpu / events * 1e6, events / took))
        finally:
            server.end()
    return rows


def matching():
    """Of rule_bench: (what, ns, events a minute)."""
    done = subprocess.run([str(console.TOOLS / "rule_bench")], capture_output=True, text=True, timeout=300, check=True)
    return [(what.strip(), float(ns), float(per_minute))
            for what, ns, per_minute in re.findall(r"^(.+?)\s+(\d+) ns\s+(\d+) events/min", done.stdout, re.MULTILINE)]


def write(rows, inner, load):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=console.ROOT, capture_output=True,
                            text=True).stdout.strip()
    whole = "\n".join(f"| {what} | {minute:,.0f} | {micro:.1f} | {second:,.0f} |"
                      for what, minute, micro, second in rows)
    parts = "\n".join(f"| {what} | {minute:,.0f} | {ns / 1000:.1f} | – |" for what, ns, minute in inner)
    text = f"""{HEADING}

Made by `bench/rules.py --write` on {datetime.date.today()} at commit {commit}: {RULES} rules of one type with three
conditions each, of which one fits an event; {USERS:,} users; a template with two parameters. From `POST /v1/events` to
the committed send, which a stop button then holds; CPU is the server's, all threads. At least: {LEAST:,} events a
minute and core. Below: reading and matching alone, on one core (`rule_bench`). Machine: {console.machine()}, load
average {load:.1f} before.

| events | a minute and core | µs of CPU each | a second here |
|---|---|---|---|
{whole}
{parts}
"""
    before = console.RESULTS.read_text(encoding="utf-8")
    begin = before.find(HEADING)
    if begin >= 0:
        end = before.find("\n## ", begin + 1)
        before = before[:begin].rstrip() + "\n" + ("" if end < 0 else before[end:])
    console.RESULTS.write_text(before.rstrip() + "\n\n" + text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--write", action="store_true")
    size = parser.parse_args()
    load = os.getloadavg()[0]
    rows, inner = measure(size), matching()
    for what, minute, micro, second in rows:
        print(f"{what:<40} {minute:>12,.0f} /min and core {micro:>8.1f} µs {second:>10,.0f} /s")
    for what, ns, minute in inner:
        print(f"{what:<55} {minute:>12,.0f} /min {ns / 1000:>8.1f} µs")
    if size.write:
        write(rows, inner, load)
    return 0 if min(row[1] for row in rows) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
