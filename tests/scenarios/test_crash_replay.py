"""kill -9 in the middle of a send: what the vendor answered is not asked again, what was open goes on."""
import os

import harness
from people import ios, only

PUSH = {"to": [{"user_id": "mina"}], "channels": ["push"], "title": "x", "body": "y"}


def killed_at(server, place, **message):
    """Sends, with the server dying at that place; the answer, or None when it died before."""
    server.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:1"}
    server.restart()
    answer = None
    try:
        answer = server.api("POST", "/v1/notifications", message, auth="app")
    except (OSError, harness.http.client.HTTPException):
        pass
    harness.wait_until(lambda: not server.is_running(), f"{place} was not reached")
    server.kill()
    server.environment = {}
    server.start()
    return answer.body if answer is not None and answer.status == 202 else None


def test_an_answer_that_was_journaled_is_not_asked_again(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "record.after_journal", event_id="e1", **PUSH)
    done = connected.wait_final(sent["id"])
    delivery = only(done["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] == 0
    assert simulator.counts()["apns"]["accepted"] == 1
    assert "recovered 1 deliveries" in connected.log_text()


def test_what_was_claimed_but_not_begun_goes_once(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "deliver.before_journal", event_id="e1", **PUSH)
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] == 0 and delivery["attempts"] == 1
    assert simulator.counts()["apns"]["accepted"] == 1


def test_what_may_have_been_sent_is_resent_and_says_so(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "deliver.answered", event_id="e1", **PUSH)
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
    assert killed_at(connected, "accept.after_store", event_id="e1", **PUSH) is None
    again = connected.api("POST", "/v1/notifications", {"event_id": "e1", **PUSH}, auth="app")
    connected.wait_final(again.body["id"])
    assert simulator.counts()["apns"]["accepted"] == 1


def test_a_crash_during_the_recovery_is_recovered(connected, simulator):
    ios(connected, "mina")
    sent = killed_at(connected, "record.after_journal", event_id="e1", **PUSH)
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    connected.environment = {"CARILLON_FAILPOINTS": "deliver.answered:kill:1"}
    connected.restart()
    second = connected.api("POST", "/v1/notifications", {"event_id": "e2", **PUSH}, auth="app").body
    harness.wait_until(lambda: not connected.is_running(), "it did not die")
    connected.kill()
    for place in ("recover.after_page", "recover.before_discard", "recover.after_discard"):
        connected.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:1"}
        connected.start(ready=False)
        harness.wait_until(lambda: not connected.is_running(), f"{place} was not reached")
        connected.kill()
    connected.environment = {}
    connected.start()
    delivery = only(connected.wait_final(second["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["resent"] >= 1
    assert simulator.counts()["apns"]["accepted"] <= 1 + 1 + delivery["resent"]


def test_a_torn_tail_of_the_journal_is_ignored(connected, simulator):
    ios(connected, "mina")
    connected.environment = {"CARILLON_FAILPOINTS": "record.after_journal:kill:1"}
    connected.restart()
    sent = connected.api("POST", "/v1/notifications", PUSH, auth="app").body
    harness.wait_until(lambda: not connected.is_running(), "it did not die")
    connected.kill()
    newest = max((connected.data / "journal").iterdir(), key=os.path.getmtime)
    with open(newest, "ab") as segment:
        segment.write(b"\x17" * 11)
    connected.environment = {}
    connected.start()
    assert only(connected.wait_final(sent["id"])["deliveries"])["resent"] == 0
    assert simulator.counts()["apns"]["accepted"] == 1
