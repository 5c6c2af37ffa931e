"""A one-time password does not queue behind a campaign."""
from people import ios

BULK = 5_000
BATCH = 1_000


def test_a_critical_message_overtakes_five_thousand_bulk_ones(connected, simulator):
    ios(connected, "mina")
    connected.patch("/v1/apps/default", {"max_priority": "critical"})
    connected.put("/v1/categories/login", {"priority": "critical", "max_priority": "critical"})
    simulator.faults(apns={"latency_ms": 20})
    # One send at a time at the vendor, so that the campaign takes a while.
    connected.put("/v1/integrations/apns", {**slow(connected, simulator)})
    stop = connected.post("/v1/pauses", {"scope": {"priority": "bulk"}, "reason": "gather the campaign"})
    for start in range(0, BULK, BATCH):
        answer = connected.post("/v1/notifications/batch", {"notifications": [
            {"event_id": f"bulk-{n}", "to": [{"user_id": "mina"}], "channels": ["push"], "priority": "bulk",
             "body": f"{n}"}
            for n in range(start, start + BATCH)]}, auth="app")
        assert answer["summary"]["accepted"] == BATCH
    connected.delete(f"/v1/pauses/{stop['id']}")
    begun = _wait_some(simulator, 1)
    sent = connected.send(to=[{"user_id": "mina"}], channels=["push"], category="login", priority="critical",
                          body="1234")
    connected.wait_final(sent["id"])
    before = [entry["delivery"] for entry in simulator.log("apns")].index(connected.deliveries(sent["id"])[0]["id"])
    assert begun <= before < BULK / 2, f"{before} bulk messages went first"
    connected.wait_idle(60)
    assert len({entry["delivery"] for entry in simulator.log("apns")}) == BULK + 1


def slow(server, simulator):
    import harness
    body = harness.integrations(simulator)["apns"]
    body["settings"]["max_in_flight"] = 20
    return body


def _wait_some(simulator, count):
    from harness import wait_until
    wait_until(lambda: simulator.counts()["apns"]["accepted"] >= count, "the campaign does not begin")
    return count


def test_critical_needs_the_grant_and_a_lowered_priority_is_a_warning(connected):
    answer = connected.send(to=[{"email": "ann@example.test"}], channels=["email"], title="x", body="y",
                            priority="critical")
    assert [w["code"] for w in answer["warnings"]] == ["priority_lowered"]
    assert connected.notification(answer["id"])["priority"] == "high"
