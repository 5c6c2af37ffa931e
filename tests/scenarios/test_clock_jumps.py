"""The clock of one machine jumps: in a cluster PostgreSQL's counts, so nothing comes too early, too late or never
because of it; a process whose machine is 5 s off says that it is not ready."""
import datetime

import pytest

import harness
from clocks import MovedClock
from people import only
from test_cluster import Fleet

MAIL = {"to": [{"email": "ok@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


@pytest.fixture
def fleet(make_server, postgres_cluster):
    return Fleet(make_server, postgres_cluster.database())


@pytest.fixture
def clock(tmp_path):
    if why := MovedClock.why_not():
        pytest.skip(why)
    return MovedClock(tmp_path / "clock")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def warned_of(process):
    return process.wait_for_log(r"this machine's clock is (\d+) s (ahead of|behind) PostgreSQL's")


@pytest.mark.parametrize("jump, how", [("+1h", "ahead of"), ("-1h", "behind")])
def test_a_worker_whose_clock_jumps_sends_in_time(fleet, simulator, clock, jump, how):
    api = fleet.add("api", "api")
    harness.connect(api, simulator, "smtp")
    worker = fleet.add("worker", "worker", environment=clock.environment)
    clock.jump(jump)
    found = warned_of(worker)
    assert 3590 <= int(found.group(1)) <= 3610 and found.group(2) == how
    sent = api.send(**MAIL, ttl="10m")
    delivery = only(api.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent"
    took = moment(delivery["finished_at"]) - moment(api.notification(sent["id"])["accepted_at"])
    assert datetime.timedelta(0) <= took < datetime.timedelta(seconds=60)


@pytest.mark.parametrize("role, jump, how", [("api", "+9s", "ahead of"), ("worker", "-9s", "behind")])
def test_a_machine_whose_clock_is_off_is_not_ready_until_it_is_right(fleet, clock, role, jump, how):
    fleet.add("first", "api")
    process = fleet.add("off", role, environment=clock.environment)

    def readiness():
        return harness.request(process.url + "/readyz")
    clock.jump("+3s")  # a little is no matter
    assert readiness().status == 200
    clock.jump(jump)
    harness.wait_until(lambda: readiness().status == 503, readiness)
    answer = readiness()
    assert answer.body["status"] == "not_ready"
    told = only(answer.body["reasons"])
    assert told["part"] == "clock" and f"{how} PostgreSQL's" in told["reason"]
    warned_of(process)
    clock.jump("+0")
    harness.wait_until(lambda: readiness().status == 200, readiness)
    assert readiness().body == {"status": "ready", "reasons": []}
    process.wait_for_log("clock is right again")


@pytest.mark.parametrize("jump", ["+1h", "-1h"])
def test_an_api_whose_clock_jumps_plans_in_time(fleet, simulator, clock, jump):
    api = fleet.add("api", "api", environment=clock.environment)
    harness.connect(api, simulator, "smtp")
    fleet.add("worker", "worker")
    clock.jump(jump)
    warned_of(api)
    sent = api.send(**MAIL, ttl="10m")
    assert only(api.wait_final(sent["id"])["deliveries"])["status"] == "sent"
