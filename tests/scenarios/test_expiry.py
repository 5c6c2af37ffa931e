"""A message that is worth nothing later is not sent later."""
from people import only

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


def test_a_delivery_expires_while_it_is_paused(connected, simulator):
    pause = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(ttl="10m", **MAIL)
    connected.wait_deliveries(sent["id"], "held")
    connected.advance("11m")
    connected.delete(f"/v1/pauses/{pause['id']}")
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "expired" and delivery["reason"] == "ttl_passed"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_a_delivery_expires_between_two_attempts(connected, simulator):
    simulator.faults(smtp={"rate_5xx": 1})
    sent = connected.send(ttl="90s", **MAIL)
    connected.wait_deliveries(sent["id"], "retrying")
    simulator.faults()
    connected.advance("2m")
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "expired"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_an_expired_one_is_not_replayed(connected):
    connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(ttl="10m", **MAIL)
    delivery = only(connected.wait_deliveries(sent["id"], "held"))
    connected.advance("11m")
    connected.wait_final(sent["id"])
    connected.api("POST", "/v1/dead-letters/replay", {"ids": [delivery["id"]]})
    assert connected.delivery(delivery["id"])["status"] == "expired"
