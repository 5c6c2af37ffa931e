"""The stop button: what it names stays where it is until it is released, and nothing else waits."""
import pytest

from harness import wait_until
from people import only, sent_one, template

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


@pytest.mark.parametrize("scope", [{"channel": "email"}, {"category": "news"}, {"app": "default"}, {"priority": "bulk"},
                                   {"template": "bells"}, {"channel": "email", "category": "news"}])
def test_what_it_names_waits_and_then_goes(connected, simulator, scope):
    connected.put("/v1/categories/news", {})
    template(connected, "bells", content={"en": {"title": "x", "body": "y"}})
    stop = connected.post("/v1/pauses", {"scope": scope, "reason": "wrong price in the campaign"})
    message = {"to": MAIL["to"], "channels": ["email"], "category": "news", "priority": "bulk", "template": "bells"}
    sent = connected.send(**message)
    held = only(connected.wait_deliveries(sent["id"], "held"))
    assert held["reason"] == "paused" and held["due_at"] is None
    assert only(connected.get("/v1/pauses")["data"])["reason"] == "wrong price in the campaign"
    connected.delete(f"/v1/pauses/{stop['id']}")
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    assert simulator.counts()["smtp"]["accepted"] == 1


def test_what_it_does_not_name_goes(connected):
    connected.put("/v1/categories/news", {})
    connected.post("/v1/pauses", {"scope": {"category": "news"}, "reason": "test"})
    assert sent_one(connected, **MAIL)["status"] == "sent"


def test_it_holds_over_a_restart(connected, simulator):
    stop = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(**MAIL)
    connected.wait_deliveries(sent["id"], "held")
    connected.restart(kill=True)
    connected.advance("1h")
    # A start looks at what was held once more; the stop button still stands.
    assert only(connected.wait_deliveries(sent["id"], "held"))["reason"] == "paused"
    assert simulator.counts()["smtp"]["accepted"] == 0
    connected.delete(f"/v1/pauses/{stop['id']}")
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    assert simulator.counts()["smtp"]["accepted"] == 1


def test_a_misspelt_name_does_not_pretend_to_stop_anything(server):
    for field, name in (("category", "nwes"), ("app", "shp"), ("template", "bels"), ("channel", "fax")):
        refused = server.api("POST", "/v1/pauses", {"scope": {field: name}, "reason": "wrong price"})
        assert refused.status == 422 and refused.pointers == [f"/scope/{field}"]
    assert server.get("/v1/pauses")["data"] == []


MANY = 6_000  # more than one piece of what is released together


def hold(server, count):
    """A stop button, and so many mails for it."""
    stop = server.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "wrong price"})
    for begin in range(0, count, 1_000):
        mails = [{**MAIL, "to": [{"email": f"u{begin + i}@example.test"}]} for i in range(1_000)]
        answer = server.post("/v1/notifications/batch", {"notifications": mails}, auth="app")
        assert answer["summary"]["accepted"] == 1_000
    return stop


def test_what_it_holds_sleeps_until_it_goes(connected, simulator):
    connected.put("/v1/categories/news", {})
    stop = hold(connected, MANY)
    # What has nothing to do with it wakes none of them.
    connected.put("/v1/categories/news", {"channels": ["email"]})
    connected.post("/v1/pauses", {"scope": {"channel": "voice"}, "reason": "another"})
    connected.wait_idle()
    assert sum(queue["held"] for queue in connected.get("/v1/queues")["data"]) == MANY
    connected.delete(f"/v1/pauses/{stop['id']}")
    wait_until(lambda: simulator.counts()["smtp"]["accepted"] == MANY, "all are sent", 60)
    assert connected.metric("carillon_claim_rows_sum") == MANY


def test_a_start_beside_it_looks_once_at_what_it_holds(connected):
    many = 5 * MANY  # so that much is held again before the last of it is released
    hold(connected, many)
    connected.wait_idle()
    connected.restart()
    wait_until(lambda: connected.metric("carillon_claim_rows_sum") >= many, "not all of it is looked at", 60)
    connected.wait_idle()
    assert sum(queue["held"] for queue in connected.get("/v1/queues")["data"]) == many
    assert connected.metric("carillon_claim_rows_sum") == many
