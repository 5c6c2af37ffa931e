"""kill -9 in the middle of a send: what the vendor answered is not asked again, what was open goes on."""
import os

import harness
from people import die_at, ios, only

PUSH = {"to": [{"user_id": "mina"}], "channels": ["push"], "title": "x", "body": "y"}


def send_and_die_at(server, place, event_id="e1", **message):
    die_at(server, place,
           lambda: server.api("POST", "/v1/notifications", {"event_id": event_id, **message}, auth="app"))


def accepted(server, event_id="e1"):
    return only(server.get(f"/v1/notifications?event_id={event_id}")["data"])


def killed_at(server, place, **message):
    """Sends, with the server dying at that place, and started again; what was accepted."""
    send_and_die_at(server, place, **message)
    server.start()
    return accepted(server)


def test_an_answer_that_was_journaled_is_not_asked_again(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "record.after_journal", **PUSH)
    done = connected.wait_final(sent["id"])
    delivery = only(done["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] == 0
    assert simulator.counts()["apns"]["accepted"] == 1
    assert "recovered 1 deliveries" in connected.log_text()


def test_what_was_claimed_but_not_begun_goes_once(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "deliver.before_journal", **PUSH)
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] == 0 and delivery["attempts"] == 1
    assert simulator.counts()["apns"]["accepted"] == 1


def test_what_may_have_been_sent_is_resent_and_says_so(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "deliver.answered", **PUSH)
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] == 1
    first, second = simulator.log("apns")
    assert first["collapse"] == second["collapse"]


def test_a_text_that_may_have_been_sent_is_unknown(connected, simulator):
    sent = killed_at(connected, "deliver.answered", to=[{"phone": "+999000000001"}], channels=["sms"],
                     sms={"body": "x"})
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "unknown"
    assert simulator.counts()["twilio"]["accepted"] == 1


def test_a_send_whose_answer_was_lost_is_repeated_by_the_caller_without_harm(connected, simulator):
    ios(connected, "mina")
    first = killed_at(connected, "accept.after_store", **PUSH)
    again = connected.api("POST", "/v1/notifications", {"event_id": "e1", **PUSH}, auth="app")
    assert again.body["duplicate"] and again.body["id"] == first["id"]
    connected.wait_final(first["id"])
    assert simulator.counts()["apns"]["accepted"] == 1


def test_a_crash_during_the_recovery_is_recovered(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "record.after_journal", **PUSH)
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    send_and_die_at(connected, "deliver.answered", event_id="e2", **PUSH)
    for place in ("recover.after_page", "recover.before_discard", "recover.after_discard"):
        connected.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:1"}
        connected.start(ready=False)
        harness.wait_until(lambda: not connected.is_running(), f"{place} was not reached")
        connected.kill()
    connected.environment = {}
    connected.start()
    delivery = only(connected.wait_final(accepted(connected, "e2")["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] >= 1
    assert simulator.counts()["apns"]["accepted"] <= 1 + 1 + delivery["resent"]


def test_a_torn_tail_of_the_journal_is_ignored(connected, simulator):
    ios(connected, "mina")
    send_and_die_at(connected, "record.after_journal", **PUSH)
    newest = max((connected.data / "journal").iterdir(), key=os.path.getmtime)
    with open(newest, "ab") as segment:
        segment.write(b"\x17" * 11)
    connected.start()
    assert only(connected.wait_final(accepted(connected)["id"])["deliveries"])["resent"] == 0
    assert simulator.counts()["apns"]["accepted"] == 1
