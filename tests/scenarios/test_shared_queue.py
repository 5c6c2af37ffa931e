"""The queue that processes share: work goes by its hints, and goes on when it forgets them or is away."""
import uuid

import pytest

import harness
from engines import kafka, one_broker, shared_store  # noqa: F401
from people import die_at, only
from test_shared_cache import readiness, refused, wait_well

COUNT = 300  # more than are routed while they are accepted: they come to the workers by hints


@pytest.fixture
def server(make_server, kafka, shared_store):  # noqa: F811
    # Looking for itself would be as quick as the hints: it does so once a minute.
    return make_server(settings={"store.url": shared_store, "queue.url": kafka.url, "queue.partitions": "2",
                                 "queue.prefix": f"t{uuid.uuid4().hex[:8]}.", "pipeline.refill_interval": "60s"})


@pytest.fixture
def connected(server, simulator):
    return harness.connect(server, simulator)


def send(server, event_id=None):
    body = {"to": [{"email": f"user{i}@example.test"} for i in range(COUNT)], "channels": ["email"], "title": "x",
            "body": "y", **({"event_id": event_id} if event_id else {})}
    return server.send(**body)["id"]


def begin(server):
    """What is stored becomes deliveries now and not in a minute."""
    server.advance("1s")


def wait_degraded(server):
    def look():
        answer = readiness(server)
        assert answer.status == 200, answer
        return answer.body["status"] == "degraded" and only(answer.body["degraded"])
    told = harness.wait_until(look, lambda: f"not degraded: {readiness(server)}", 60)
    assert told["part"] == "queue" and "is away" in told["reason"]


def wait_sent(server, notification):
    done = server.wait_final(notification, 90)
    assert done["outcome"] == "success" and len(done["deliveries"]) == COUNT


def received(server):
    return server.metric("carillon_queue_received_total")


def test_work_goes_by_its_hints(connected, simulator):
    notification = send(connected)
    begin(connected)
    wait_sent(connected, notification)
    assert simulator.counts()["smtp"]["accepted"] == COUNT
    assert connected.metric("carillon_queue_published_total") >= COUNT
    assert received(connected) >= COUNT


def test_while_it_is_away_work_goes_on_without_it(connected, simulator, kafka):  # noqa: F811
    kafka.kill()
    wait_degraded(connected)
    notification = send(connected)
    begin(connected)
    wait_sent(connected, notification)
    assert simulator.counts()["smtp"]["accepted"] == COUNT
    kafka.start()
    wait_well(connected)
    before = received(connected)
    notification = send(connected)
    begin(connected)
    wait_sent(connected, notification)
    harness.wait_until(lambda: received(connected) > before, "hints go again")
    assert simulator.counts()["smtp"]["accepted"] == 2 * COUNT


def test_one_that_forgot_everything_is_used_again(connected, simulator, kafka):  # noqa: F811
    kafka.wipe()
    wait_degraded(connected)
    first = send(connected)
    kafka.start()
    wait_well(connected)
    second = send(connected)
    begin(connected)
    for notification in (first, second):
        wait_sent(connected, notification)
    assert simulator.counts()["smtp"]["accepted"] == 2 * COUNT


def test_a_worker_that_dies_with_what_it_heard_of_loses_nothing(connected, simulator):
    def die():
        send(connected, "e1")
        begin(connected)
    die_at(connected, "deliver.before_journal", die)
    connected.start()
    begin(connected)
    sent = only(connected.get("/v1/notifications?event_id=e1")["data"])
    wait_sent(connected, sent["id"])
    assert simulator.counts()["smtp"]["accepted"] == COUNT


def test_a_store_of_one_process_has_a_queue_of_its_own(tmp_path):
    said = refused(tmp_path / "data", "queue.url=kafka://ann:geheim@127.0.0.1:9092")
    assert "queue.url: a store on SQLite" in said


def test_a_start_without_it_names_the_setting(tmp_path, shared_store):  # noqa: F811
    said = refused(tmp_path / "data", f"store.url={shared_store}", "queue.url=kafka://ann:geheim@127.0.0.1:1")
    assert "queue.url: Kafka at 127.0.0.1:1:" in said
