"""A provider fails for a while: the delivery is tried again on the schedule, then becomes a dead letter
that an operator replays when the fault is gone."""
import datetime

import pytest

from people import dead_letters, only, sent_one

MINUTE_S = 60
SCHEDULE_S = [1 * MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S, 60 * MINUTE_S]  # 1m → 5m → 15m → 1h
JITTER = 0.2


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def wait_attempts(server, delivery_id, count, *statuses):
    from harness import wait_until
    seen = {}

    def look():
        seen["d"] = server.delivery(delivery_id)
        return seen["d"] if seen["d"]["attempts"] == count and seen["d"]["status"] in statuses else None
    return wait_until(look, lambda: f"not {statuses} after {count} attempts: {seen}")


def fail_for_good(server, simulator):
    """Sends a mail that fails at every attempt; its delivery once it is dead."""
    simulator.faults(smtp={"rate_5xx": 1})
    sent = server.send(to=[{"email": "ann@example.test"}], channels=["email"], title="Hello", body="The bells ring.")
    delivery = only(server.wait_deliveries(sent["id"], "retrying"))
    for count, wait_s in enumerate(SCHEDULE_S, start=1):
        delivery = wait_attempts(server, delivery["id"], count, "retrying")
        last = instant(delivery["attempt_log"][-1]["at"])
        due_in_s = (instant(delivery["due_at"]) - last).total_seconds()
        assert wait_s * (1 - JITTER) - 2 <= due_in_s <= wait_s * (1 + JITTER) + 2, f"attempt {count}: {due_in_s} s"
        server.advance(f"{int(due_in_s) - 3}s")
        assert server.delivery(delivery["id"])["attempts"] == count, "tried before its time"
        server.advance("6s")
    return wait_attempts(server, delivery["id"], len(SCHEDULE_S) + 1, "dead")


def test_it_is_tried_again_after_1_5_15_and_60_minutes_and_then_dead(connected, simulator):
    delivery = fail_for_good(connected, simulator)
    assert delivery["reason"] == "retries_exhausted" and delivery["log_status"] == "FAIL"
    assert [a["outcome"] for a in delivery["attempt_log"]] == ["temporary"] * 5
    assert connected.wait_final(delivery["notification_id"])["outcome"] == "failed"
    assert simulator.counts()["smtp"]["accepted"] == 0
    letter = only(dead_letters(connected))
    assert letter["delivery_id"] == delivery["id"]
    assert "451" in str(letter)


def test_a_fault_that_passes_costs_one_retry(connected, simulator):
    simulator.faults(smtp={"rate_5xx": 1})
    sent = connected.send(to=[{"email": "ann@example.test"}], channels=["email"], title="Hello", body="x")
    connected.wait_deliveries(sent["id"], "retrying")
    simulator.faults()
    connected.advance("2m")
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["attempts"] == 2 and delivery["resent"] == 0


@pytest.mark.parametrize("chosen_by", ["ids", "filter"])
def test_a_dead_letter_is_replayed_and_arrives_once(connected, simulator, chosen_by):
    delivery = fail_for_good(connected, simulator)
    letter = only(dead_letters(connected))
    simulator.faults()
    connected.advance("2m")  # the breaker's rest
    chosen = {"ids": [letter["id"]]} if chosen_by == "ids" else {"filter": {"channel": "email"}}
    connected.post("/v1/dead-letters/replay", chosen)
    again = only(connected.wait_deliveries(delivery["notification_id"], "sent"))
    assert again["id"] == delivery["id"] and again["generation"] == 1
    assert dead_letters(connected) == []
    assert simulator.counts()["smtp"]["accepted"] == 1
    audit = connected.get("/v1/audit")["data"]
    assert any("replay" in str(entry) for entry in audit)


def test_a_replay_may_change_the_address(connected, simulator):
    delivery = sent_one(connected, to=[{"email": "bounce@sandbox.carillon.test"}], channels=["email"], title="x",
                        body="y")
    assert delivery["status"] == "failed" and delivery["reason"] == "invalid_recipient"
    connected.post("/v1/dead-letters/replay", {"ids": [delivery["id"]], "changes": {"address": "right@example.test"}})
    connected.wait_deliveries(delivery["notification_id"], "sent")
    assert only(simulator.messages("smtp", 5))["recipient"] == "right@example.test"
