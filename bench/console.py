#!/usr/bin/env python3
"""Measures the console's questions at size: every list, search and overview it asks, with a month of history.

    bench/console.py [--notifications 1000000] [--users 100000] [--times 200] [--data DIR] [--write] [--only TEXT]

Fills a data folder (or takes one that was filled: --data), starts the server on it and asks each question --times
times, one after the other over one connection, as a management token. Prints p50 and p95 of each; --write puts the
table into bench/RESULTS.md. Ends with 1 when a p95 is above the limit.
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

import harness  # noqa: E402  (found by the line above)

TOOLS = pathlib.Path(os.environ.get("CARILLON_BENCH_TOOLS") or ROOT / "build" / "release" / "bench")
RESULTS = ROOT / "bench" / "RESULTS.md"
HEADING = "## The console's questions at size"
LIMIT_MS = 200
SEED_LIMIT_S = 900


class Connection:
    """One kept connection, as a browser has."""

    def __init__(self, server):
        self.server, self.http = server, http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.server.token}"}
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        since = time.perf_counter()
        self.http.request(method, path, body, headers)
        answer = self.http.getresponse()
        content = answer.read()
        took = time.perf_counter() - since
        if not 200 <= answer.status < 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]}")
        return took, content


def furnish(server, users):
    """What people set up by hand, in numbers of a large customer."""
    for n in range(20):
        server.put(f"/v1/templates/template_{n}?publish=true", {"default_locale": "en", "params": [{"name": "item"}],
                   "content": {"en": {"title": "Your {{item}}", "body": "It is here."}}})
    for n in range(5):
        server.put(f"/v1/categories/category_{n}", {"kind": "transactional"})
    for n in range(180):
        server.put(f"/v1/templates/other_{n}?publish=true", {"content": {"en": {"title": "x", "body": "y"}}})
    for n in range(50):
        server.put(f"/v1/groups/group_{n}", {"name": f"Group {n}"})
        server.put(f"/v1/layouts/layout_{n}", {"html": "<p>{{{content}}}</p>"})
    for first in range(0, users, 10_000):
        server.post("/v1/groups/group_0/members", {"user_ids": [f"u{n}" for n in range(first, first + 10_000)]})
    for n in range(500):
        server.post("/v1/suppressions", {"channel": "email", "address": f"bounced{n}@example.test"})


def questions(connection, size):
    """(what, method, path with {n} for a number, body): {n} differs from time to time."""
    def first(path):
        return json.loads(connection.ask("GET", path)[1])

    def deep(path, pages):
        page, sign = first(path), "&" if "?" in path else "?"
        for _ in range(pages):
            page = first(f"{path}{sign}after={page['page']['next']}")
        return f"{path}{sign}after={page['page']['next']}"

    now = datetime.datetime.now(datetime.timezone.utc)
    month = urllib.parse.quote((now - datetime.timedelta(days=30)).isoformat())
    week = urllib.parse.quote((now - datetime.timedelta(days=7)).isoformat())
    day_then = urllib.parse.quote((now - datetime.timedelta(days=20)).isoformat())
    day_after = urllib.parse.quote((now - datetime.timedelta(days=19)).isoformat())
    ntf = first("/v1/notifications?limit=1")["data"][0]["id"]
    dlv = first("/v1/deliveries?limit=1&status=failed")["data"][0]["id"]
    users = size.users
    gets = [
        "/v1/accountability", "/v1/queues", "/v1/stats", "/v1/stats/latency", "/v1/stats?by=channel",
        f"/v1/stats?from={month}&by=template", f"/v1/stats?from={month}&by=category&interval=day",
        f"/v1/stats?from={week}&by=channel&interval=hour",
        "/v1/notifications?limit=25", deep("/v1/notifications?limit=200", 20), "/v1/notifications?status=completed",
        "/v1/notifications?status=sending", "/v1/notifications?status=paused",
        "/v1/notifications?log_status=FAIL", "/v1/notifications?category=category_3",
        "/v1/notifications?channel=sms&status=failed", "/v1/notifications?event_id=seed-{n}",
        "/v1/notifications?user_id=u{n}", "/v1/notifications?email=nobody%40example.test",
        f"/v1/notifications?from={day_then}&until={day_after}",
        f"/v1/notifications?from={day_then}&until={day_after}&status=failed",
        "/v1/deliveries?limit=25", deep("/v1/deliveries?limit=200", 20), "/v1/deliveries?status=failed",
        "/v1/deliveries?status=held", "/v1/deliveries?status=suppressed", "/v1/deliveries?log_status=FAIL",
        "/v1/deliveries?log_status=PENDING", "/v1/deliveries?status=processing", "/v1/deliveries?status=cancelled",
        "/v1/deliveries?category=category_3&status=failed", "/v1/deliveries?channel=email&status=unknown",
        "/v1/deliveries?user_id=u{n}", "/v1/deliveries?event_id=seed-{n}",
        f"/v1/notifications/{ntf}", f"/v1/notifications/{ntf}/deliveries", f"/v1/deliveries/{dlv}",
        "/v1/users?limit=25", "/v1/users/u{n}", "/v1/users/u{n}/notifications", "/v1/users/u{n}/preferences",
        "/v1/users/u{n}/preferences/log", "/v1/users?address=u{n}%40example.test",
        "/v1/users?address=%2B82102{n:07}", "/v1/users?address=u{n:03}*", "/v1/users?address=%2B821020*",
        "/v1/users/u{n}/export", "/v1/groups", "/v1/groups/group_0", "/v1/groups/group_0/members",
        "/v1/suppressions", "/v1/dead-letters", "/v1/dead-letters?closed=false", "/v1/dead-letters?kind=event",
        "/v1/approvals", "/v1/jobs", "/v1/audit", "/v1/audit?action=user",
        "/v1/audit?object=group_0", "/v1/templates", "/v1/templates/template_3", "/v1/layouts", "/v1/categories",
        "/v1/senders", "/v1/integrations", "/v1/routes", "/v1/rules", "/v1/schedules", "/v1/webhooks", "/v1/apps",
        "/v1/keys", "/v1/members", "/v1/settings", "/v1/alerts", "/v1/pauses", "/v1/sandbox/messages",
        "/v1/provider-types", "/v1/objects",
    ]
    posts = [
        ("/v1/templates/template_3/preview", {"params": {"item": "cup"}}),
        ("/v1/layouts/preview", {"layout": {"html": "<p>{{{content}}}</p>"}}),
        ("/v1/notifications/explain", {"to": [{"user_id": "u7"}], "template": "template_3", "params": {"item": "x"},
                                       "channels": ["email"]}),
        ("/v1/notifications/explain", {"to": [{"group": "group_0"}], "template": "template_3",
                                       "params": {"item": "x"}, "channels": ["email"]}),
    ]
    spread = max(users - 1, 1)
    for path in gets:
        yield path, "GET", [path.replace("{n:07}", f"{i * 7919 % spread:07}").replace("{n}", str(i * 7919 % spread))
                            for i in range(size.times)], None
    for path, body in posts:
        yield f"{path} {json.dumps(body['to'][0]) if 'to' in body else ''}".strip(), "POST", [path] * size.times, body


def shown(path):
    """A question as a row has it: without cursors, times readable."""
    path = re.sub(r"after=[^&]+", "after=…", urllib.parse.unquote(path))
    return re.sub(r"\d{4}-\d\d-\d\dT[^&]+", "…", path)


def measure(server, size):
    connection = Connection(server)
    rows = []
    for what, method, paths, body in questions(connection, size):
        if size.only and size.only not in what:
            continue
        connection.ask(method, paths[0], body)
        took = sorted(connection.ask(method, path, body)[0] * 1000 for path in paths)
        rows.append((f"{method} {shown(what)}", took[len(took) // 2], took[min(len(took) * 95 // 100, len(took) - 1)],
                     took[-1]))
        print("%8.1f %8.1f %8.1f  %s" % (*rows[-1][1:], rows[-1][0]), flush=True)
    return rows


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB"


def write(rows, size, load):
    table = "\n".join(f"| `{what}` | {p50:.1f} | {p95:.1f} | {most:.1f} |" for what, p50, p95, most in rows)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    slow = sum(1 for row in rows if row[2] >= LIMIT_MS)
    text = f"""{HEADING}

Made by `bench/console.py --write` on {datetime.date.today()} at commit {commit.strip()}: {size.notifications:,}
notifications of the last thirty days with one delivery each, {size.users:,} users with addresses, a device and
preferences, a group of all of them, 5,000 dead letters; SQLite, one process. Each question {size.times} times over one
connection, users and event ids another each time, from the request to the last byte of the answer; the first time is
not counted. {len(rows)} questions, {slow} with a p95 of {LIMIT_MS} ms or more.
Machine: {machine()}, load average {load:.1f} before.

| question | p50 ms | p95 ms | most ms |
|---|---|---|---|
{table}
"""
    before = RESULTS.read_text(encoding="utf-8")
    begin = before.find(HEADING)
    begin = len(before) if begin < 0 else begin
    # Up to the next heading of its rank or above: what stands around it stays where it is.
    next_one = re.compile(r"^##? ", re.MULTILINE).search(before, begin + len(HEADING))
    rest = "\n" + before[next_one.start():] if next_one else ""
    RESULTS.write_text(before[:begin].rstrip() + "\n\n" + text + rest, encoding="utf-8")


def seed(server, size):
    server.stop()
    subprocess.run([TOOLS / "carillon_seed", "--data", server.data, "--users", str(size.users), "--history",
                    str(size.notifications)], check=True, timeout=SEED_LIMIT_S)
    server.start()
    furnish(server, size.users)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notifications", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--data", help="a folder that is kept, filled when it is new")
    parser.add_argument("--only", help="questions that hold this text")
    parser.add_argument("--write", action="store_true")
    size = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="carillon-console-") as folder:
        folder = pathlib.Path(size.data or folder)
        is_filled = (folder / "data" / "carillon.db").exists()
        server = harness.Server(folder)
        server.start()
        try:
            if not is_filled:
                seed(server, size)
            load = os.getloadavg()[0]
            rows = measure(server, size)
        finally:
            server.stop()
    if size.write:
        write(rows, size, load)
    slow = [row[0] for row in rows if row[2] >= LIMIT_MS]
    for what in slow:
        print(f"too slow: {what}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
