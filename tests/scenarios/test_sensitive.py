"""A code to reset a password: the recipient gets it, nobody else, and afterwards it is nowhere."""
import contextlib
import datetime
import json
import sqlite3

import harness
import pytest
from people import dead_letters, die_at, mail_part, only, sms_form, template

CODE = "739154286"
OTHER = "518273640"


@pytest.fixture
def bank(connected):
    template(connected, "reset", params=[{"name": "code", "type": "string", "required": True, "sensitive": True},
                                         {"name": "name", "type": "string"}],
             content={"en": {"title": "Reset", "body": "{{name}}, your code is {{code}}.",
                             "email": {"subject": "Reset"}, "sms": {"body": "{{code}} is your code"}}})
    connected.put_user("ann", email="ann@example.test", phone_number="+821012345678")
    connected.put_user("bob", email="bob@example.test", phone_number="+821012345679")
    return connected


def pause(server):
    server.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    return only(server.get("/v1/pauses")["data"])["id"]


def files_with(server, text):
    """The files of the data folder that hold a text; the ballast holds nothing."""
    return [file.name for file in server.data.rglob("*")
            if file.is_file() and file.name != "ballast" and text.encode() in file.read_bytes()]


def assert_nowhere(server, *codes):
    """Not in an answer, and not in a file: neither while the server runs nor after it has tidied up."""
    said = [json.dumps(server.all(f"/v1/{what}"))
            for what in ("notifications", "deliveries", "dead-letters", "audit", "jobs")]
    said += [json.dumps(server.get(f"/v1/users/{user}/export")) for user in ("ann", "bob")]
    for code in codes:
        assert not any(code in text for text in said)
        assert files_with(server, code) == [] and code not in server.log_text(since_start=False)
    server.stop()  # a checkpoint
    assert [files_with(server, code) for code in codes] == [[] for _ in codes]
    server.start()


def in_days(days):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def content(server, delivery_id):
    return server.delivery(delivery_id)["content"]


def test_the_recipient_gets_the_code_and_nobody_else(bank, simulator):
    key = pause(bank)
    sent = bank.send(to=[{"user_id": "ann"}], template="reset", channels=["email"],
                     params={"code": CODE, "name": "Ann"})
    held = only(bank.wait_deliveries(sent["id"], "held"))
    assert files_with(bank, CODE) == []  # neither before
    assert "Ann, your code is •••." in json.dumps(content(bank, held["id"]), ensure_ascii=False)
    bank.restart(kill=True)
    bank.delete(f"/v1/pauses/{key}")
    done = bank.wait_final(sent["id"])
    assert done["outcome"] == "success"
    assert f"Ann, your code is {CODE}." in mail_part(only(simulator.messages("smtp")), "plain")
    assert "Ann, your code is •••." in json.dumps(content(bank, held["id"]), ensure_ascii=False)
    assert_nowhere(bank, CODE)


def test_each_of_several_gets_their_own(bank, simulator):
    sent = bank.send(to=[{"user_id": "ann", "params": {"code": CODE}}, {"user_id": "bob", "params": {"code": OTHER}}],
                     template="reset", channels=["email", "sms"], params={"name": "You"})
    assert bank.wait_final(sent["id"])["counts"] == {"sent": 4}
    mails = [mail_part(message, "plain") for message in simulator.messages("smtp", 2)]
    assert sorted(mails) == sorted(f"You, your code is {code}." for code in (CODE, OTHER))
    texts = {sms_form(m)["To"]: sms_form(m)["Body"] for m in simulator.messages("twilio", 2)}
    assert texts == {"+821012345678": f"{CODE} is your code", "+821012345679": f"{OTHER} is your code"}
    assert_nowhere(bank, CODE, OTHER)


def test_a_category_that_is_sensitive_hides_all_that_is_said(bank, simulator):
    sent = bank.send(to=[{"user_id": "ann"}], category="security", channels=["email"], title=f"Code {CODE}",
                     email={"html": f"<b>{CODE}</b>"}, metadata={"ticket": "4"})
    delivery = only(bank.wait_final(sent["id"])["deliveries"])
    assert CODE in mail_part(only(simulator.messages("smtp")), "html")
    assert bank.notification(sent["id"])["metadata"] == {"ticket": "4"}
    assert content(bank, delivery["id"]) is None
    assert_nowhere(bank, CODE)


def test_a_repeat_is_known_before_and_after_it_is_wiped(bank):
    key = pause(bank)
    send = {"event_id": "reset-1", "to": [{"user_id": "ann"}], "template": "reset", "channels": ["email"],
            "params": {"code": CODE, "name": "Ann"}}
    first = bank.send(**send)
    other = {**send, "params": {"code": OTHER, "name": "Ann"}}
    turned = dict(reversed(send.items()))

    def refusal(body):
        return bank.expect(422, "POST", "/v1/notifications", body, auth="app")
    for _ in range(2):
        again = bank.expect(200, "POST", "/v1/notifications", send, auth="app")
        assert again["duplicate"] and again["id"] == first["id"]
    assert bank.expect(200, "POST", "/v1/notifications", turned, auth="app")["duplicate"]
    assert refusal(other)["errors"][0]["pointer"] == "/params/code"
    assert CODE not in json.dumps(refusal(other))
    bank.delete(f"/v1/pauses/{key}")
    bank.wait_final(first["id"])
    assert bank.expect(200, "POST", "/v1/notifications", send, auth="app")["duplicate"]
    assert refusal(other)["code"] == "event_id_reused"
    assert refusal({**send, "channels": ["sms"]})["errors"][0]["pointer"] == "/channels/0"
    assert_nowhere(bank, CODE, OTHER)


def test_a_draft_and_a_scheduled_send_are_checked_and_sent_with_what_they_hold(bank, simulator):
    template(bank, "pin", params=[{"name": "pin", "type": "integer", "required": True, "sensitive": True}],
             content={"en": {"title": "PIN", "body": "PIN {{pin}}."}})
    send = {"to": [{"user_id": "ann"}], "template": "pin", "channels": ["email"]}
    draft = bank.send(draft=True, params={"pin": int(CODE)}, **send)
    path = f"/v1/notifications/{draft['id']}"
    assert bank.patch(path, {"metadata": {"a": "b"}}, auth="app")["status"] == "draft"
    assert bank.expect(422, "PATCH", path, {"params": {"pin": "x"}}, auth="app")["code"] == "invalid_parameter"
    later = bank.send(send_at=in_days(20), params={"pin": int(OTHER)}, **send)
    assert later["status"] == "scheduled"
    bank.restart(kill=True)
    assert files_with(bank, CODE) == files_with(bank, OTHER) == []
    bank.post(f"{path}/submit", auth="app")
    bank.wait_final(draft["id"])
    assert f"PIN {CODE}." in mail_part(only(simulator.messages("smtp")), "plain")
    bank.advance("21d")
    bank.wait_final(later["id"])
    assert f"PIN {OTHER}." in mail_part(simulator.messages("smtp")[0], "plain")
    assert_nowhere(bank, CODE, OTHER)


def test_what_is_wiped_is_sent_again_only_with_a_new_code(bank, simulator):
    bank.put("/v1/categories/once", {"channels": ["email"], "retry": []})
    simulator.faults(smtp={"rate_5xx": 1})
    sent = bank.send(to=[{"user_id": "ann"}], template="reset", category="once", params={"code": CODE, "name": "Ann"})
    delivery = only(bank.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] in ("dead", "failed")
    simulator.faults()
    job = bank.post("/v1/dead-letters/replay", {"ids": [delivery["id"]]})
    assert only(job["errors"])["detail"] == "sensitive_wiped"
    job = bank.post("/v1/dead-letters/replay", {"ids": [delivery["id"]], "changes": {"params": {"name": "Ann"}}})
    assert only(job["errors"])["detail"] == "sensitive_wiped"
    key = pause(bank)
    job = bank.post("/v1/dead-letters/replay",
                    {"ids": [delivery["id"]], "changes": {"params": {"code": OTHER, "name": "Ann"}}})
    assert job["done"] == 1
    bank.wait_deliveries(sent["id"], "held")
    assert files_with(bank, OTHER) == []
    assert "your code is •••." in json.dumps(content(bank, delivery["id"]), ensure_ascii=False)
    bank.delete(f"/v1/pauses/{key}")
    bank.wait_final(sent["id"])
    assert f"Ann, your code is {OTHER}." in mail_part(only(simulator.messages("smtp")), "plain")
    again = bank.api("POST", "/v1/notifications", {"from_notification": sent["id"]}, auth="app")
    assert (again.status, again.body["code"], again.pointers) == (422, "sensitive_wiped", ["/from_notification"])
    assert_nowhere(bank, CODE, OTHER)


def test_what_is_cancelled_or_expires_is_wiped_too(bank):
    pause(bank)
    send = {"to": [{"user_id": "ann"}], "template": "reset", "channels": ["email"], "params": {"code": CODE}}
    one, other = bank.send(**send), bank.send(ttl="1m", **send)
    bank.wait_deliveries(one["id"], "held")
    bank.wait_deliveries(other["id"], "held")
    bank.post(f"/v1/notifications/{one['id']}/cancel")
    bank.advance("2m")
    for sent in (one, other):
        bank.wait_final(sent["id"])
    assert {only(bank.deliveries(sent["id"]))["status"] for sent in (one, other)} == {"cancelled", "expired"}
    assert_nowhere(bank, CODE)


def test_an_event_that_waits_for_a_person_is_sealed(bank):
    bank.put("/v1/rules/resets", {"when": {"type": "reset.*"}, "send": {
        "template": "reset", "channels": ["email"], "to": [{"user_id": {"from": "data.user"}}],
        "params": {"code": {"from": "data.code"}}}})
    event = {"specversion": "1.0", "id": "1", "source": "/bank", "type": "reset.asked",
             "data": {"user": "cid", "code": CODE}}
    matched = only(bank.expect(202, "POST", "/v1/events", event, auth="app")["matched"])
    assert matched["status"] == "refused"
    letter = only(dead_letters(bank))
    shown = bank.get(f"/v1/dead-letters/{letter['id']}")
    assert shown["event"] == {"id": "1", "source": "/bank", "type": "reset.asked", "data": "•••"}
    assert files_with(bank, CODE) == []
    bank.put_user("cid", email="cid@example.test")
    job = bank.post("/v1/dead-letters/replay", {"ids": [letter["id"]]})
    assert (job["done"], job["failed"]) == (1, 0)
    sent = bank.get(f"/v1/dead-letters/{letter['id']}")
    assert bank.wait_final(sent["notification_id"])["outcome"] == "success"
    assert sent["event"]["id"] == "1" and "data" not in sent["event"]
    assert_nowhere(bank, CODE)


def test_the_sandbox_shows_what_came_and_keeps_it_sealed(server):
    template(server, "reset", params=[{"name": "code", "type": "string", "sensitive": True}],
             content={"en": {"title": "Reset", "body": "Your code is {{code}}."}})
    sent = server.send(to=[{"email": "ok@sandbox.carillon.test"}], template="reset", channels=["email"],
                       params={"code": CODE})
    server.wait_final(sent["id"])
    assert f"Your code is {CODE}." in json.dumps(only(server.sandbox_messages())["content"])
    assert files_with(server, CODE) == []
    server.restart()
    assert f"Your code is {CODE}." in json.dumps(only(server.sandbox_messages())["content"])
    assert files_with(server, CODE) == []


def test_kill_9_at_any_moment_loses_no_code(bank, simulator):
    send = {"to": [{"user_id": "ann"}], "template": "reset", "channels": ["email"]}
    for i, place in enumerate(("accept.after_store", "deliver.after_journal", "record.after_journal")):
        code = f"{CODE}{i}"
        die_at(bank, place, lambda c=code, e=place: bank.api(
            "POST", "/v1/notifications", {"event_id": e, "params": {"code": c}, **send}, auth="app"))
        bank.start()
        sent = bank.send(event_id=place, params={"code": code}, **send)
        bank.wait_final(sent["id"])
        assert any(code in mail_part(m, "plain") for m in simulator.messages("smtp", 5)), place
        assert_nowhere(bank, code)


def test_it_is_a_problem_with_a_name(server):
    assert "sensitive_wiped" in harness.request(server.url + "/docs/errors").text


def sealed_rows(server):
    with contextlib.closing(sqlite3.connect(f"file:{server.data}/carillon.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT count(*) FROM sealed").fetchone()[0]


@pytest.mark.parametrize("token, channel, by_sms", [("test-ok", "push", 0), ("test-unregistered", "sms", 1)])
def test_the_second_channel_says_it_too_and_then_it_is_gone(bank, simulator, token, channel, by_sms):
    bank.put("/v1/users/ann/devices/ann-iphone",
             {"platform": "ios", "endpoints": [{"service": "apns", "token": token}]})
    sent = bank.send(to=[{"user_id": "ann"}], template="reset", params={"code": CODE, "name": "Ann"},
                     fallback=[{"channel": "push", "until": "accepted"}, {"channel": "sms"}])
    assert bank.wait_final(sent["id"])["outcome"] in ("success", "partial")
    said = {d["channel"]: d["status"] for d in bank.deliveries(sent["id"])}
    assert said[channel] in ("sent", "delivered")
    texts = simulator.messages("twilio", by_sms) if by_sms else []
    assert [sms_form(m)["Body"] for m in texts] == [f"{CODE} is your code"] * by_sms
    assert sealed_rows(bank) == 0  # with the last result, not when somebody tidies up
    assert_nowhere(bank, CODE)
