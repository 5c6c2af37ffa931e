"""A user asks what is kept, and asks to be forgotten."""
import json

import harness
from people import die_at, ios, only

NEWS = {"channels": ["email"], "title": "News", "body": "Hello"}


def known_user(server, user_id="ann"):
    """A user with everything one can have."""
    ios(server, user_id, name=user_id, email=f"{user_id}@example.test", phone_number="+821012345678",
        attributes={"plan": "pro"})
    server.patch(f"/v1/users/{user_id}/preferences",
                 {"preferences": [{"channel": "sms", "category": "*", "opt_in": False}]})
    for key in ("a", "b"):
        server.put(f"/v1/groups/{key}", {"name": key.upper()})
        server.post(f"/v1/groups/{key}/members", {"user_ids": [user_id, "other"]})
    server.api("DELETE", "/v1/groups/b/members", {"user_ids": ["other"]})


def wait_job(server, job):
    def look():
        seen = server.get(f"/v1/jobs/{job['id']}")
        return seen if seen["state"] not in ("queued", "running") else None
    return harness.wait_until(look, f"{job['id']} has no end")


def exported(server, user_id, **more):
    """The first page, with the deliveries of all."""
    whole, after = None, None
    while True:
        page = server.get(f"/v1/users/{user_id}/export?limit=2" + (f"&after={after}" if after else ""), **more)
        if whole is None:
            whole = page
        else:
            assert "user" not in page
            whole["deliveries"] += page["deliveries"]
        after = page["page"]["next"]
        if not after:
            return whole


def test_everything_that_is_kept_is_handed_out(connected):
    known_user(connected)
    connected.put_user("bob", email="bob@example.test")
    connected.post("/v1/suppressions", {"channel": "email", "address": "bounced@example.test"})
    sent = [connected.send(to=[{"user_id": "ann"}, {"user_id": "bob"}], **NEWS)["id"] for _ in range(3)]
    for notification in sent:
        connected.wait_final(notification)
    whole = exported(connected, "ann")
    assert whole["user"] == connected.get("/v1/users/ann") and only(whole["user"]["devices"])["endpoints"]
    assert whole["preferences"]["preferences"] == [{"channel": "sms", "category": "*", "opt_in": False}]
    assert only(whole["preference_log"])["change"]["preferences"][0]["opt_in"] is False
    assert whole["groups"] == [{"key": "a", "name": "A"}, {"key": "b", "name": "B"}]
    assert whole["suppressions"] == []
    assert [d["delivery"]["notification_id"] for d in whole["deliveries"]] == list(reversed(sent))
    assert {d["delivery"]["user_id"] for d in whole["deliveries"]} == {"ann"}
    assert {(d["content"]["subject"], d["content"]["text"]) for d in whole["deliveries"]} == {("News", "Hello")}
    assert only(e for e in connected.all("/v1/audit") if e["action"] == "user.export")["object"] == "ann"
    connected.put_user("cid", email="bounced@example.test")
    assert only(exported(connected, "cid")["suppressions"])["address"] == "bounced@example.test"
    said = json.loads(connected.cli("export", "user", "ann").out)
    assert said["user"] == whole["user"] and said["deliveries"] == whole["deliveries"]


def test_an_app_hands_out_its_own_deliveries(server):
    server.put_user("ann", email="ok@sandbox.carillon.test")
    mine = server.send(to=[{"user_id": "ann"}], **NEWS)["id"]
    theirs = server.expect(202, "POST", "/v1/notifications", {"to": [{"user_id": "ann"}], **NEWS})["id"]
    for notification in (mine, theirs):
        server.wait_final(notification)
    seen = exported(server, "ann", auth="app")["deliveries"]
    assert [d["delivery"]["notification_id"] for d in seen] == [mine]
    assert len(exported(server, "ann")["deliveries"]) == 2


def test_who_is_forgotten_is_nowhere_and_not_written_to(connected, simulator):
    known_user(connected)
    connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    pause = only(connected.get("/v1/pauses")["data"])["id"]
    waiting = connected.send(to=[{"user_id": "ann"}], **NEWS)
    connected.wait_deliveries(waiting["id"], "held")
    job = wait_job(connected, connected.expect(202, "POST", "/v1/users/ann/erase"))
    assert (job["kind"], job["state"], job["done"], job["total"]) == ("erase_user", "completed", 1, 1)
    assert connected.api("GET", "/v1/users/ann").status == 404
    assert connected.api("GET", "/v1/users/ann/preferences/log").status == 404
    left = exported(connected, "ann")
    assert left["user"] is None and left["preference_log"] == [] and left["groups"] == []
    assert {key: connected.get(f"/v1/groups/{key}")["members"] for key in "ab"} == {"a": 1, "b": 0}
    assert [m["user_id"] for m in connected.get("/v1/groups/a/members")["data"]] == ["other"]
    connected.delete(f"/v1/pauses/{pause}")
    ended = only(connected.wait_final(waiting["id"])["deliveries"])
    assert (ended["status"], ended["reason"]) == ("suppressed", "user_deleted")
    assert simulator.counts()["smtp"]["accepted"] == 0
    # Coming back is a new beginning.
    connected.put_user("ann", email="ann@example.test")
    assert connected.get("/v1/users/ann/preferences")["preferences"] == []
    assert connected.get("/v1/users/ann/preferences/log")["data"] == []
    told = [e["action"] for e in connected.all("/v1/audit") if e["object"] == "ann"]
    assert told[:3] == ["user.create", "user.export", "user.erase"]


def test_forgetting_is_the_same_twice_and_by_command_line(server):
    known_user(server)
    server.cli("user", "erase", "ann")
    assert server.api("GET", "/v1/users/ann").status == 404
    server.expect(202, "POST", "/v1/users/ann/erase")
    assert server.api("POST", "/v1/users/%01/erase").body["code"] == "invalid_user_id"
    assert server.get("/v1/groups/a")["members"] == 1


def test_suppressions_outlive_who_they_protect(server):
    server.put_user("ann", email="never@example.test")
    server.post("/v1/suppressions", {"channel": "email", "address": "never@example.test"})
    server.post("/v1/users/ann/erase")
    server.put_user("ann2", email="never@example.test")
    sent = server.send(to=[{"user_id": "ann2"}], **NEWS)
    assert only(server.wait_final(sent["id"])["deliveries"])["reason"] == "address_suppressed"


def test_what_was_said_to_one_alone_is_forgotten_too(connected, simulator):
    known_user(connected)
    connected.put_user("bob", email="bob@example.test")
    connected.put("/v1/templates/hi?publish=true", {
        "default_locale": "en", "params": [{"name": "word", "type": "string", "required": True}],
        "content": {"en": {"title": "{{word}}", "body": "{{word}}!"}}})
    alone = [connected.send(to=[{"user_id": "ann"}], channels=["email", "push"], title=f"Dear Ann {i}", body="secret")
             for i in range(150)]
    by_template = connected.send(to=[{"user_id": "ann", "params": {"word": "Ann"}}], channels=["email"], template="hi")
    by_channel = connected.expect(202, "POST", "/v1/email/send",
                                  {"to": [{"user_id": "ann"}], "title": "Ann", "body": "secret"}, auth="app")
    together = connected.send(to=[{"user_id": "ann"}, {"user_id": "bob"}], **NEWS)
    for sent in (*alone, by_template, by_channel, together):
        connected.wait_final(sent["id"])
    job = wait_job(connected, connected.expect(202, "POST", "/v1/users/ann/erase"))
    assert (job["state"], job["done"], job["failed"]) == ("completed", 152, 0)
    said = exported(connected, "ann")["deliveries"]
    contents = {d["delivery"]["notification_id"]: d["content"] for d in said}
    for told in (d for d in said if d["delivery"]["notification_id"] in {sent["id"] for sent in (*alone, by_channel)}):
        key = "subject" if told["delivery"]["channel"] == "email" else "title"
        assert told["content"][key] == "(erased)"
    assert len(said) == 303
    assert contents[by_template["id"]] is None  # its parameters are gone
    assert contents[together["id"]]["subject"] == "News"
    assert connected.notification(alone[0]["id"])["outcome"] == "success"
    assert connected.delivery(connected.deliveries(by_template["id"])[0]["id"])["status"] == "sent"
    assert "secret" not in json.dumps(exported(connected, "ann"))
    assert wait_job(connected, connected.expect(202, "POST", "/v1/users/ann/erase"))["state"] == "completed"


def test_forgetting_goes_on_after_kill_9(server):
    server.put_user("ann", email="ok@sandbox.carillon.test")
    sent = [server.send(to=[{"user_id": "ann"}], **NEWS)["id"] for _ in range(130)]
    for notification in sent:
        server.wait_final(notification)
    die_at(server, "erase.before_step", lambda: server.api("POST", "/v1/users/ann/erase"), 2)
    server.start()
    job = wait_job(server, only(server.all("/v1/jobs")))
    assert (job["state"], job["done"]) == ("completed", 130)
    assert {d["content"]["subject"] for d in exported(server, "ann")["deliveries"]} == {"(erased)"}
