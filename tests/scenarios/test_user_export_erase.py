"""A user asks what is kept, and asks to be forgotten."""
import datetime
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


def erase(server, user_id):
    job = wait_job(server, server.expect(202, "POST", f"/v1/users/{user_id}/erase"))
    assert job["state"] == "completed"
    return job


def held_back(server, channel="email"):
    """Nothing is sent on that channel until the pause is deleted; its id."""
    server.post("/v1/pauses", {"scope": {"channel": channel}, "reason": "test"})
    return only(server.get("/v1/pauses")["data"])["id"]


def files_with(server, text):
    """The files of the data folder that hold a text; the ballast holds nothing."""
    return [file.name for file in server.data.rglob("*")
            if file.is_file() and file.name != "ballast" and text.encode() in file.read_bytes()]


def in_days(days):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def hello(server):
    server.put("/v1/templates/hi?publish=true", {
        "default_locale": "en", "params": [{"name": "word", "type": "string"}],
        "content": {"en": {"title": "Hi", "body": "Hello {{word}}!"}}})


def test_what_was_said_to_a_device_of_the_user_is_forgotten(connected):
    known_user(connected)
    ios(connected, "bob")
    mine = connected.send(to=[{"device_id": "ann-iphone"}], channels=["push"], title="Dear Ann", body="sesame-1")
    both = connected.send(to=[{"device_id": "bob-iphone"}, {"device_id": "ann-iphone"}], channels=["push"],
                          title="News", body="all")
    for sent in (mine, both):
        connected.wait_final(sent["id"])
    assert erase(connected, "ann")["done"] == 2
    said = {d["delivery"]["notification_id"]: d for d in exported(connected, "ann")["deliveries"]}
    assert said[mine["id"]]["content"]["title"] == "(erased)" and said[both["id"]]["content"]["title"] == "News"
    assert {d["delivery"]["device_id"] for d in said.values()} == {None}
    connected.stop()
    assert files_with(connected, "sesame-1") == []
    connected.start()


def test_of_what_several_were_told_only_theirs_goes(connected, simulator):
    known_user(connected)
    connected.put_user("bob", email="bob@example.test")
    hello(connected)
    sent = connected.send(to=[{"user_id": "bob", "params": {"word": "Bob"}},
                              {"user_id": "ann", "params": {"word": "sesame-2"}}], channels=["email"], template="hi")
    connected.wait_final(sent["id"])
    assert erase(connected, "ann")["done"] == 1
    [theirs] = exported(connected, "bob")["deliveries"]
    assert theirs["content"]["text"] == "Hello Bob!"
    assert "sesame-2" not in json.dumps(exported(connected, "ann"))
    assert connected.notification(sent["id"])["counts"] == {"sent": 2}
    assert erase(connected, "ann")["done"] == 0
    connected.stop()
    assert files_with(connected, "sesame-2") == []
    connected.start()


def test_what_has_not_begun_is_forgotten_and_not_sent(connected, simulator):
    known_user(connected)
    connected.put_user("bob", email="bob@example.test")
    hello(connected)
    connected.put("/v1/categories/big", {"approval_over": 1})
    alone = {"to": [{"device_id": "ann-iphone"}], "channels": ["push"], "title": "sesame-3", "body": "x"}
    several = {"to": [{"user_id": "ann", "params": {"word": "sesame-3"}},
                      {"user_id": "bob", "params": {"word": "Bob"}}], "channels": ["email"], "template": "hi"}
    later = {"send_at": in_days(2)}
    drafts = [connected.send(draft=True, **send) for send in (alone, several)]
    scheduled = [connected.send(**later, **send) for send in (alone, several)]
    waiting = connected.send(category="big", **several)
    assert waiting["status"] == "awaiting_approval"
    other = connected.send(draft=True, **{**alone, "to": [{"user_id": "bob"}], "title": "for Bob"})
    assert erase(connected, "ann")["done"] == 5
    states = [connected.notification(sent["id"])["status"] for sent in (*drafts, *scheduled, waiting, other)]
    assert states == ["cancelled", "draft", "cancelled", "scheduled", "awaiting_approval", "draft"]
    connected.put_user("ann", email="ann@example.test")  # who comes back
    connected.advance("3d")
    assert connected.post(f"/v1/notifications/{drafts[1]['id']}/submit", auth="app")["status"] == "scheduled"
    for sent in (drafts[1], scheduled[1]):
        connected.wait_final(sent["id"])
    connected.wait_idle()
    mails = simulator.messages("smtp", 20)
    assert len(mails) == 4 and "sesame-3" not in str(mails) and str(mails).count("Hello Bob!") == 2
    assert simulator.counts()["apns"]["accepted"] == 0
    connected.stop()
    assert files_with(connected, "sesame-3") == []
    connected.start()


def test_open_deliveries_end_and_are_not_for_who_comes_back(connected, simulator):
    known_user(connected)
    connected.put_user("bob", email="bob@example.test")
    pause = held_back(connected)
    sent = connected.send(to=[{"user_id": "ann"}, {"user_id": "bob"}], **NEWS)
    connected.wait_deliveries(sent["id"], "held")
    erase(connected, "ann")
    connected.put_user("ann", email="ann@example.test")
    connected.delete(f"/v1/pauses/{pause}")
    ended = {d["user_id"]: (d["status"], d["reason"]) for d in connected.wait_final(sent["id"])["deliveries"]}
    assert ended == {"ann": ("suppressed", "user_deleted"), "bob": ("sent", None)}
    assert only(simulator.log("smtp"))["recipient"] == "bob@example.test"
    accountability = connected.accountability()
    assert accountability["accepted"] == sum(accountability["states"].values()), accountability


def test_sandbox_messages_are_forgotten(server):
    server.put_user("ann", email="ok@sandbox.carillon.test")
    server.put_user("bob", email="bob@example.test")
    sent = server.send(to=[{"user_id": "ann"}, {"user_id": "bob"}], **NEWS)
    server.wait_final(sent["id"])
    assert len(server.sandbox_messages()) == 2
    erase(server, "ann")
    bobs = only(d for d in server.deliveries(sent["id"]) if d["user_id"] == "bob")
    assert only(server.sandbox_messages())["delivery_id"] == bobs["id"]


def test_what_a_replay_changed_and_what_a_provider_said_are_forgotten(connected, simulator):
    known_user(connected)
    hello(connected)
    connected.put("/v1/categories/once", {"channels": ["email"], "retry": []})
    simulator.faults(smtp={"rate_5xx": 1})
    sent = connected.send(to=[{"user_id": "ann", "params": {"word": "Ann"}}, {"email": "bob@example.test"}],
                          category="once", template="hi")
    [dead] = [d for d in connected.wait_final(sent["id"])["deliveries"] if d["user_id"] == "ann"]
    connected.post("/v1/dead-letters/replay", {"ids": [dead["id"]], "changes": {"params": {"word": "sesame-4"}}})
    connected.wait_final(sent["id"])
    assert any("detail" in attempt for attempt in connected.delivery(dead["id"])["attempt_log"])
    erase(connected, "ann")
    seen = connected.delivery(dead["id"])
    assert seen["attempt_log"] and not any("detail" in attempt for attempt in seen["attempt_log"])
    assert "sesame-4" not in json.dumps(seen)
    assert [letter["detail"] for letter in connected.all("/v1/dead-letters") if letter["delivery_id"] == dead["id"]] \
        == [None] * 2
    simulator.faults()
    # Replayed all the same, it goes nowhere.
    connected.post("/v1/dead-letters/replay", {"ids": [dead["id"]]})
    again = [d for d in connected.wait_final(sent["id"])["deliveries"] if d["user_id"] == "ann"]
    assert only(again)["reason"] == "user_deleted"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_what_was_to_one_alone_is_not_replayed(connected, simulator):
    known_user(connected)
    connected.put("/v1/categories/once", {"channels": ["email"], "retry": []})
    simulator.faults(smtp={"rate_5xx": 1})
    sent = connected.send(to=[{"user_id": "ann"}], category="once", title="x", body="y")
    dead = only(connected.wait_final(sent["id"])["deliveries"])
    erase(connected, "ann")
    connected.put_user("ann", email="ann@example.test")
    job = connected.post("/v1/dead-letters/replay", {"ids": [dead["id"]]})
    assert only(job["errors"])["detail"] == "content_gone"


def test_events_that_name_the_user_are_forgotten(server):
    server.put_user("ann", email="ok@sandbox.carillon.test")
    server.put_user("bob", email="ok@sandbox.carillon.test")
    hello(server)
    server.put("/v1/rules/greet", {"when": {"type": "greet"}, "send": {
        "template": "hi", "channels": ["email"], "to": [{"user_id": {"from": "data.user"}}],
        "params": {"word": {"from": "data.word"}}}})

    def post(number, user):
        event = {"specversion": "1.0", "id": str(number), "source": "/s", "type": "greet",
                 "data": {"user": user, "word": ["sesame-5"]}}
        assert only(server.expect(202, "POST", "/v1/events", event, auth="app")["matched"])["status"] == "refused"
    post(1, "ann")
    post(2, "bob")
    post(3, "ann")
    replayed = server.post("/v1/dead-letters/replay", {
        "ids": [letter["id"] for letter in server.all("/v1/dead-letters") if letter["event"]["id"] == "3"],
        "changes": {"event": {"data": {"word": "A"}}}})
    assert replayed["done"] == 1
    assert erase(server, "ann")["done"] == 3  # two events, and what became of one
    letters = {letter["event"]["id"]: letter for letter in server.all("/v1/dead-letters")}
    assert set(letters) == {"2", "3"} and letters["3"]["closed"]
    shown = {key: json.dumps(server.get(f"/v1/dead-letters/{letter['id']}")) for key, letter in letters.items()}
    assert "sesame-5" in shown["2"] and "sesame-5" not in shown["3"]


def test_forgetting_what_has_not_begun_goes_on_after_kill_9(server):
    server.put_user("ann", email="ok@sandbox.carillon.test")
    sent = [server.send(to=[{"user_id": "ann"}], draft=True, channels=["email"], title="sesame-6", body="x")["id"]
            for _ in range(120)]
    die_at(server, "erase.before_step", lambda: server.api("POST", "/v1/users/ann/erase"), 3)
    server.start()
    job = wait_job(server, only(server.all("/v1/jobs")))
    assert job["state"] == "completed"
    assert {server.notification(notification)["status"] for notification in sent} == {"cancelled"}
    server.stop()
    assert files_with(server, "sesame-6") == []
    server.start()


def test_sealed_words_of_the_user_go_and_those_of_others_stay(connected, simulator):
    known_user(connected)
    connected.put_user("bob", email="bob@example.test")
    connected.put("/v1/templates/code?publish=true", {
        "default_locale": "en", "params": [{"name": "code", "type": "string", "required": True, "sensitive": True}],
        "content": {"en": {"title": "Code", "body": "Code {{code}}"}}})
    pause = held_back(connected)
    sent = connected.send(to=[{"user_id": "ann", "params": {"code": "sesame-7"}},
                              {"user_id": "bob", "params": {"code": "77"}}], channels=["email"], template="code")
    connected.wait_deliveries(sent["id"], "held")
    erase(connected, "ann")
    connected.delete(f"/v1/pauses/{pause}")
    connected.wait_final(sent["id"])
    [mail] = simulator.messages("smtp", 5)
    assert "Code 77" in mail["content"]
