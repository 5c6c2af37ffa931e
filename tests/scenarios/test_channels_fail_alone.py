"""A dead SMS vendor does not delay an e-mail."""
import time

from people import OK_PHONE, only, sent_one

MAILS = 20


def test_mail_goes_while_the_sms_vendor_is_silent(connected, simulator):
    simulator.faults(twilio={"black_hole": True})
    texts = [connected.send(to=[{"phone": OK_PHONE}], channels=["sms"], sms={"body": f"{n}"})["id"] for n in range(100)]
    began = time.monotonic()
    for n in range(MAILS):
        mail = sent_one(connected, to=[{"email": f"u{n}@example.test"}], channels=["email"], title="x", body="y")
        assert mail["status"] == "sent"
    assert time.monotonic() - began < 10
    states = {only(connected.deliveries(text))["status"] for text in texts[:5]}
    assert states <= {"pending", "processing", "held", "retrying"}
    assert simulator.counts()["twilio"]["accepted"] == 0


def test_both_channels_of_one_notification_have_their_own_fate(connected, simulator):
    connected.put_user("mina", email="mina@example.test", phone_number=OK_PHONE)
    simulator.faults(twilio={"rate_5xx": 1, "status_5xx": 503})
    sent = connected.send(to=[{"user_id": "mina"}], channels=["sms", "email"], title="x", body="y")
    from harness import wait_until
    wait_until(lambda: {d["channel"]: d["status"] for d in connected.deliveries(sent["id"])} ==
               {"sms": "retrying", "email": "sent"}, lambda: connected.deliveries(sent["id"]))
