"""What the vendor tells later changes what became of a message: once, in whatever order, and signed by the vendor."""
import json

import harness
import pytest
from people import OK_PHONE, PHONE, ios, only, sent_one

BOUNCE_PHONE = "+999000000002"
TEXT = {"channels": ["sms"], "sms": {"body": "Your table is ready."}}


@pytest.fixture
def reachable(make_server, simulator):
    """A server that vendors can call back."""
    return harness.reachable(harness.connect(make_server(), simulator, "twilio"))


def wait_status(server, delivery_id, status):
    return harness.wait_until(
        lambda: (d := server.delivery(delivery_id))["status"] == status and d,
        lambda: f"not {status}: {json.dumps(server.delivery(delivery_id))}")


def text(server, phone=OK_PHONE, **more):
    sent = server.send(to=[{"phone": phone}], **TEXT, **more)
    return only(server.wait_final(sent["id"])["deliveries"])


def test_a_text_message_is_delivered_when_the_phone_has_it(reachable):
    delivery = wait_status(reachable, text(reachable)["id"], "delivered")
    events = [step["event"] for step in delivery["timeline"]]
    assert events[0] == "accepted" and "receipt_delivered" in events
    receipt = only(r for r in delivery["receipts"] if r["kind"] == "delivered")
    assert receipt["integration"] == "twilio" and receipt["count"] == 1 and receipt["at"]
    assert delivery["log_status"] == "SUCCESS" and delivery["engagement"] == []
    assert reachable.accountability()["exact"]
    hours = reachable.get("/v1/stats")["data"]
    assert only(row["n"] for row in hours if row["status"] == "delivered") == 1


def test_a_number_that_is_gone_is_not_written_to_again(reachable, simulator):
    delivery = wait_status(reachable, text(reachable, BOUNCE_PHONE)["id"], "failed")
    assert delivery["reason"] == "bounced"
    assert only(r for r in delivery["receipts"] if r["kind"] == "bounced")["code"] == "30005"
    suppression = only(reachable.all("/v1/suppressions"))
    assert suppression["reason"] == "hard_bounce" and suppression["channel"] == "sms"
    again = text(reachable, BOUNCE_PHONE)
    assert again["status"] == "suppressed" and again["reason"] == "address_suppressed"
    assert simulator.counts()["twilio"]["accepted"] == 1


def test_reports_twice_and_in_disorder_come_to_the_same(make_server, make_simulator):
    simulator = make_simulator("--callback-duplicate", "1", "--callback-reorder", "1")
    server = harness.reachable(harness.connect(make_server(), simulator, "twilio"))
    ids = [text(server)["id"] for _ in range(10)]
    for delivery_id in ids:
        delivery = wait_status(server, delivery_id, "delivered")
        assert [r["count"] for r in delivery["receipts"] if r["kind"] == "delivered"] == [1]
    assert server.accountability()["states"]["delivered"] == 10 and server.accountability()["exact"]


def test_nobody_else_can_report(reachable):
    delivery = text(reachable)
    path = f"/v1/callbacks/twilio_sms/twilio?d={delivery['id']}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005&To=%2B821012345678"
    forged = harness.request(reachable.url + path, "POST", body, headers=form)
    assert forged.status == 403 and forged.body["code"] == "forged_callback"
    signed = harness.request(reachable.url + path, "POST", body, headers={**form, "X-Twilio-Signature": "AAAA"})
    assert signed.status == 403
    assert reachable.api("POST", "/v1/callbacks/twilio_sms/nothing", None).status == 404
    assert reachable.api("POST", "/v1/callbacks/smtp/twilio", None).status == 404
    assert reachable.delivery(delivery["id"])["status"] in ("sent", "delivered")
    assert reachable.all("/v1/suppressions") == []


def test_what_nobody_knew_is_known_by_its_receipt(reachable, simulator):
    simulator.faults(twilio={"reset_after": 1})
    sent = reachable.send(to=[{"phone": PHONE}], **TEXT)
    delivery = only(reachable.wait_final(sent["id"])["deliveries"])
    wait_status(reachable, delivery["id"], "delivered")
    assert only(reachable.all("/v1/dead-letters"))["closed"]
    assert reachable.accountability()["exact"]


def test_receipts_outlive_a_kill(reachable):
    delivery = wait_status(reachable, text(reachable)["id"], "delivered")
    reachable.restart(kill=True)
    assert reachable.delivery(delivery["id"])["receipts"] == delivery["receipts"]
    assert reachable.accountability()["exact"]


def test_a_rate_is_of_what_went_through_those_who_report(reachable, simulator):
    harness.connect(reachable, simulator, "apns")
    ios(reachable, "ann")
    for _ in range(3):
        sent_one(reachable, to=[{"user_id": "ann"}], channels=["push"], title="x")
    wait_status(reachable, text(reachable)["id"], "delivered")
    total = reachable.get("/v1/stats?by=channel")["total"]
    assert (total["sent"], total["delivered"], total["receipts"]) == (4, 1, "yes")
    assert total["rates"]["delivery"] == 1.0, "pushes that nobody reports about have not failed"
