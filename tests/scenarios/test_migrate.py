"""A server that outgrew its files moves to PostgreSQL with everything it has: interrupted wherever, each side counted,
what was open is sent once, and the files never send again."""
import base64
import datetime
import json
import os
import re
import signal
import subprocess
import time

import pytest

import harness
import hooks
import postgres
from browser import member
from people import die_at, ios, only, sent_one, template, token

MAIL = {"channels": ["email"], "title": "The bells ring", "body": "a tab\there, a line\nand \\N"}
USERS = 300  # more than are expanded at once
PUSH = {"channels": ["push"], "title": "x", "body": "y"}
PAGE = harness.ROOT / "docs" / "operating" / "migrate.md"
BLOCK = re.compile(r"^```sh migrate\n(.*?)^```", re.M | re.S)


@pytest.fixture
def url(postgres_cluster):
    return postgres_cluster.database()


def migrate(source, url, *more, code=0, environment=None, timeout_s=120):
    done = harness.run("migrate", "--from", f"sqlite:{source}", "--to", url, *more, environment=environment,
                       timeout_s=timeout_s)
    assert done.code == code, done
    return done


def moved(server, url):
    """The same server on the database, started."""
    server.settings["store.url"] = url
    return server.start()


def in_an_hour():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()


def hour(ahead):
    """The beginning of an hour, so many after this one."""
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=ahead)
    return time.strftime("%Y-%m-%dT%H:00:00Z")


class Shop:
    """A server with something of everything, some of it open; `seen()` is what must be the same after the move."""

    def __init__(self, server, simulator, receiver):
        self.server, self.simulator = server, simulator
        self.people()
        self.ann = member(server, "ann", {"default": "sender"}, email="ann@example.com")
        template(server, "news", params=[{"name": "word", "type": "string", "required": True}],
                 content={"en": {"title": "News", "body": "{{word}}"}})
        template(server, "code", params=[{"name": "code", "type": "string", "required": True, "sensitive": True}],
                 content={"en": {"title": "Code", "body": "{{code}}", "sms": {"body": "{{code}}"}}})
        server.put("/v1/categories/once", {"retry": ["1s"]})
        server.put("/v1/projects/staging", {})
        self.done()
        self.dead()
        self.open(receiver)

    def people(self):
        server = self.server
        rows = "user_id,email,name\n" + "".join(f"u{n:04},u{n:04}@example.test,\\N 종 'a'\n" for n in range(USERS))
        job = server.expect(202, "POST", "/v1/imports/users", rows.encode(), headers={"Content-Type": "text/csv"})
        harness.wait_until(lambda: server.get(f"/v1/jobs/{job['id']}")["state"] == "completed", "the import")
        for name in ("mina", "jun", "sora"):
            ios(server, name)
        server.put("/v1/groups/all", {"name": "Everybody"})
        server.post("/v1/groups/all/members", {"user_ids": [f"u{n:04}" for n in range(USERS)]})
        server.put("/v1/groups/gone", {"name": "x"})
        server.post("/v1/groups/gone/members", {"user_ids": ["u0001"]})
        server.delete("/v1/groups/gone")
        server.patch("/v1/users/u0002/preferences",
                     {"preferences": [{"channel": "email", "category": "*", "opt_in": False}]})
        server.post("/v1/suppressions", {"channel": "email", "address": "never@example.test"})

    def done(self):
        """Final before the move."""
        server = self.server
        self.answered = [server.send(to=[{"user_id": f"u{n:04}"}], event_id=f"order-{n}", metadata={"n": str(n)},
                                     tags=["done"], template="news", params={"word": f"w{n}\\"},
                                     channels=["email"])["id"]
                         for n in range(40)]
        raw = [{"email": "raw@example.test"}, {"email": "never@example.test"}]
        self.answered += [server.send(to=raw, **MAIL)["id"]]
        self.answered += [server.send(to=[{"group": "all"}], **MAIL)["id"]]
        self.answered += [server.send(to=[{"user_id": "u0003"}], auth="test", **MAIL)["id"]]
        for notification in self.answered:
            server.wait_final(notification)

    def dead(self):
        server = self.server
        self.simulator.faults(smtp={"rate_5xx": 1})
        sent = server.send(to=[{"email": "dead@example.test"}], category="once", **MAIL)["id"]
        server.wait_deliveries(sent, "retrying")
        server.advance("1m")
        server.wait_deliveries(sent, "dead")
        self.answered.append(sent)
        self.simulator.faults()

    def open(self, receiver):
        server = self.server
        server.post("/v1/pauses", {"scope": {"channel": "sms"}, "reason": "wrong price"})
        self.held = server.send(to=[{"phone": "+999000000001"}], template="code", params={"code": "739154"},
                                channels=["sms"])["id"]
        assert only(server.wait_deliveries(self.held, "held"))["reason"] == "paused"
        self.planned = server.send(to=[{"user_id": "jun"}], send_at=in_an_hour(), **PUSH)["id"]
        self.simulator.faults(apns={"rate_5xx": 1})
        self.retrying = server.send(to=[{"user_id": "mina"}], **PUSH)["id"]
        server.wait_deliveries(self.retrying, "retrying")
        self.simulator.faults()
        receiver.answer = 503
        server.expect(201, "PUT", "/v1/webhooks/shop", {"url": receiver.url, "events": ["delivery.sent"]})
        self.told = server.send(to=[{"email": "told@example.test"}], **MAIL)["id"]
        server.wait_final(self.told)
        receiver.wait("delivery.sent")
        server.put("/v1/schedules/daily", {"cron": "0 9 * * *", "notification": {
            "to": [{"email": "daily@example.test"}], "channels": ["email"], "template": "news",
            "params": {"word": "x"}}})

    def seen(self):
        server = self.server
        paged = ("users", "groups", "groups/all/members", "suppressions", "dead-letters", "audit",
                 "audit?installation=true", "alerts")
        whole = ("templates", "categories", "integrations", "routes", "apps", "members", "pauses", "projects")
        seen = {name: server.all(f"/v1/{name}") for name in paged}
        seen.update({name: server.get(f"/v1/{name}")["data"] for name in whole})
        for integration in seen["integrations"]:
            integration.pop("health")  # of the processes that run
        seen["webhook"] = server.get("/v1/webhooks/shop")
        seen["webhook"].pop("failing_since", None)
        seen["schedule"] = server.get("/v1/schedules/daily")
        seen["preferences"] = server.get("/v1/users/u0002/preferences")
        for what in ("event_id=order-7", "user_id=u0007", "email=raw@example.test"):
            seen[what] = [n["id"] for n in server.all(f"/v1/notifications?{what}")]
            assert seen[what]
        seen["notifications"] = [server.notification(n) for n in self.answered]
        for notification in seen["notifications"]:
            notification.get("progress", {}).pop("recipients", None)  # known until its expansion is tidied away
        seen["deliveries"] = [server.deliveries(n) for n in self.answered]
        seen["timeline"] = server.delivery(seen["deliveries"][-1][0]["id"])
        # Without an end it is now, which is an hour further when a clock that was advanced is left behind.
        stats = server.get(f"/v1/stats?from={hour(-24)}&until={hour(4)}")
        seen["stats"] = (sorted(stats["data"], key=json.dumps), stats["total"])
        return seen


def same(before, after):
    for name, value in before.items():
        assert after[name] == value, name


@pytest.fixture
def receiver():
    with hooks.receiver() as made:
        yield made


@pytest.fixture
def shop(make_server, simulator, receiver):
    server = harness.connect(make_server(hooks.HERE), simulator)
    return Shop(server, simulator, receiver)


def kill_amid_a_push(shop):
    """One push is answered and not recorded when the server dies, of another nobody knows."""
    server = shop.server
    die_at(server, "record.after_journal",
           lambda: server.api("POST", "/v1/notifications",
                              {"event_id": "answered", "to": [{"user_id": "sora"}], **PUSH}, auth="app"))


def test_everything_moves_through_kills_and_goes_on_once(shop, simulator, receiver, url, postgres_cluster):
    server = shop.server
    before, account = shop.seen(), server.accountability()
    kill_amid_a_push(shop)
    counted = migrate(server.data, url, "--dry-run", "--json").json
    assert counted["state"] == "not_begun"
    made = postgres_cluster.sql("SELECT count(*) FROM pg_class WHERE relname = 'delivery'", postgres.name_of(url))
    assert made == "0"

    # Killed again and again, further each time; in between neither side can be started.
    for place in ("move.marked", "move.begun", "move.batch:kill:1", "move.batch:kill:2", "move.batch:kill:9",
                  "move.batch:kill:25", "move.carried", "move.checked", "move.moved"):
        name, _, rest = place.partition(":")
        died = migrate(server.data, url, code=-9, environment={"CARILLON_FAILPOINTS": f"{name}:{rest or 'kill:1'}"})
        assert died.out == ""
        files = harness.run("status", "--data", server.data)
        assert files.code == 1 and "carillon migrate" in files.err, files
        if name != "move.marked":
            there = harness.run("status", "--data", server.data, "--set", f"store.url={url}")
            assert there.code == 1 and "is not done" in there.err, there
    done = migrate(server.data, url)
    assert "moved already" in done.out or "same number" in done.out, done
    again = migrate(server.data, url, "--json").json
    assert again == {"state": "done", "rows": 0, "tables": []}

    refused = subprocess.run([str(harness.BINARY), "serve", "--data", str(server.data), "--listen", "127.0.0.1:0"],
                             capture_output=True, text=True, timeout=60, env=harness.clean_environment())
    assert refused.returncode != 0 and "CARILLON_STORE_URL" in refused.stderr + refused.stdout, refused

    receiver.answer = 204
    moved(server, url)
    assert shop.ann.is_in()
    answered = only(server.get("/v1/notifications?event_id=answered")["data"])["id"]
    delivery = only(server.wait_final(answered)["deliveries"])
    assert (delivery["status"], delivery["resent"]) == ("sent", 0)
    after = shop.seen()
    for name in ("audit", "audit?installation=true", "alerts", "stats", "webhook"):  # these go on
        after.pop(name), before.pop(name)
    same(before, after)
    assert server.accountability()["accepted"] == account["accepted"] + 1
    # The same event is the same send; its number is not given again.
    repeat = server.send(to=[{"user_id": "u0007"}], event_id="order-7", metadata={"n": "7"}, tags=["done"],
                         template="news", params={"word": "w7\\"}, channels=["email"])
    assert repeat["duplicate"] and repeat["id"] == shop.answered[7]
    told = {event["id"] for event in receiver.wait("delivery.sent", 2)
            if event["data"]["notification_id"] == shop.told}
    assert len(told) == 1

    # What was open goes out, once.
    pause = only(server.get("/v1/pauses")["data"])["id"]
    server.delete(f"/v1/pauses/{pause}")
    server.advance("2m")
    server.advance("1h")
    simulator.advance("62m")
    for notification in (shop.held, shop.retrying, shop.planned):
        assert server.wait_final(notification)["outcome"] == "success"
    pushes = [entry["recipient"] for entry in simulator.log("apns")]
    assert sorted(pushes) == sorted(token(name) for name in ("mina", "jun", "sora"))
    texts = simulator.messages("twilio", 10)
    assert len(texts) == 1 and "739154" in texts[0]["content"]
    # New numbers are above the old ones.
    made = server.put("/v1/projects/second", {})
    assert made["key"] == "second"
    sent = server.send(to=[{"group": "all"}], **MAIL)
    assert server.wait_final(sent["id"], 60)["outcome"] in ("success", "partial")
    assert sent["id"] > max(shop.answered)


def test_each_table_is_counted_on_both_sides(shop, url):
    server = shop.server
    before, account = shop.seen(), server.accountability()
    server.stop()
    done = migrate(server.data, url, "--json").json
    assert all(t["source"] == t["target"] for t in done["tables"])
    rows = {t["table"]: t["target"] for t in done["tables"]}
    assert rows["profile"] == USERS + 3 and rows["delivery"] > USERS + 40
    assert rows["dedup"] == 40 and rows["session"] == 1
    assert rows["history_address"] >= 3 and rows["sealed"] == 1
    assert done["rows"] == sum(rows.values())
    moved(server, url)
    after = shop.seen()
    assert server.accountability()["accepted"] == account["accepted"]
    for name in ("alerts", "webhook"):
        after.pop(name), before.pop(name)
    same(before, after)


def test_it_goes_on_after_being_killed_at_any_moment(make_server, simulator, url):
    """Not at named places: whenever the signal comes."""
    server = make_server()
    rows = b"user_id,email\n" + b"".join(b"u%06d,u%06d@example.test\n" % (n, n) for n in range(60_000))
    job = server.expect(202, "POST", "/v1/imports/users", rows, headers={"Content-Type": "text/csv"})
    harness.wait_until(lambda: server.get(f"/v1/jobs/{job['id']}")["state"] == "completed", "the import", 120)
    server.kill()
    command = [str(harness.BINARY), "migrate", "--from", f"sqlite:{server.data}", "--to", url]
    kills = 0
    for pause_s in (0.15, 0.3, 0.45, 0.6, 0.75, 0.9):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
                                   env=harness.clean_environment())
        try:
            process.wait(pause_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        assert process.wait() in (0, -9), process.stderr.read()
    assert kills >= 1
    migrate(server.data, url)
    moved(server, url)
    assert server.get("/v1/users/u059999")["email"] == "u059999@example.test"
    assert server.get("/v1/users/u000000")["email"] == "u000000@example.test"


def test_it_waits_for_one_that_was_killed_a_moment_ago(make_server, url, postgres_cluster):
    """Its server notices when its last statement has ended; here that one takes until we say so."""
    server = make_server()
    server.put_user("ann", name="Ann")
    server.stop()
    name = postgres.name_of(url)
    number = int.from_bytes(b"carmv", "big")
    before = subprocess.Popen([str(postgres.binaries() / "psql"), "-h", str(postgres_cluster.folder), "-U", "carillon",
                               "-d", name, "-qAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    before.stdin.write(f"SELECT pg_advisory_lock({number});\n")
    before.stdin.flush()
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = {}"
    harness.wait_until(lambda: postgres_cluster.sql(locks.format("true"), name) == "1", "the lock")
    process = subprocess.Popen([str(harness.BINARY), "migrate", "--from", f"sqlite:{server.data}", "--to", url],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=harness.clean_environment())
    harness.wait_until(lambda: postgres_cluster.sql(locks.format("false"), name) == "1", "the wait for it")
    before.kill()
    before.wait()
    assert process.wait(harness.PATIENCE_S) == 0, process.stderr.read()
    moved(server, url)
    assert server.get("/v1/users/ann")["name"] == "Ann"


def test_what_must_not_be_moved_is_refused(make_server, url, postgres_cluster, tmp_path):
    server = make_server()
    server.put_user("ann", name="Ann")
    running = migrate(server.data, url, code=1)
    assert "in use by process" in running.err and "stop the server" in running.err
    assert server.get("/v1/users/ann")
    server.stop()
    nothing = migrate(tmp_path / "nowhere", url, code=1)
    assert "nowhere" in nothing.err and not (tmp_path / "nowhere").exists()
    assert "sqlite:DIR" in harness.run("migrate", "--from", "postgres://x/y", "--to", url).err
    assert "--to" in harness.run("migrate", "--from", f"sqlite:{server.data}").err
    assert "--to" in harness.run("migrate", "--from", f"sqlite:{server.data}", "--to", "mysql://x/y").err

    # A database with something in it.
    used = postgres_cluster.database()
    postgres_cluster.sql("CREATE TABLE customers(id int)", postgres.name_of(used))
    other = migrate(server.data, used, code=1)
    assert "not empty" in other.err and "customers" in other.err
    elsewhere = postgres_cluster.database()
    running = make_server(settings={"store.url": elsewhere}, name="other")
    busy = migrate(server.data, elsewhere, code=1)
    assert "not empty" in busy.err and "in use" in busy.err
    running.stop()
    # One that a newer version has written.
    newer = postgres_cluster.database()
    postgres_cluster.sql("CREATE TABLE schema_version(version bigint); INSERT INTO schema_version VALUES(999);"
                         "CREATE TABLE meta(key text PRIMARY KEY, value bigint)", postgres.name_of(newer))
    assert "newer version" in migrate(server.data, newer, code=1).err
    # Nothing of all that has touched the files.
    server.start()
    assert server.get("/v1/users/ann")


def test_another_key_is_refused(connected, url, simulator):
    connected.stop()
    wrong = base64.b64encode(bytes(range(32))).decode()
    refused = migrate(connected.data, url, code=1, environment={"CARILLON_SECRETS_KEY": wrong})
    assert "another key" in refused.err and wrong not in refused.err
    # Without the file it is what is sealed that tells.
    key = (connected.data / "secret.key").read_text()
    (connected.data / "secret.key").unlink()
    refused = migrate(connected.data, url, code=1, environment={"CARILLON_SECRETS_KEY": wrong})
    assert "secrets.key" in refused.err and "sealed with the key" in refused.err
    none = migrate(connected.data, url, code=1)
    assert "CARILLON_SECRETS_KEY" in none.err
    (connected.data / "secret.key").write_text(key)
    migrate(connected.data, url)
    (connected.data / "secret.key").unlink()
    other = harness.run("status", "--data", connected.data, "--set", f"store.url={url}",
                        environment={"CARILLON_SECRETS_KEY": wrong})
    assert other.code == 1 and "secrets.key" in other.err
    (connected.data / "secret.key").write_text(key)


def test_files_of_a_newer_version_stay(server, url):
    import sqlite3
    server.stop()
    with sqlite3.connect(server.data / "carillon.db") as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    assert "newer version" in migrate(server.data, url, code=1).err


def test_a_move_can_be_given_up_until_it_is_done(make_server, url, postgres_cluster):
    server = make_server()
    server.put_user("ann", name="Ann")
    server.stop()

    def undo(code=0):
        done = harness.run("migrate", "--from", f"sqlite:{server.data}", "--undo")
        assert done.code == code, done
        return done

    assert "No move" in undo().out
    migrate(server.data, url, code=-9, environment={"CARILLON_FAILPOINTS": "move.batch:kill:3"})
    assert "as it was" in undo().out
    server.start()
    server.put_user("bob", name="Bob")
    server.stop()
    # What the files have gained since is not in the half that is there.
    stale = migrate(server.data, url, code=1)
    assert "unfinished move" in stale.err
    fresh = postgres_cluster.database()
    migrate(server.data, fresh)
    assert "restore a backup" in undo(code=1).err
    # The half that was left, and another database, are no way round that.
    assert migrate(server.data, url, code=1).err
    assert "moved to another database" in migrate(server.data, postgres_cluster.database(), code=1).err
    moved(server, fresh)
    assert server.get("/v1/users/bob") and server.get("/v1/users/ann")


def test_the_commands_of_the_page_work(make_server, url, postgres_cluster, tmp_path):
    server = make_server(name="here")
    server.put_user("ann", name="Ann")
    server.stop()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "carillon").symlink_to(harness.BINARY)
    (tmp_path / "carillon-data").symlink_to(server.data)
    (tmp_path / "backups").mkdir()
    created = re.sub(r"/\w+\?", "/carillon_moved?", url)
    environment = harness.clean_environment(PGHOST=postgres_cluster.folder, PGPORT=postgres_cluster.port,
                                            PGUSER="carillon",
                                            PATH=f"{tmp_path / 'bin'}:{postgres.binaries()}:{os.environ['PATH']}")
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 4
    for block in blocks:
        script = block.replace("/mnt/backups", str(tmp_path / "backups"))
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=tmp_path,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        environment["CARILLON_STORE_URL"] = created  # set after the first, as the page says
    moved(server, created)
    assert server.get("/v1/users/ann")["name"] == "Ann"


def test_it_says_how_far_it_is(make_server, url):
    """On a terminal."""
    server = make_server()
    server.stop()
    done = harness.run_on_terminal("migrate", "--from", f"sqlite:{server.data}", "--to", url)
    assert done.code == 0, done
    assert "%" in done.err and "Checking" in done.err and "record" in done.err


def test_what_has_no_integration_is_not_swallowed_there(make_server, url):
    """The sandbox of a new store is for one process with its files; a cluster's live sends wait for a route."""
    server = make_server()
    assert server.wait_final(server.send(to=[{"email": "a@example.test"}], **MAIL)["id"])["outcome"] == "success"
    server.stop()
    migrate(server.data, url)
    moved(server, url)
    held = only(server.wait_deliveries(server.send(to=[{"email": "a@example.test"}], **MAIL)["id"], "held"))
    assert (held["reason"], held["sandbox"]) == ("no_route", False)
    assert sent_one(server, auth="test", to=[{"email": "a@example.test"}], **MAIL)["sandbox"]
