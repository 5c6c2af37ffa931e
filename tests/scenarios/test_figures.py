"""What a running system tells of itself: how long sends take, how its integrations are, what is first in line, and
what an approver has to know."""
import pytest

import harness
from people import only
from test_cluster import fleet  # noqa: F401  a fixture

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


def until(look, wanted, what):
    return harness.wait_until(lambda: (seen := look()) and wanted(seen) and seen, lambda: f"{what}: {look()}")


def test_latencies_are_told_after_a_restart_too(connected):
    for _ in range(5):
        connected.wait_final(connected.send(**MAIL)["id"])
    connected.stop()  # what was counted is told before the end
    connected.start()
    seen = connected.get("/v1/stats/latency")
    mail = only(seen["data"])
    assert mail["channel"] == "email" and mail["n"] == 5 and seen["total"]["n"] == 5
    assert 0 < mail["p50"] <= mail["p95"] <= mail["p99"] < 30
    assert connected.api("GET", "/v1/stats/latency?window=1s").pointers == ["?window"]


def test_an_integration_in_trouble_says_so(connected, simulator):
    healthy = connected.get("/v1/integrations/smtp")["health"]
    assert healthy["breaker"] == "closed" and healthy["problem"] is None
    simulator.stop()
    for i in range(30):
        connected.send(to=[{"email": f"u{i}@example.test"}], channels=["email"], title="x", body="y")
    health = until(lambda: connected.get("/v1/integrations/smtp")["health"], lambda h: h["breaker"] != "closed",
                   "the breaker opens")
    assert health["errors"] >= 10 and health["error_rate"] > 0.4 and health["since"] and health["retry_at"]
    assert [node["breaker"] for node in health["nodes"]] == [health["breaker"]]
    others = {i["key"]: i["health"]["breaker"] for i in connected.get("/v1/integrations")["data"]}
    assert others.pop("smtp") != "closed" and set(others.values()) == {"closed"}


def test_a_pause_says_by_whom_and_since_when(connected):
    connected.post("/v1/integrations/smtp/pause", {"reason": "new password on Monday"})
    seen = connected.get("/v1/integrations/smtp")
    assert seen["paused"] == "new password on Monday" and seen["paused_by"] == "key:first" and seen["paused_at"]
    connected.restart(kill=True)
    assert connected.get("/v1/integrations/smtp")["paused_by"] == "key:first"
    connected.post("/v1/integrations/smtp/resume")
    assert connected.get("/v1/integrations/smtp")["paused_by"] is None


def test_the_first_in_line_ages(connected):
    pause = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "wrong text"})
    sent = connected.send(**MAIL)
    held = only(connected.wait_deliveries(sent["id"], "held"))
    connected.advance("10m")
    oldest = connected.accountability()["oldest"]
    assert oldest["held"]["delivery_id"] == held["id"] and 600 <= oldest["held"]["age"] < 660
    assert oldest["dead"] is None and oldest["retrying"] is None
    connected.delete(f"/v1/pauses/{pause['id']}")
    connected.wait_final(sent["id"])
    assert set(connected.accountability()["oldest"].values()) == {None}


def test_an_approver_knows_how_long_it_takes_and_whom_it_reaches(connected):
    connected.put("/v1/categories/news", {"approval_over": 3})
    for _ in range(2):
        connected.wait_final(connected.send(**MAIL, category="news")["id"])
    connected.stop()
    connected.start()
    wide = connected.send(**{**MAIL, "to": [{"email": f"u{i}@example.test"} for i in range(4)]}, category="news")
    seen = connected.get(f"/v1/approvals/{wide['approval_id']}")
    assert seen["app"] == "default" and seen["category"] == "news" and seen["audience"] == 4
    assert seen["limit"] == 3 and seen["hour"]["recipients"] == 2
    assert seen["estimate"]["rate"] > 0 and seen["estimate"]["seconds"] > 0
    assert [entry["email"] for entry in seen["sample"]] == ["u…@example.test"] * 4


def test_each_process_of_a_cluster_tells_how_its_integrations_are(fleet, simulator):  # noqa: F811
    one, two = fleet.add("one"), fleet.add("two")
    harness.connect(one, simulator, "smtp")
    sent = one.send(**MAIL)
    one.wait_final(sent["id"])
    seen = until(lambda: one.get("/v1/integrations/smtp")["health"], lambda h: len(h["nodes"]) == 2,
                 "both tell")
    assert {node["breaker"] for node in seen["nodes"]} == {"closed"}
    assert seen["calls"] >= 1
    # What one counted the other shows.
    harness.wait_until(lambda: two.get("/v1/stats/latency")["total"]["n"] >= 1, "told within ten seconds")
