"""The doctor asks PostgreSQL, Redis and Kafka, changes nothing, and names each setting that may lose something."""
import base64
import socket
import uuid

import pytest

import harness
import postgres
from engines import kafka, one_broker, redis, shared_store  # noqa: F401

KEY = base64.b64encode(bytes(range(32))).decode()
# The scenarios' PostgreSQL may lose everything in a power cut, which is what they want.
OF_THE_TESTS = {"postgres fsync", "postgres full_page_writes"}


@pytest.fixture
def ask(tmp_path):
    def doctor(data, *settings):
        """Every check by its name; on a folder without a key with one that is given."""
        flags = [part for setting in settings for part in ("--set", setting)]
        has_key = (data / "secret.key").exists() or any(s.startswith("secrets.") for s in settings)
        done = harness.run("doctor", "--data", data, "--json", *flags,
                           environment={} if has_key else {"CARILLON_SECRETS_KEY": KEY})
        checks = {check["check"]: check for check in done.json["checks"]}
        failed = any(check["result"] == "FAIL" for check in checks.values())
        assert done.code == (1 if failed else 0), done
        return checks
    return doctor


def failing(checks):
    return {name for name, check in checks.items() if check["result"] == "FAIL"}


def command(redis, *words):  # noqa: F811
    with socket.create_connection(("127.0.0.1", redis.port), timeout=10) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        assert connection.recv(1000) == b"+OK\r\n"


def test_a_database_that_may_forget_what_was_accepted_is_refused_by_name(make_server, postgres_cluster, ask):
    url = postgres_cluster.database()
    name = postgres.name_of(url)
    server = make_server(settings={"store.url": url, "store.lease": "3s"})
    at = f"server.listen=127.0.0.1:{server.port}"
    seen = ask(server.data, f"store.url={url}", at)
    assert failing(seen) == OF_THE_TESTS
    assert seen["postgres"]["result"] == "OK" and "connections" in seen["postgres"]["detail"]
    assert seen["processes"]["detail"] == "1 alive" and seen["postgres clock"]["result"] == "OK"
    assert "made 3 ahead" in seen["partitions"]["detail"]
    harness.wait_until(lambda: ask(server.data, f"store.url={url}", at)["leader"]["result"] == "OK", "somebody leads")
    postgres_cluster.sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    seen = ask(server.data, f"store.url={url}", at)
    assert failing(seen) == OF_THE_TESTS | {"postgres synchronous_commit"}
    assert "202" in seen["postgres synchronous_commit"]["detail"]
    assert "synchronous_commit = on" in seen["postgres synchronous_commit"]["fix"]


def test_a_lease_shorter_than_a_provider_may_take_is_named(make_server, simulator, postgres_cluster, ask):
    url = postgres_cluster.database()
    server = harness.connect(make_server(settings={"store.url": url, "store.lease": "20s"}), simulator)
    seen = ask(server.data, f"store.url={url}", "store.lease=20s", f"server.listen=127.0.0.1:{server.port}")
    assert seen["store.lease"]["result"] == "WARN" and 'store.lease = "30s"' in seen["store.lease"]["fix"]
    seen = ask(server.data, f"store.url={url}", "store.lease=30s", f"server.listen=127.0.0.1:{server.port}")
    assert "store.lease" not in seen


def test_what_a_dead_process_left_is_told(make_server, simulator, postgres_cluster, ask, tmp_path):
    from people import ios
    url = postgres_cluster.database()
    server = harness.connect(make_server(settings={"store.url": url, "store.lease": "3s"}), simulator)
    ios(server, "mina")
    simulator.faults(apns={"latency_ms": 60000})
    sent = server.send(to=[{"user_id": "mina"}], channels=["push"], title="x", body="y")
    server.wait_deliveries(sent["id"], "processing")
    server.kill()
    settings = (f"store.url={url}", "store.lease=3s", "store.leader_lease=1s")
    key = f"secrets.key_file={server.data / 'secret.key'}"
    seen = harness.wait_until(
        lambda: (checks := ask(tmp_path / "looker", *settings, key)) and "process 0" in checks
        and "is gone" in checks["process 0"]["detail"] and checks, "the lease is over")
    assert "1 deliveries in processing" in seen["process 0"]["detail"]


def test_a_database_that_is_away_is_named(ask, tmp_path):
    seen = ask(tmp_path / "data", "store.url=postgres://carillon:geheim@127.0.0.1:1/carillon")
    assert "postgres" in failing(seen) and "store.url" in seen["postgres"]["detail"]
    assert "geheim" not in str(seen)


def test_a_redis_that_throws_marks_away_is_refused(redis, shared_store, ask, tmp_path):  # noqa: F811
    settings = (f"store.url={shared_store}", f"cache.url={redis.url}")
    seen = ask(tmp_path / "data", *settings)
    assert seen["cache"]["result"] == "OK" and "redis maxmemory-policy" not in seen
    command(redis, "CONFIG", "SET", "maxmemory", "100mb")
    command(redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    told = ask(tmp_path / "data", *settings)["redis maxmemory-policy"]
    assert told["result"] == "FAIL" and "allkeys-lru" in told["detail"] and "sent again" in told["detail"]
    assert "noeviction" in told["fix"]


def test_topics_are_looked_at_and_none_is_made(make_server, kafka, shared_store, ask, tmp_path):  # noqa: F811
    prefix = f"d{uuid.uuid4().hex[:8]}."
    settings = (f"store.url={shared_store}", f"queue.url={kafka.url}", f"queue.prefix={prefix}")
    for _ in range(2):
        told = ask(tmp_path / "data", *settings)["kafka topics"]
        assert told["result"] == "WARN" and "not there" in told["detail"] and prefix in told["detail"]
    make_server(settings={"store.url": shared_store, "queue.url": kafka.url, "queue.prefix": prefix,
                          "queue.partitions": "1"}, environment={"CARILLON_SECRETS_KEY": KEY})
    seen = ask(tmp_path / "data", *settings)
    assert "kafka topics" not in seen
    # One broker is no cluster.
    assert seen["kafka replicas"]["result"] == "WARN" and "fewer than three" in seen["kafka replicas"]["detail"]
    assert seen["kafka min.insync.replicas"]["result"] == "WARN"
    assert not {name for name in failing(seen) if name.startswith("kafka")}


def test_topics_that_may_lose_records_are_named(kafka, shared_store, ask, tmp_path):  # noqa: F811
    name = f"in-{uuid.uuid4().hex[:8]}"
    kafka.make_topic(name, 1, cleanup_policy="compact", retention_ms=60000, unclean_leader_election_enable="true")
    settings = (f"store.url={shared_store}", f"queue.url={kafka.url}", f"queue.prefix={name}.", "queue.partitions=1",
                f"kafka.topics={name}=default/default", f"kafka.dead_letter_topic={name}.dlq")
    seen = ask(tmp_path / "data", *settings)
    for setting, said in (("cleanup.policy", "compact"), ("retention.ms", "1m"),
                          ("unclean.leader.election.enable", "true")):
        told = seen[f"topic {name} {setting}"]
        assert told["result"] == "FAIL" and said in told["detail"], told
        assert f"--entity-name {name} --add-config {setting}=" in told["fix"]
    assert seen[f"topic {name} partitions"]["result"] == "WARN"
    assert seen[f"topic {name} replicas"]["result"] == "WARN", "one broker is no cluster"
    assert seen[f"topic {name}.dlq"]["result"] == "WARN" and "not there" in seen[f"topic {name}.dlq"]["detail"]
    seen = ask(tmp_path / "data", *settings, "queue.create_topics=false")
    assert seen[f"topic {name}.dlq"]["result"] == "FAIL" and f"--topic {name}.dlq" in seen[f"topic {name}.dlq"]["fix"]
    # Nor does a process start on it.
    done = harness.run("router", "--data", tmp_path / "router", *(part for s in settings for part in ("--set", s)),
                       environment={"CARILLON_SECRETS_KEY": KEY})
    assert done.code == 1 and "kafka.topics" in done.err and f"topic {name}: " in done.err, done


def test_topics_that_a_process_makes_are_fit_and_their_app_is_looked_for(make_server, kafka, shared_store,  # noqa: F811
                                                                         ask):
    name = f"in-{uuid.uuid4().hex[:8]}"
    settings = {"store.url": shared_store, "queue.url": kafka.url, "queue.prefix": f"{name}.", "queue.partitions": "2",
                "kafka.topics": f"{name}=default/shop", "kafka.dead_letter_topic": f"{name}.dlq",
                "kafka.events_topic": f"{name}.out"}
    server = make_server(settings=settings)
    flags = [f"{key}={value}" for key, value in settings.items()] + [f"server.listen=127.0.0.1:{server.port}"]
    seen = ask(server.data, *flags)
    told = seen[f"topic {name}"]
    assert told["result"] == "FAIL" and "the app 'shop' it is taken as is not there" in told["detail"]
    server.cli("app", "create", "shop")
    seen = ask(server.data, *flags)
    topics = {check: seen[check] for check in seen if check.startswith("topic ")}
    # One broker is no cluster.
    assert {check.rsplit(" ", 1)[1] for check in topics} == {"replicas", "min.insync.replicas"}
    assert {told["result"] for told in topics.values()} == {"WARN"}
