"""A provider answers slowly: a worker takes what it can have in hand, and leaves the rest to others."""
import pytest

import harness
from test_cluster import Fleet

BACKLOG = 600
SLOTS = 50
MAIL = {"channels": ["email"], "title": "x", "body": "y"}


@pytest.fixture
def fleet(make_server, postgres_cluster):
    return Fleet(make_server, postgres_cluster.database())


def test_two_workers_share_what_waits_for_a_slow_provider(fleet, simulator):
    api = fleet.add("api", "api")
    fleet.add("scheduler", "scheduler")
    body = harness.integrations(simulator)["smtp"]
    body["settings"]["max_in_flight"] = SLOTS
    api.put("/v1/integrations/smtp", body)
    simulator.clear_log()
    simulator.faults(smtp={"latency_ms": 500})
    workers = [fleet.add(name, "worker") for name in ("one", "two")]
    sent = [api.send(to=[{"email": f"u{n}@example.test"} for n in range(at, at + 100)], **MAIL)["id"]
            for at in range(0, BACKLOG, 100)]
    for notification in sent:
        assert api.wait_final(notification, 60)["outcome"] == "success"
    parts = [worker.metric("carillon_recorded_total", channel="email", status="sent") for worker in workers]
    assert sum(parts) == BACKLOG == simulator.counts()["smtp"]["accepted"]
    assert min(parts) >= BACKLOG / 5, f"one had the backlog, and the other little to do: {parts}"
