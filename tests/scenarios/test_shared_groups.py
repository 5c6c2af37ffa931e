"""One large group, several routers: each makes a part of the deliveries, and any of them may die."""
import pytest

import harness
from test_cluster import Fleet
from test_groups import group, people, recipients

REGISTERED = 40
MEMBERS = 4_000
RANGE = 1_000  # four parts of three chunks or so
NEWS = {"channels": ["email"], "title": "News", "body": "Hello"}


@pytest.fixture
def fleet(make_server, postgres_cluster):
    fleet = Fleet(make_server, postgres_cluster.database())
    # Both routers look for work before one has done all of it.
    fleet.settings |= {"pipeline.expansion_range": str(RANGE), "pipeline.refill_interval": "10ms"}
    return fleet


def with_members(fleet, simulator):
    """An API with the group `all`, of whom few are registered; and the ids."""
    api = fleet.add("api", "api")
    fleet.add("scheduler", "scheduler")
    fleet.add("worker", "worker")
    harness.connect(api, simulator)
    ids = people(api, REGISTERED) + [f"v{i:05}" for i in range(MEMBERS - REGISTERED)]
    group(api, "all", ids)
    group(api, "half", ids[::2])  # they are in both
    return api, ids


def expanded(router):
    return router.metric("carillon_expanded_recipients_total")


def check_all_reached_once(api, simulator, notification, ids):
    done = api.wait_final(notification, 60)
    assert sum(done["counts"].values()) == len(ids), done["counts"]
    assert done["counts"]["sent"] == REGISTERED
    assert sorted(recipients(api, notification)) == ids
    assert simulator.counts()["smtp"]["accepted"] == REGISTERED
    assert api.accountability()["exact"]


def test_two_routers_share_a_group(fleet, simulator):
    api, ids = with_members(fleet, simulator)
    routers = [fleet.add(name, "router") for name in ("one", "two")]
    sent = api.send(to=[{"group": "all"}, {"group": "half"}], **NEWS)["id"]
    check_all_reached_once(api, simulator, sent, ids)
    parts = [expanded(router) for router in routers]
    assert sum(parts) == len(ids) and min(parts) > 0, parts


def test_kill_9_of_a_router_in_the_middle_loses_and_repeats_nobody(fleet, simulator):
    api, ids = with_members(fleet, simulator)
    doomed = fleet.make_server(settings=fleet.settings, name="doomed", command=("router",),
                               environment={**api.environment, "CARILLON_FAILPOINTS": "expand.after_chunk:kill:1"})
    heir = fleet.add("heir", "router")
    sent = api.send(to=[{"group": "all"}, {"group": "half"}], **NEWS)["id"]
    harness.wait_until(lambda: not doomed.is_running(), "it makes a chunk and dies")
    doomed.kill()
    check_all_reached_once(api, simulator, sent, ids)
    assert 0 < expanded(heir) < len(ids)


def test_a_cancel_stops_all_routers(fleet, simulator):
    api, ids = with_members(fleet, simulator)
    for name in ("one", "two"):
        fleet.add(name, "router")
    api.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "it is not to end by itself"})
    sent = api.send(to=[{"group": "all"}], **NEWS)["id"]
    harness.wait_until(lambda: api.notification(sent)["counts"], "it has begun")
    api.post(f"/v1/notifications/{sent}/cancel")
    then = api.notification(sent)
    assert then["status"] == "cancelled", then
    harness.wait_until(lambda: not set(api.notification(sent)["counts"]) & {"pending", "processing"}, "all are final")
    assert len(set(recipients(api, sent))) == sum(api.notification(sent)["counts"].values()) <= len(ids)
