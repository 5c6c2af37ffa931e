"""What an operator watches: health, readiness, metrics, queues and the account of everything accepted."""
import harness
from people import ios, sent_one

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


def test_everything_promised_is_there(connected, simulator):
    ios(connected, "mina")
    sent_one(connected, **MAIL)
    sent_one(connected, to=[{"user_id": "mina"}], channels=["push"], body="x")
    sent_one(connected, to=[{"email": "bounce@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
    connected.wait_idle()
    assert connected.metric("carillon_accepted_total", channel="email") == 2
    assert connected.metric("carillon_accepted_total", channel="push") == 1
    assert connected.metric("carillon_recorded_total", channel="email", status="sent") == 1
    assert connected.metric("carillon_recorded_total", channel="email", status="failed") == 1
    text = harness.request(connected.url + "/metrics").text
    for name in ("carillon_sent_seconds_bucket", "carillon_commit_seconds_bucket", "carillon_commit_rows_bucket",
                 "carillon_event_bytes_bucket", "carillon_provider_seconds_bucket",
                 "process_resident_memory_bytes", "process_cpu_seconds_total"):
        assert f"\n{name}" in text, name
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2, line
    for label in ("user=", "template=", "app="):
        assert f"{{{label}" not in text and f",{label}" not in text


def test_queues_show_what_waits(connected, simulator):
    simulator.faults(smtp={"rate_5xx": 1})
    sent = connected.send(**MAIL)
    connected.wait_deliveries(sent["id"], "retrying")
    connected.post("/v1/pauses", {"scope": {"channel": "sms"}, "reason": "test"})
    held = connected.send(to=[{"phone": "+999000000001"}], channels=["sms"], sms={"body": "x"})
    connected.wait_deliveries(held["id"], "held")
    lanes = {(q["queue"], q["priority"]): q for q in connected.get("/v1/queues")["data"]}
    assert lanes["email", "normal"]["retrying"] == 1 and lanes["sms", "normal"]["held"] == 1

    def gauge(name, queue):
        return connected.metric(f"carillon_queue_{name}", queue=queue, priority="normal")
    harness.wait_until(lambda: gauge("retrying", "email") == 1 and gauge("held", "sms") == 1,
                       "the gauges do not follow")
    text = harness.request(connected.url + "/metrics").text
    for name in ("ready", "in_flight", "dead"):
        assert f"\ncarillon_queue_{name}{{" in text, name


def test_the_account_is_exact_and_per_channel(connected):
    for _ in range(3):
        sent_one(connected, **MAIL)
    account = connected.accountability()
    assert account["accepted"] == account["sum"] == account["states"]["sent"] == 3 and account["exact"]
    assert [c["channel"] for c in account["channels"]] == ["email"]
    stats = connected.get("/v1/stats")["data"]
    assert sum(row["n"] for row in stats if row["status"] == "sent") == 3


def test_health_and_readiness(server):
    assert harness.request(server.url + "/healthz").status == 200
    assert harness.request(server.url + "/readyz").status == 200


def test_the_description_of_the_api_is_served(server):
    document = harness.request(server.url + "/openapi.json").body
    assert document["openapi"].startswith("3.1") and "/v1/notifications" in document["paths"]
    assert harness.request(server.url + "/docs").status == 200
