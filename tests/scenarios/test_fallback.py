"""Channels one after another: the next is used when the one before did not do, and only then."""
import harness
import pytest
from people import OK_PHONE, ios, only

BOUNCE_PHONE = "+999000000002"
PUSH_THEN_TEXT = [{"channel": "push", "until": "accepted"}, {"channel": "sms"}]
OPENED_OR_TEXT = [{"channel": "push", "until": "opened", "wait": "2m"}, {"channel": "sms"}]
TEXT_THEN_MAIL = [{"channel": "sms", "until": "delivered", "wait": "5m"}, {"channel": "email"}]


@pytest.fixture
def reached(make_server, simulator):
    server = harness.reachable(harness.connect(make_server(), simulator))
    server.put_user("nophone", phone_number=OK_PHONE, email="no@example.test")
    ios(server, "mina", phone_number=OK_PHONE, email="mina@example.test")
    return server


def send(server, fallback, user="mina", **more):
    return server.send(to=[{"user_id": user}], fallback=fallback, title="x", body="y", **more)


def by_channel(server, sent):
    return {d["channel"]: d for d in server.deliveries(sent["id"])}


def wait(server, sent, channel, status, reason=None):
    def look():
        d = by_channel(server, sent)[channel]
        return d["status"] == status and (reason is None or d["reason"] == reason) and d
    return harness.wait_until(look, lambda: f"{channel} is not {status}: {by_channel(server, sent)}")


def texts(simulator):
    return simulator.counts()["twilio"]["accepted"]


def test_what_is_taken_needs_no_second(reached, simulator):
    sent = send(reached, PUSH_THEN_TEXT)
    wait(reached, sent, "push", "sent")
    wait(reached, sent, "sms", "suppressed", "fallback_not_needed")
    assert texts(simulator) == 0 and reached.notification(sent["id"])["outcome"] == "success"
    assert reached.accountability()["exact"]


def test_who_has_no_device_gets_the_text_at_once(reached, simulator):
    sent = send(reached, PUSH_THEN_TEXT, "nophone")
    assert sent["deliveries"] == {"pending": 1, "held": 0, "suppressed": 1}
    wait(reached, sent, "push", "suppressed", "no_address")
    wait(reached, sent, "sms", "delivered")


def test_a_dead_phone_makes_way_for_the_text(reached, simulator):
    ios(reached, "gone", phone_number=OK_PHONE)
    reached.put("/v1/users/gone/devices/gone-iphone",
                {"platform": "ios", "endpoints": [{"service": "apns", "token": "test-unregistered"}]})
    sent = send(reached, OPENED_OR_TEXT, "gone")
    wait(reached, sent, "push", "failed")
    wait(reached, sent, "sms", "delivered")


def test_who_opens_is_left_alone(reached, simulator):
    sent = send(reached, OPENED_OR_TEXT)
    push = wait(reached, sent, "push", "sent")
    waiting = wait(reached, sent, "sms", "held", "fallback_wait")
    assert waiting["due_at"]
    token = reached.post("/v1/users/mina/tokens", {}, auth="app")["token"]
    reached.api("POST", "/v1/track", {"events": [{"delivery_id": push["id"], "type": "opened"}]}, auth=token)
    wait(reached, sent, "sms", "suppressed", "fallback_not_needed")
    reached.advance("1h")
    reached.wait_idle()
    assert texts(simulator) == 0


def test_who_does_not_open_in_time_gets_the_text(reached, simulator):
    sent = send(reached, OPENED_OR_TEXT)
    wait(reached, sent, "push", "sent")
    wait(reached, sent, "sms", "held", "fallback_wait")
    reached.restart(kill=True)
    assert texts(simulator) == 0
    reached.advance("2m")
    wait(reached, sent, "sms", "delivered")
    assert texts(simulator) == 1 and reached.accountability()["exact"]


def test_a_receipt_decides(reached, simulator):
    sent = send(reached, TEXT_THEN_MAIL)
    wait(reached, sent, "sms", "delivered")
    wait(reached, sent, "email", "suppressed", "fallback_not_needed")
    reached.put_user("bounces", phone_number=BOUNCE_PHONE, email="b@example.test")
    sent = send(reached, TEXT_THEN_MAIL, "bounces")
    wait(reached, sent, "sms", "failed", "bounced")
    wait(reached, sent, "email", "sent")
    assert simulator.counts()["smtp"]["accepted"] == 1


def test_where_nobody_reports_the_sender_is_told(reached):
    sent = send(reached, [{"channel": "push", "until": "delivered", "wait": "1m"}, {"channel": "sms"}])
    assert [(w["code"], w["channel"]) for w in sent["warnings"]] == [("no_receipts", "push")]
    wait(reached, sent, "sms", "suppressed", "fallback_not_needed")


def test_the_dry_run_shows_who_waits(reached):
    said = reached.post("/v1/notifications/explain", {"to": [{"user_id": "mina"}], "fallback": PUSH_THEN_TEXT,
                                                      "title": "x", "body": "y"}, auth="app")["data"]
    assert [(e["channel"], e["decision"], e["reason"]) for e in said] == [
        ("push", "send", None), ("sms", "hold", "fallback_wait")]
    assert only(c for c in said[1]["checks"] if c["check"] == "fallback")["value"] == "after push"


def test_cancelling_stops_who_waits(reached, simulator):
    sent = send(reached, OPENED_OR_TEXT)
    wait(reached, sent, "sms", "held", "fallback_wait")
    reached.post(f"/v1/notifications/{sent['id']}/cancel", {})
    wait(reached, sent, "sms", "cancelled")
    reached.advance("2m")
    reached.wait_idle()
    assert texts(simulator) == 0
