"""A category with a cap: nobody hears of it more often than that."""
from people import only, sent_one

MAIL = {"to": [{"user_id": "mina"}], "channels": ["email"], "category": "news", "title": "News", "body": "Bells."}


def category(server, on_exceed):
    server.put_user("mina", email="mina@example.test")
    server.put("/v1/categories/news", {"cap": {"limit": 2, "per": "24h", "on_exceed": on_exceed}})


def test_one_too_many_is_dropped(connected, simulator):
    category(connected, "drop")
    seen = [sent_one(connected, **MAIL) for _ in range(3)]
    assert [d["status"] for d in seen] == ["sent", "sent", "suppressed"]
    assert seen[2]["reason"] == "frequency_cap"
    assert simulator.counts()["smtp"]["accepted"] == 2


def test_one_too_many_waits_until_it_may_go(connected, simulator):
    category(connected, "defer")
    for _ in range(2):
        sent_one(connected, **MAIL)
    third = connected.send(**MAIL)
    held = only(connected.wait_deliveries(third["id"], "held"))
    assert held["reason"] == "frequency_cap" and held["due_at"]
    connected.advance("25h")
    assert only(connected.wait_final(third["id"])["deliveries"])["status"] == "sent"


def test_the_cap_counts_per_user_and_per_channel(connected):
    category(connected, "drop")
    connected.put_user("jun", email="jun@example.test")
    for _ in range(2):
        sent_one(connected, **MAIL)
    assert sent_one(connected, **{**MAIL, "to": [{"user_id": "jun"}]})["status"] == "sent"


def test_a_test_key_knows_no_caps(connected):
    category(connected, "drop")
    answers = [connected.send(auth="test", **MAIL) for _ in range(4)]
    for answer in answers:
        assert only(connected.wait_final(answer["id"])["deliveries"])["status"] == "sent"
