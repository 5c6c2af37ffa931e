"""A backup is made while the server works; what is restored from it holds everything, and sends nothing until somebody
says so."""
import collections
import http.client
import json
import os
import re
import shutil
import stat
import threading

import pytest

import harness
from people import die_at, ios, move_time, only, template

MAIL = {"channels": ["email"], "title": "The bells ring", "body": "y"}
OPEN = ("pending", "held", "processing", "retrying")


def backup(server, to, *more, code=0):
    return server.cli("backup", "--to", to, *more, code=code)


def restore(make_server, source, folder, *more, name="restored", code=0, **start):
    """A server made of a backup, not started; with the credentials of the one it is a copy of."""
    server = make_server(name=name, start=False, **start)
    done = harness.run("restore", "--from", folder, "--data", server.data, "--json", *more)
    assert done.code == code, done
    if code == 0:
        server.restored = done.json
        server.app, server.test, server.token = source.app, source.test, source.token
    return server


def go_on(server):
    server.cli("pause", "remove", only(server.get("/v1/pauses")["data"])["id"])


def open_deliveries(server):
    states = server.accountability()["states"]
    return sum(states[name] for name in OPEN)


class Senders:
    """Threads that send mails to new addresses; `answered`: event id → notification id, in order."""

    def __init__(self, server, count=3):
        self.server = server
        self.answered = {}
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        n = 0
        while not self._is_over.is_set():
            event = f"e-{number}-{n}"
            n += 1
            try:
                sent = self.server.api("POST", "/v1/notifications", {
                    "event_id": event, "to": [{"email": f"{event}@example.test"}], **MAIL}, auth="app")
            except (OSError, http.client.HTTPException):
                return  # it was killed
            if sent.status == 202:
                self.answered[event] = sent.body["id"]

    def wait_for(self, count):
        harness.wait_until(lambda: len(self.answered) >= count, lambda: f"{len(self.answered)} sends")

    def end(self):
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)


def test_what_was_accepted_before_it_is_in_it_and_goes_out_when_told(connected, simulator, make_server, tmp_path):
    simulator.faults(smtp={"latency_ms": 100})
    senders = Senders(connected)
    senders.wait_for(60)
    before = dict(senders.answered)
    made = backup(connected, tmp_path / "b", "--json").json
    assert made["state"] == "done" and made["last"]["path"] == str(tmp_path / "b")
    senders.wait_for(len(before) + 30)
    senders.end()
    assert not (tmp_path / "b.part").exists()
    connected.kill()

    key = connected.data / "secret.key"
    copy = restore(make_server, connected, tmp_path / "b", "--key-file", key).start()
    simulator.faults()
    for notification in before.values():
        assert copy.api("GET", f"/v1/notifications/{notification}").status == 200
    # It says what it is, takes more, and sends nothing.
    ready = harness.request(copy.url + "/readyz")
    assert ready.status == 200
    assert "restored from the backup of" in only(ready.body["notices"])["notice"]
    assert "nothing is sent: restored from the backup of" in copy.log_text()
    found = copy.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{copy.port}").json
    assert [c["result"] for c in found["checks"] if c["check"] == "restored store"] == ["WARN"]
    sent_before = simulator.counts()["smtp"]["accepted"]
    more = copy.send(event_id="more", to=[{"email": "more@example.test"}], **MAIL)
    assert only(copy.wait_deliveries(more["id"], "held"))["reason"] == "paused"
    copy.wait_idle()
    copy.advance("1m")
    copy.wait_idle()
    waiting = open_deliveries(copy)
    assert waiting >= 1 and simulator.counts()["smtp"]["accepted"] == sent_before
    # A repeat of what was accepted before the backup is still a repeat.
    event = next(iter(before))
    again = copy.api("POST", "/v1/notifications", {
        "event_id": event, "to": [{"email": f"{event}@example.test"}], **MAIL}, auth="app")
    assert again.body["duplicate"] and again.body["id"] == before[event]

    go_on(copy)
    harness.wait_until(lambda: open_deliveries(copy) == 0, lambda: f"still open: {copy.accountability()}")
    account = copy.accountability()
    assert account["exact"] and account["states"]["sent"] == account["accepted"]
    assert "notices" not in harness.request(copy.url + "/readyz").body
    messages = collections.Counter(entry["recipient"] for entry in simulator.log("smtp"))
    assert messages["more@example.test"] == 1
    for event in before:
        assert messages[f"{event}@example.test"] >= 1, f"{event} was never sent"
    # Only what was open in the backup can have been sent by both.
    assert sum(n - 1 for to, n in messages.items() if to.startswith("e-")) <= waiting


def test_what_was_being_asked_is_treated_as_after_a_crash(connected, simulator, make_server, tmp_path):
    ios(connected, "mina")
    simulator.faults(apns={"latency_ms": 60000}, twilio={"latency_ms": 60000})
    push = connected.send(to=[{"user_id": "mina"}], channels=["push"], title="x", body="y")
    text = connected.send(to=[{"phone": "+999000000001"}], channels=["sms"], sms={"body": "x"})
    for sent in (push, text):
        connected.wait_deliveries(sent["id"], "processing")
    backup(connected, tmp_path / "b", "--with-key")
    connected.kill()
    simulator.faults()
    copy = restore(make_server, connected, tmp_path / "b").start()
    # What could arrive twice is left to a person; the other waits for the pause to end.
    assert only(copy.wait_deliveries(text["id"], "unknown"))
    assert only(copy.wait_deliveries(push["id"], "held"))["reason"] == "paused"
    go_on(copy)
    assert only(copy.wait_final(push["id"])["deliveries"])["resent"] == 1


def test_the_key_goes_only_where_it_is_asked_to(server, make_server, tmp_path):
    server.put_user("ann", name="Ann")
    assert "secret key is not in it" in backup(server, tmp_path / "without").out
    backup(server, tmp_path / "with", "--with-key")
    files = {"carillon.db", "people.db", "manifest.json"}
    assert {f.name for f in (tmp_path / "without").iterdir()} == files
    assert {f.name for f in (tmp_path / "with").iterdir()} == files | {"secret.key"}
    for folder in (tmp_path / "without", tmp_path / "with"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()} == {0o600}
    refused = harness.run("restore", "--from", tmp_path / "without", "--data", tmp_path / "to")
    assert refused.code == 1 and "--key-file" in refused.err and not (tmp_path / "to").exists()
    key = (server.data / "secret.key").read_text().strip()
    given = harness.run("restore", "--from", tmp_path / "without", "--data", tmp_path / "to",
                        environment={"CARILLON_SECRETS_KEY": key})
    assert given.code == 0 and not (tmp_path / "to" / "secret.key").exists()
    copy = restore(make_server, server, tmp_path / "with").start()
    assert copy.get("/v1/users/ann")["name"] == "Ann"


def test_a_backup_of_a_stopped_server_and_its_restore_over_another(server, make_server, tmp_path):
    server.put_user("ann", name="Ann")
    server.stop()
    backup(server, tmp_path / "b", "--with-key")
    refused = backup(server, tmp_path / "b", code=1)
    assert "already" in refused.err
    server.start()
    assert "backup.create" in [entry["action"] for entry in server.all("/v1/audit?installation=true")]
    busy = harness.run("restore", "--from", tmp_path / "b", "--data", server.data, "--force")
    assert busy.code == 1 and "in use" in busy.err
    server.put_user("bob", name="Bob")
    server.stop()
    full = harness.run("restore", "--from", tmp_path / "b", "--data", server.data)
    assert full.code == 1 and "--force" in full.err
    done = harness.run("restore", "--from", tmp_path / "b", "--data", server.data, "--force")
    assert done.code == 0, done
    server.start()
    # What it prints is what ends the pause.
    assert only(server.get("/v1/pauses")["data"])["id"] == re.search(r"carillon pause remove (\S+)", done.out).group(1)
    assert server.get("/v1/users/ann")["name"] == "Ann"
    assert server.api("GET", "/v1/users/bob").status == 404
    go_on(server)
    sent = server.send(to=[{"email": "ok@sandbox.carillon.test"}], **MAIL)
    assert server.wait_final(sent["id"])["outcome"] == "success"


def test_an_import_that_is_not_done_goes_on_in_the_copy(server, make_server, tmp_path):
    rows = b"user_id\n" + b"".join(b"u%05d\n" % i for i in range(8_000))

    def begin():
        return server.expect(202, "POST", "/v1/imports/users", rows, headers={"Content-Type": "text/csv"})
    die_at(server, "import.after_step", begin, 3)
    backup(server, tmp_path / "stopped", "--with-key")
    server.start()
    job = only(server.all("/v1/jobs"))
    backup(server, tmp_path / "working", "--with-key")
    assert [f.name for f in (tmp_path / "stopped" / "jobs").iterdir()] == [job["id"]]
    for name in ("stopped", "working"):
        copy = restore(make_server, server, tmp_path / name, name=f"copy-{name}").start()
        harness.wait_until(lambda: copy.get(f"/v1/jobs/{job['id']}")["state"] == "completed",
                           lambda: copy.get(f"/v1/jobs/{job['id']}"))
        done = copy.get(f"/v1/jobs/{job['id']}")
        assert (done["done"], done["failed"]) == (8_000, 0)
        assert copy.get("/v1/users/u07999")
        copy.stop()


@pytest.mark.parametrize("damage", ["a byte", "no file", "no manifest", "a newer schema", "half a file"])
def test_a_backup_that_is_not_whole_is_refused(server, tmp_path, damage):
    backup(server, tmp_path / "b", "--with-key")
    file, manifest = tmp_path / "b" / "carillon.db", tmp_path / "b" / "manifest.json"
    said = json.loads(manifest.read_text())
    if damage == "a byte":
        with open(file, "r+b") as bytes_:
            bytes_.seek(5000)
            bytes_.write(b"\x5a")
    elif damage == "half a file":
        os.truncate(file, file.stat().st_size // 2)
    elif damage == "no file":
        file.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        said["schema"]["carillon"] = 999
        manifest.write_text(json.dumps(said))
    refused = harness.run("restore", "--from", tmp_path / "b", "--data", tmp_path / "to")
    assert refused.code == 1 and refused.err, refused
    assert not (tmp_path / "to").exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(server, tmp_path):
    server.stop()
    refused = harness.run("backup", "--to", tmp_path / "b", "--data", server.data,
                          "--set", "store.disk_free_min=900TB")
    assert refused.code == 1 and "free some space" in refused.err
    assert not (tmp_path / "b").exists() and not (tmp_path / "b.part").exists()
    nowhere = harness.run("backup", "--to", tmp_path / "none" / "b", "--data", server.data)
    assert nowhere.code == 1 and "make it first" in nowhere.err


def test_it_is_not_made_from_afar(server, tmp_path):
    refused = harness.run("backup", "--to", tmp_path / "b", folder=server.folder,
                          environment={"CARILLON_URL": server.url, "CARILLON_TOKEN": server.token})
    assert refused.code == 1 and "--data" in refused.err
    assert server.api("POST", "/control/backup", {"to": str(tmp_path / "b")}).status == 404


def test_kill_9_amid_the_copying_costs_the_backup_and_nothing_else(connected, make_server, tmp_path):
    for n in range(600):  # some megabytes: the copying takes several turns
        connected.put_user(f"u{n}", attributes={"note": "x" * 7500})
    connected.environment = {"CARILLON_FAILPOINTS": "backup.copying:kill:3"}
    connected.restart()
    senders = Senders(connected)
    senders.wait_for(20)
    backup(connected, tmp_path / "b", "--with-key", code=1)
    harness.wait_until(lambda: not connected.is_running(), "it lives")
    senders.end()
    connected.kill()
    half = tmp_path / "b.part" / "people.db"
    assert half.exists() and half.stat().st_size < (connected.data / "people.db").stat().st_size
    assert not (tmp_path / "b").exists()
    connected.environment = {}
    connected.start()
    for notification in senders.answered.values():
        assert connected.wait_final(notification)["outcome"] == "success"
    backup(connected, tmp_path / "b", "--with-key")
    assert not (tmp_path / "b.part").exists()
    copy = restore(make_server, connected, tmp_path / "b").start()
    for notification in senders.answered.values():
        assert copy.api("GET", f"/v1/notifications/{notification}").status == 200
    assert copy.get("/v1/users/u599")["attributes"]["note"]


@pytest.mark.parametrize("place", ["backup.copied", "backup.written"])
def test_a_server_that_dies_meanwhile_leaves_no_backup(server, make_server, tmp_path, place):
    server.put_user("ann", name="Ann")
    server.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:1"}
    server.restart()
    backup(server, tmp_path / "b", "--with-key", code=1)
    server.kill()
    assert not (tmp_path / "b").exists()
    assert harness.run("restore", "--from", tmp_path / "b.part", "--data", tmp_path / "to").code == 1 \
        or place == "backup.written", "half a backup was taken for one"
    shutil.rmtree(tmp_path / "to", ignore_errors=True)
    server.environment = {}
    server.start()
    assert server.get("/v1/users/ann")["name"] == "Ann"
    backup(server, tmp_path / "b", "--with-key")
    assert not (tmp_path / "b.part").exists()
    restore(make_server, server, tmp_path / "b").start()


@pytest.mark.parametrize("place,is_there", [("restore.filled", False), ("restore.ready", True),
                                            ("restore.moving", True)])
def test_a_restore_that_dies_meanwhile_is_not_begun_or_is_finished(server, make_server, tmp_path, place, is_there):
    server.put_user("ann", name="Ann")
    backup(server, tmp_path / "b", "--with-key")
    copy = make_server(name="restored", start=False)
    copy.app, copy.test, copy.token = server.app, server.test, server.token
    died = harness.run("restore", "--from", tmp_path / "b", "--data", copy.data,
                       environment={"CARILLON_FAILPOINTS": f"{place}:kill:1"})
    assert died.code == -9
    if not is_there:
        assert not (copy.data / "carillon.db").exists()
        assert harness.run("restore", "--from", tmp_path / "b", "--data", copy.data).code == 0
    copy.start()
    assert copy.get("/v1/users/ann")["name"] == "Ann"
    assert only(copy.get("/v1/pauses")["data"])["by"] == "restore"
    assert not (copy.data / "restored").exists() and not (copy.data / "restoring").exists()


def test_the_doctor_knows_of_backups_and_of_what_waits(connected, simulator, tmp_path):
    def checks():
        found = connected.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{connected.port}").json
        return {check["check"]: check for check in found["checks"]}

    seen = checks()
    assert seen["backup"]["result"] == "WARN" and "none" in seen["backup"]["detail"]
    assert seen["pauses"]["result"] == seen["dead letters"]["result"] == seen["schedules"]["result"] == "OK"
    backup(connected, tmp_path / "b")
    stop = connected.post("/v1/pauses", {"scope": {"channel": "sms"}, "reason": "wrong price"})
    simulator.faults(smtp={"rate_5xx": 1})
    connected.put("/v1/categories/once", {"retry": ["1s"]})
    sent = connected.send(to=[{"email": "ann@example.test"}], category="once", **MAIL)
    connected.wait_deliveries(sent["id"], "retrying")
    connected.advance("1m")
    connected.wait_deliveries(sent["id"], "dead")
    simulator.faults()
    template(connected, "news", content={"en": {"title": "News", "body": "x"}})
    connected.put("/v1/schedules/hourly", {"cron": "0 * * * *", "notification": {
        "to": [{"email": "ann@example.test"}], "channels": ["email"], "template": "news"}})
    connected.delete("/v1/templates/news?force=true")
    move_time(connected, simulator, "61m")
    harness.wait_until(lambda: connected.get("/v1/schedules/hourly")["last_error"], "the run is refused")
    seen = checks()
    refused = seen["schedule hourly"]
    assert refused["result"] == "WARN" and "template" in refused["detail"]
    assert seen["dead letters"]["result"] == "WARN" and "1 letter, 1 of" in seen["dead letters"]["detail"]
    assert seen["backup"]["result"] == "OK" and str(tmp_path / "b") in seen["backup"]["detail"]
    pause = seen[f"pause {stop['id']}"]
    assert pause["result"] == "WARN" and "channel=sms" in pause["detail"] and "wrong price" in pause["detail"]
    assert re.search(r"carillon pause remove pau_\w+", pause["fix"])


def test_the_doctor_knows_who_waits_for_a_word_and_what_failed(make_server):
    server = make_server(settings={"approval.expires_after": "12h"})

    def checks():
        found = server.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{server.port}").json["checks"]
        return {check["check"]: (check["result"], check["detail"]) for check in found}

    seen = checks()
    assert seen["approvals"] == ("OK", "nothing waits for one") and seen["jobs"] == ("OK", "none is under way")
    server.put("/v1/categories/news", {"channels": ["email"], "approval_over": 1})
    server.send(to=[{"email": "a@example.test"}, {"email": "b@example.test"}], category="news", title="x", body="y")
    server.put("/v1/groups/all", {})
    rows = b"user_id\n" + b"".join(b"u%06d\n" % n for n in range(200_000))
    job = server.expect(202, "POST", "/v1/imports/members?group=all", rows, headers={"Content-Type": "text/csv"})["id"]
    server.delete("/v1/groups/all")
    harness.wait_until(lambda: server.get(f"/v1/jobs/{job}")["state"] == "failed", "the import fails")
    seen = checks()
    assert seen["approvals"] == ("WARN", "1 send waits, 1 of them for less than a day more")
    assert seen[f"job {job}"][0] == "WARN" and "group" in seen[f"job {job}"][1] and "jobs" not in seen
