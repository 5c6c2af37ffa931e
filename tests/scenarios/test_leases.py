"""A worker that stands still, or cannot reach PostgreSQL, for longer than its lease: what it had taken and not begun is
not sent twice, and what it had begun is not sent again by others who were cut off like it."""
import os
import signal
import time

import pytest

import harness
from test_cluster import LEASE_S, Fleet

COUNT = 30


@pytest.fixture
def fleet(make_server, postgres_cluster):
    made = Fleet(make_server, postgres_cluster.database())
    made.postgres = postgres_cluster
    made.database = made.settings["store.url"]
    return made


def send(api, count=COUNT):
    """All in one request, so that they are taken together."""
    return api.send(to=[{"email": f"u{i}@example.test"} for i in range(count)], channels=["email"], title="x", body="y",
                    category="soon")["id"]


def mail(api, simulator, **settings):
    body = harness.integrations(simulator)["smtp"]
    body["settings"] |= settings
    api.put("/v1/integrations/smtp", body)
    api.put("/v1/categories/soon", {"retry": ["1s"] * 20})
    simulator.clear_log()


def states(api, sent):
    return [d["status"] for d in api.deliveries(sent)]


def test_what_a_frozen_worker_had_not_begun_it_does_not_begin_afterwards(fleet, simulator):
    api = fleet.add("api", "api")
    fleet.add("scheduler", "scheduler")
    mail(api, simulator, max_in_flight=1, timeout="5s")
    simulator.faults(smtp={"black_hole": True})
    frozen = fleet.add("frozen", "worker")
    sent = send(api)
    harness.wait_until(lambda: states(api, sent).count("processing") == COUNT, "it has taken them")
    os.kill(frozen.pid, signal.SIGSTOP)
    harness.wait_until(lambda: "processing" not in states(api, sent), "they are taken from it", 60)
    simulator.faults()
    os.kill(frozen.pid, signal.SIGCONT)
    def are_done():
        return not {"pending", "processing", "retrying"} & set(states(api, sent))
    harness.wait_until(are_done, lambda: f"{api.all('/v1/deliveries')}")
    log = simulator.log()
    twice = len(log) - len({entry["delivery"] for entry in log})
    assert twice <= 2, f"{twice} of {COUNT} were sent twice"


def test_an_outage_longer_than_the_lease_makes_nobody_send_again(fleet, simulator):
    api = fleet.add("api", "api")
    scheduler = fleet.add("scheduler", "scheduler")
    fleet.add("worker", "worker")
    mail(api, simulator, max_in_flight=COUNT)
    simulator.faults(smtp={"latency_ms": 4000})
    sent = send(api)
    harness.wait_until(lambda: states(api, sent).count("processing") == COUNT, "all are being sent")
    fleet.postgres.stop("immediate")
    try:
        time.sleep(LEASE_S + 2)
    finally:
        fleet.postgres.start()
    deliveries = api.wait_final(sent, 60)["deliveries"]
    assert {d["status"] for d in deliveries} == {"sent"}
    assert not [d for d in deliveries if d["resent"]], scheduler.log_text()[-harness.LOG_TAIL_BYTES:]
    assert len(simulator.log()) == COUNT




@pytest.fixture
def nobody_confirms(fleet):
    """From its call on, commits are carried out and their callers wait for ever: PostgreSQL waits for a standby that
    does not exist."""
    sql = fleet.postgres.sql

    def begin():
        sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        sql("SELECT pg_reload_conf()")
        harness.wait_until(lambda: waiting("heartbeat"), "heartbeats wait for their commits")

    def waiting(what):
        return sql("SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
                   f"application_name = 'carillon {what}'")

    def end():
        sql("ALTER SYSTEM RESET synchronous_standby_names")
        sql("SELECT pg_reload_conf()")
    begin.waiting, begin.end = waiting, end
    yield begin
    end()


def test_a_claim_whose_commit_nobody_confirmed_is_given_back(fleet, simulator, nobody_confirms):
    fleet.settings["store.lease"] = "30s"  # nobody takes them over meanwhile
    api = fleet.add("api", "api")
    mail(api, simulator)
    worker = fleet.add("worker", "worker")
    os.kill(worker.pid, signal.SIGSTOP)
    sent = send(api, 5)
    nobody_confirms()
    os.kill(worker.pid, signal.SIGCONT)
    pids = harness.wait_until(lambda: nobody_confirms.waiting("writer"), "the worker waits for the commit of its claim")
    fleet.postgres.sql(f"SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[{pids}]) AS pid")
    nobody_confirms.end()
    assert {d["status"] for d in api.wait_final(sent)["deliveries"]} == {"sent"}, worker.log_text()
    assert len(simulator.log()) == 5
