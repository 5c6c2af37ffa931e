"""Who said no is not written to, and the history says why."""
import pytest

from people import ios, only, sent_one

MAIL = {"channels": ["email"], "title": "Hello", "body": "The bells ring."}


@pytest.mark.parametrize("channel, category", [("email", "*"), ("*", "*"), ("email", "general"), ("*", "general")])
def test_an_opted_out_user_is_a_suppressed_row(connected, simulator, channel, category):
    connected.put_user("mina", email="mina@example.test")
    connected.patch("/v1/users/mina/preferences",
                    {"preferences": [{"channel": channel, "category": category, "opt_in": False}]})
    answer = connected.send(to=[{"user_id": "mina"}], **MAIL)
    assert answer["recipients"] == {"total": 1, "reached": 0, "suppressed": 1}
    done = connected.wait_final(answer["id"])
    assert done["outcome"] == "none"
    delivery = only(done["deliveries"])
    assert delivery["status"] == "suppressed" and delivery["reason"] == "opted_out"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_one_platform_of_push_can_be_refused(connected, simulator):
    ios(connected, "mina")
    connected.patch("/v1/users/mina/preferences",
                    {"preferences": [{"channel": "push.ios", "category": "*", "opt_in": False}]})
    assert sent_one(connected, to=[{"user_id": "mina"}], channels=["push"], body="x")["reason"] == "opted_out"
    assert simulator.counts()["apns"]["accepted"] == 0


def test_a_mandatory_category_reaches_who_opted_out(connected):
    connected.put_user("mina", email="mina@example.test")
    connected.patch("/v1/users/mina/preferences", {"preferences": [{"channel": "*", "category": "*", "opt_in": False}]})
    assert sent_one(connected, to=[{"user_id": "mina"}], category="security", **MAIL)["status"] == "sent"


def test_saying_yes_again_counts_and_is_logged(connected):
    connected.put_user("mina", email="mina@example.test")
    for opt_in in (False, True):
        connected.patch("/v1/users/mina/preferences",
                        {"preferences": [{"channel": "email", "category": "*", "opt_in": opt_in}]})
    assert sent_one(connected, to=[{"user_id": "mina"}], **MAIL)["status"] == "sent"
    assert len(connected.get("/v1/users/mina/preferences/log")["data"]) == 2


def test_saying_no_while_a_message_waits_stops_it(connected, simulator):
    connected.put_user("mina", email="mina@example.test")
    pause = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"user_id": "mina"}], **MAIL)
    connected.wait_deliveries(sent["id"], "held")
    connected.patch("/v1/users/mina/preferences",
                    {"preferences": [{"channel": "email", "category": "*", "opt_in": False}]})
    connected.delete(f"/v1/pauses/{pause['id']}")
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "suppressed" and delivery["reason"] == "opted_out"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_a_suppressed_address_is_never_written_to(connected, simulator):
    connected.post("/v1/suppressions", {"channel": "email", "address": "Ann@Example.test", "reason": "manual"})
    for category in ("general", "security"):
        delivery = sent_one(connected, to=[{"email": "ann@example.test"}], category=category, **MAIL)
        assert delivery["status"] == "suppressed" and delivery["reason"] == "address_suppressed"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_a_hard_bounce_suppresses_the_address(connected, simulator):
    bounced = sent_one(connected, to=[{"email": "bounce@sandbox.carillon.test"}], **MAIL)
    assert bounced["status"] == "failed" and bounced["reason"] == "invalid_recipient"
    again = sent_one(connected, to=[{"email": "bounce@sandbox.carillon.test"}], **MAIL)
    assert again["status"] == "suppressed" and again["reason"] == "address_suppressed"


def test_nobody_is_reached_without_an_address(connected):
    connected.put_user("mina", name="Mina")
    assert sent_one(connected, to=[{"user_id": "mina"}], **MAIL)["reason"] == "no_address"
