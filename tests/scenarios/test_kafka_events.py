"""What services write to a Kafka topic is taken as if they had posted it, each once; what cannot be is kept."""
import json
import uuid

import pytest

import harness
import records
from engines import kafka, one_broker, shared_store  # noqa: F401
from people import only
from test_shared_cache import readiness

MAIL = {"channels": ["email"], "title": "It left", "body": "It arrives today."}

class Topic:
    def __init__(self, broker):
        self.broker = broker
        self.name = f"events-{uuid.uuid4().hex[:8]}"
        self.dead = f"{self.name}.dlq"
        self.settings = {"queue.url": broker.url, "queue.partitions": "1", "queue.prefix": f"{self.name}.",
                         "kafka.topics": f"{self.name}=default/default", "kafka.dead_letter_topic": self.dead,
                         "kafka.group": f"{self.name}.readers", "kafka.retry": "1m,5m"}

    def write(self, *values, **more):
        records.write(self.broker, self.name, *values, **more)

    def dead_records(self, count):
        return harness.wait_until(lambda: len(found := records.read(self.broker, self.dead)) >= count and found,
                                  f"{count} records in {self.dead}")


@pytest.fixture
def topic(kafka):  # noqa: F811
    return Topic(kafka)


@pytest.fixture
def server(make_server, topic, shared_store):  # noqa: F811
    return make_server(settings={"store.url": shared_store, **topic.settings})


@pytest.fixture
def connected(server, simulator):
    harness.connect(server, simulator, "smtp")
    server.put_user("ada", email="ada@example.test")
    return server


def taken(server, outcome):
    return server.metric("carillon_ingest_records_total", outcome=outcome)


def wait_taken(server, **wanted):
    def look():
        return all(taken(server, outcome) >= count for outcome, count in wanted.items())
    harness.wait_until(look, lambda: f"{wanted}, there are "
                       f"{ {outcome: taken(server, outcome) for outcome in wanted} }: {server.log_text()[-2000:]}", 60)


def letters(server):
    return [letter for letter in server.all("/v1/dead-letters") if not letter["closed"]]


def wait_letters(server, count):
    return harness.wait_until(lambda: len(found := letters(server)) == count and found,
                              lambda: f"{count} dead letters, there are {letters(server)}", 60)


def sent(simulator, count):
    """Waits for so many e-mails; not one more may come. A group notices after 10 s that a reader was killed."""
    harness.wait_until(lambda: simulator.counts()["smtp"]["accepted"] >= count, lambda: simulator.counts(), 90)
    assert simulator.counts()["smtp"]["accepted"] == count


def test_each_record_is_taken_once_in_whatever_shape_it_comes(connected, simulator, topic):
    connected.put("/v1/rules/shipped", {
        "when": {"type": ["order.shipped", "row.updated"], "source": "/shop*",
                 "conditions": {"not": {"data.before.status": "shipped"}}},
        "send": {"to": [{"user_id": {"from": "data.after.user_id", "default": "ada"}}], **MAIL}})
    note = {"event_id": "order-1", "to": [{"user_id": "ada"}], **MAIL}
    outbox = {"id": "row-2", "eventType": "notification"}
    topic.write(note, note)
    topic.write({"to": [{"user_id": "ada"}], **MAIL}, headers=outbox)  # no id of its own: the row's
    topic.write({"to": [{"user_id": "ada"}], **MAIL}, headers={name: json.dumps(text) for name, text in outbox.items()})
    topic.write({"schema": {"type": "string"}, "payload": json.dumps({**note, "event_id": "order-3"})}, headers=outbox)
    topic.write({"to": [{"user_id": "ada"}], **MAIL})  # no id at all: its place
    topic.write({"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.shipped"})
    source = {"db": "shop", "schema": "public", "table": "orders", "lsn": 42, "txId": 7, "ts_ms": 1795680000123}
    change = {"op": "u", "before": {"id": 1, "status": "paid"}, "source": source, "ts_ms": 1795680000345,
              "after": {"id": 1, "status": "shipped", "user_id": "ada"}}
    topic.write(change)
    topic.write({"schema": {}, "payload": {**change, "ts_ms": 1795680000999}})  # carried a second time
    topic.write({**change, "before": {"id": 1, "status": "shipped"}})  # nothing for the rule
    topic.write("", '{"ts_ms": 1}')
    wait_taken(connected, accepted=4, duplicate=2, event=4)
    connected.wait_idle()
    sent(simulator, 6)
    found = only(n for n in connected.all("/v1/notifications?event_id=order-3"))
    assert found["status"] == "completed" and found["app"] == "default"
    assert only(connected.all("/v1/notifications?event_id=row-2"))
    assert only(connected.all(f"/v1/notifications?event_id={topic.name}/0/5"))
    assert letters(connected) == []
    harness.wait_until(lambda: connected.metric("carillon_ingest_lag_records") == 0, "all is read")


def test_what_cannot_be_taken_is_kept_changed_and_replayed(connected, simulator, topic):
    topic.write("order 17 left", key="17")
    topic.write({"event_id": "t", "to": [{"user_id": "ada"}], "template": "nowhere", "channels": ["email"]},
                headers={"id": "r"})
    topic.write({"event_id": "b", "to": [{"email": "no address"}], **MAIL})
    topic.write({"event_id": "c", "to": [], **MAIL})
    topic.write({"id": 17, "status": "shipped"})
    topic.write({"event_id": "good", "to": [{"user_id": "ada"}], **MAIL})
    wait_taken(connected, refused=5, accepted=1)
    sent(simulator, 1)
    found = {letter["record"]["offset"]: letter for letter in wait_letters(connected, 5)}
    assert [found[n]["reason"] for n in (0, 1, 2, 4)] == ["not_json", "unknown_template", "invalid_email",
                                                          "unknown_shape"]
    assert all(letter["kind"] == "record" and letter["app"] == "default" for letter in found.values())
    assert "value" not in found[0]["record"]
    whole = connected.get(f"/v1/dead-letters/{found[0]['id']}")["record"]
    assert (whole["topic"], whole["partition"], whole["value"], whole["key"]) == (topic.name, 0, "order 17 left", "17")
    headers = connected.get(f"/v1/dead-letters/{found[1]['id']}")["record"]["headers"]
    assert headers == [{"name": "id", "value": "r"}]
    # Others are told.
    told = {int(record["headers"]["carillon-offset"]): record for record in topic.dead_records(5)}
    assert told[0]["headers"]["carillon-reason"] == "not_json" and told[0]["payload"] == "order 17 left"
    assert told[1]["headers"]["carillon-dead-letter"] == found[1]["id"] and told[1]["headers"]["id"] == "r"

    def replay(letter, **more):
        return connected.post("/v1/dead-letters/replay", {"ids": [letter["id"]], **more})
    again = replay(found[1])
    assert again["failed"] == 1 and "unknown_template" in only(again["errors"])["detail"]
    assert replay(found[1], changes={"event": {"template": None, **MAIL}})["done"] == 1
    whole_value = {"event_id": "17", "to": [{"user_id": "ada"}], **MAIL}
    assert replay(found[0], changes={"record": whole_value})["done"] == 1
    assert replay(found[0])["failed"] == 1, "it is closed"
    # Written to the topic again it comes by the way it had come.
    assert replay(found[2], changes={"event": {"to": [{"user_id": "ada"}]}}, republish=True)["done"] == 1
    wait_taken(connected, accepted=2)
    sent(simulator, 4)
    assert connected.get(f"/v1/dead-letters/{found[1]['id']}")["notification_id"] == \
        only(connected.all("/v1/notifications?event_id=t"))["id"]
    # The command line does the same.
    data = ("--data", connected.data)
    listed = harness.run("dlq", "list", *data)
    assert found[3]["id"] in listed.out and topic.name in listed.out, listed
    done = harness.run("dlq", "discard", "--topic", topic.name, "--why", "the order was taken back", *data)
    assert done.code == 0 and "2 of 2 are given up" in done.out, done
    assert letters(connected) == []
    actions = [entry["action"] for entry in connected.all("/v1/audit?action=record")]
    assert sorted(actions) == ["record.discard"] * 2 + ["record.replay"] * 2 + ["record.republish"]


def test_who_is_registered_after_the_event_gets_it(connected, simulator, topic):
    connected.put("/v1/rules/hello", {"when": {"type": "user.joined"},
                                      "send": {"to": [{"user_id": {"from": "data.user_id"}}], **MAIL}})
    joined = {"specversion": "1.0", "source": "/s", "type": "user.joined"}
    for user in ("late", "never"):
        topic.write({"event_id": user, "to": [{"user_id": user}], **MAIL},
                    {**joined, "id": user, "data": {"user_id": user}})
    wait_taken(connected, waiting=4)
    assert all(letter["reason"] == "unknown_user" and letter["retry_at"] for letter in wait_letters(connected, 4))
    assert simulator.counts()["smtp"]["accepted"] == 0
    connected.advance("61s")
    harness.wait_until(lambda: all(letter["attempts"] == 2 for letter in letters(connected)), "all are tried again")
    connected.put_user("late", email="late@example.test")
    connected.advance("301s")
    sent(simulator, 2)
    dead = harness.wait_until(lambda: len(found := letters(connected)) == 2 and
                              not any(letter.get("retry_at") for letter in found) and found, "two are dead")
    assert {letter["kind"]: letter["reason"] for letter in dead} == {"record": "unknown_user", "event": "unknown_user"}
    assert {record["headers"]["carillon-offset"] for record in topic.dead_records(2)} == {"2", "3"}


@pytest.mark.parametrize("place", ["ingest.after_take", "ingest.before_settle", "accept.after_store"])
def test_one_that_is_killed_in_mid_batch_loses_and_repeats_nothing(
        make_server, simulator, topic, shared_store, place):  # noqa: F811
    server = make_server(settings={"store.url": shared_store, **topic.settings})
    harness.connect(server, simulator, "smtp")
    server.put_user("ada", email="ada@example.test")
    server.stop()
    count = 300
    topic.write(*({"event_id": f"n-{n}", "to": [{"user_id": "ada"}], **MAIL} for n in range(count)), "poison",
                *({"to": [{"user_id": "ada"}], **MAIL} for _ in range(20)))
    server.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:1"}
    server.start(ready=False)
    harness.wait_until(lambda: not server.is_running(), f"{place} was not reached")
    server.kill()
    server.environment = {}
    server.start()
    mails = lambda: simulator.counts()["smtp"]["accepted"]  # noqa: E731
    harness.wait_until(lambda: mails() >= count + 20, mails, 90)
    assert only(wait_letters(server, 1))["reason"] == "not_json"
    server.wait_idle()
    assert len(server.all("/v1/notifications")) == count + 20
    # What it had in its hands when it was killed may have been sent, is sent again, and says so.
    deliveries = server.all("/v1/deliveries")
    assert len(deliveries) == count + 20
    assert count + 20 <= mails() <= count + 20 + sum(delivery["resent"] for delivery in deliveries)


def test_it_waits_for_its_app_and_says_so(make_server, simulator, topic, shared_store):  # noqa: F811
    server = make_server(settings={"store.url": shared_store, **topic.settings,
                                   "kafka.topics": f"{topic.name}=default/shop"})
    harness.connect(server, simulator, "smtp")
    topic.write({"event_id": "1", "to": [{"email": "ada@example.test"}], **MAIL})

    def reason():
        return [part["reason"] for part in readiness(server).body.get("degraded", []) if part["part"] == "ingest"]
    assert "no app 'shop'" in only(harness.wait_until(reason, "it says why"))
    server.post("/v1/apps", {"name": "shop"})
    sent(simulator, 1)
    harness.wait_until(lambda: not reason(), "it is well")
    assert only(server.all("/v1/notifications"))["app"] == "shop"


def test_while_the_store_is_away_it_waits_and_goes_on_by_itself(connected, simulator, topic, postgres_cluster):
    postgres_cluster.stop()
    try:
        topic.write({"event_id": "1", "to": [{"user_id": "ada"}], **MAIL}, "poison")

        def look():
            answer = readiness(connected)
            return [part for part in answer.body.get("degraded", []) if part["part"] == "ingest"]
        told = only(harness.wait_until(look, lambda: readiness(connected), 60))
        assert topic.name in told["reason"]
    finally:
        postgres_cluster.start()
    sent(simulator, 1)
    assert only(wait_letters(connected, 1))["reason"] == "not_json"
    harness.wait_until(lambda: not look(), lambda: readiness(connected), 60)


def test_what_happens_is_told_to_a_topic(make_server, simulator, topic, shared_store):  # noqa: F811
    name = f"{topic.name}.told"
    server = make_server(settings={"store.url": shared_store, **topic.settings, "kafka.events_topic": name})
    harness.connect(server, simulator, "smtp")
    server.put_user("ada", email="ada@example.test")

    def told(count):
        return harness.wait_until(lambda: len(found := records.read(topic.broker, name)) >= count and found,
                                  lambda: records.read(topic.broker, name), 60)
    notification = server.send(to=[{"user_id": "ada"}], metadata={"order": "17"}, **MAIL)["id"]
    server.wait_final(notification)
    found = told(2)
    assert [record["headers"]["type"] for record in found] == ["delivery.sent", "notification.completed"]
    assert {record["key"] for record in found} == {notification}
    event = json.loads(found[0]["payload"])
    assert event["type"] == "delivery.sent" and event["data"]["metadata"] == {"order": "17"}
    assert event["id"] == found[0]["headers"]["id"]
    # Killed when the brokers have them and the store does not know: they are told again.
    server.environment = {"CARILLON_FAILPOINTS": "webhook_stream.before_settle:kill:1"}
    server.restart()
    second = server.send(to=[{"user_id": "ada"}], **MAIL)["id"]
    harness.wait_until(lambda: not server.is_running(), "it dies")
    server.kill()
    server.environment = {}
    server.start()
    server.wait_final(second)
    harness.wait_until(lambda: sum(record["key"] == second and record["headers"]["type"] == "notification.completed"
                                   for record in records.read(topic.broker, name)) >= 1, "the rest is told", 60)
    # While the brokers are away they wait.
    topic.broker.kill()
    third = server.send(to=[{"user_id": "ada"}], **MAIL)["id"]
    server.wait_final(third, 60)
    topic.broker.start()
    harness.wait_until(lambda: {r["headers"]["type"] for r in records.read(topic.broker, name) if r["key"] == third} ==
                       {"delivery.sent", "notification.completed"}, lambda: records.read(topic.broker, name)[-4:], 90)


@pytest.mark.parametrize("settings, said", [
    ({"kafka.topics": "notification.events"}, "names no app"),
    ({"kafka.topics": "a=default/x,a=default/y"}, "twice"),
    ({"kafka.topics": "a b=default/x"}, "no name of a topic"),
    ({"kafka.topics": "a=default/x"}, "kafka://"),
    ({"kafka.topics": "a=default/x", "kafka.dead_letter_topic": "a"}, "among kafka.topics"),
    ({"kafka.retry": "soon"}, "kafka.retry"),
])
def test_what_is_set_wrong_ends_the_start(tmp_path, settings, said):
    flags = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    done = harness.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", *flags)
    assert done.code == 2 and said in done.err, done
