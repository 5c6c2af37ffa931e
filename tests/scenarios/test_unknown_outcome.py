"""The vendor took the message and the line broke before it said so. A push is repeated under the same
handle, which its vendor collapses; a text message is not repeated: a person decides."""
import pytest

from people import OK_PHONE, dead_letters, ios, only


def wait_resent(server, notification_id):
    from harness import wait_until
    return wait_until(lambda: [d for d in server.deliveries(notification_id) if d["resent"] >= 1],
                      "nothing was resent")[0]


def test_a_push_is_resent_with_the_same_collapse_id(connected, simulator):
    ios(connected, "mina")
    simulator.faults(apns={"reset_after": 1})
    sent = connected.send(to=[{"user_id": "mina"}], channels=["push"], body="x")
    waiting = wait_resent(connected, sent["id"])
    assert waiting["status"] == "retrying" and waiting["reason"] == "unknown_outcome"
    simulator.faults()
    connected.advance("2m")
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] == 1
    first, second = simulator.log("apns")
    assert first["delivery"] == second["delivery"] == delivery["id"]
    assert first["collapse"] == second["collapse"] != ""
    assert (first["answered"], second["answered"]) == (False, True)
    assert "attempt_ambiguous" in [step["event"] for step in connected.delivery(delivery["id"])["timeline"]]


def test_a_mail_is_resent_with_the_same_message_id(connected, simulator):
    simulator.faults(smtp={"reset_after": 1})
    sent = connected.send(to=[{"email": "ann@example.test"}], channels=["email"], title="x", body="y")
    wait_resent(connected, sent["id"])
    simulator.faults()
    connected.advance("2m")
    connected.wait_final(sent["id"])
    first, second = simulator.log("smtp")
    assert first["collapse"] == second["collapse"] != ""


def unknown_text(connected, simulator):
    simulator.faults(twilio={"reset_after": 1})
    sent = connected.send(to=[{"phone": OK_PHONE}], channels=["sms"], sms={"body": "x"})
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    simulator.faults()
    return delivery


def test_a_text_message_is_held_as_unknown(connected, simulator):
    delivery = unknown_text(connected, simulator)
    assert delivery["status"] == "unknown" and delivery["reason"] == "unknown_outcome" and delivery["resent"] == 0
    connected.advance("2h")
    connected.wait_idle()
    assert simulator.counts()["twilio"]["accepted"] == 1
    assert only(dead_letters(connected))["delivery_id"] == delivery["id"]


def test_a_person_may_send_the_unknown_one_again(connected, simulator):
    delivery = unknown_text(connected, simulator)
    connected.post("/v1/dead-letters/replay", {"ids": [delivery["id"]]})
    again = only(connected.wait_deliveries(delivery["notification_id"], "sent", "delivered"))
    assert again["generation"] == 1
    assert simulator.counts()["twilio"]["accepted"] == 2


@pytest.mark.parametrize("fault", ["reset_before", "refused_stream"])
def test_what_the_vendor_surely_did_not_take_is_sent_once(connected, simulator, fault):
    ios(connected, "mina")
    simulator.faults(apns={fault: 1})
    sent = connected.send(to=[{"user_id": "mina"}], channels=["push"], body="x")
    connected.wait_deliveries(sent["id"], "retrying")
    simulator.faults()
    connected.advance("2m")
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    assert simulator.counts()["apns"]["accepted"] == 1
