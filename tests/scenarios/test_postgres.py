"""The same server on PostgreSQL: what was accepted outlives the server and the database, whichever is killed."""
import base64
import datetime
import subprocess

import pytest

import harness
import postgres
from people import ios, only, template

PUSH = {"channels": ["push"], "title": "x", "body": "y"}


@pytest.fixture
def url(postgres_cluster):
    return postgres_cluster.database()


@pytest.fixture
def server(make_server, url):
    return make_server(settings={"store.url": url})


@pytest.fixture
def connected(server, simulator):
    harness.connect(server, simulator)
    return server


def test_what_was_accepted_is_sent_and_read_back(connected, simulator, postgres_cluster, url):
    ios(connected, "mina")
    sent = connected.send(to=[{"user_id": "mina"}], event_id="order-1", **PUSH)
    done = connected.wait_final(sent["id"])
    assert only(done["deliveries"])["status"] == "sent"
    again = connected.send(to=[{"user_id": "mina"}], event_id="order-1", **PUSH)
    assert again["id"] == sent["id"]
    assert simulator.counts()["apns"]["accepted"] == 1
    assert [n["id"] for n in connected.get("/v1/notifications?user_id=mina")["data"]] == [sent["id"]]
    rows = postgres_cluster.sql("SELECT count(*) FROM notification", postgres.name_of(url))
    assert rows == "1"


def test_an_event_id_is_remembered_for_a_week(server):
    """In files for a day (test_duplicates.py)."""
    mail = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "x", "body": "y"}
    first = server.send(event_id="order-7", auth="test", **mail)
    kept = datetime.datetime.fromisoformat(first["dedup_until"].replace("Z", "+00:00")) \
        - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=6, hours=23) < kept <= datetime.timedelta(days=7)
    server.advance("167h")
    assert server.send(event_id="order-7", auth="test", **mail)["duplicate"]
    server.advance("2h")
    assert server.send(event_id="order-7", auth="test", **mail)["id"] != first["id"]


def test_a_killed_server_goes_on_where_it_was(connected, simulator):
    for i in range(20):
        ios(connected, f"user-{i}")
    simulator.faults(apns={"rate_5xx": 1})
    sent = [connected.send(to=[{"user_id": f"user-{i}"}], **PUSH)["id"] for i in range(20)]
    connected.kill()
    simulator.faults()
    connected.start()
    connected.advance("2m")
    for notification in sent:
        assert connected.wait_final(notification)["outcome"] == "success"


def test_a_database_that_is_away_loses_nothing(connected, simulator, postgres_cluster):
    ios(connected, "mina")
    first = connected.send(to=[{"user_id": "mina"}], **PUSH)
    connected.wait_final(first["id"])
    postgres_cluster.stop("immediate")
    try:
        for _ in range(20):
            refused = connected.api("POST", "/v1/notifications", {"to": [{"user_id": "mina"}], **PUSH}, auth="app")
            assert refused.status == 503, refused
        # Each try of its own accord is a transaction that fails; the log says so once for each reason.
        connected.wait_for_log("store: a transaction of")
        said = connected.log_text().count("store: a transaction of")
        assert said <= 5, f"{said} times"
    finally:
        postgres_cluster.start()

    def accepted():
        answer = connected.api("POST", "/v1/notifications", {"to": [{"user_id": "mina"}], **PUSH}, auth="app")
        return answer.status == 202 and answer.body["id"]
    second = harness.wait_until(accepted, "it takes sends again")
    assert connected.wait_final(second)["outcome"] == "success"
    assert connected.notification(first["id"])["status"] == "completed"


def test_readiness_follows_the_database_also_when_nothing_is_sent(make_server, url, postgres_cluster):
    worker = make_server(settings={"store.url": url}, command=("worker",),
                         environment={"CARILLON_SECRETS_KEY": base64.b64encode(bytes(32)).decode()})

    def readiness():
        return harness.request(worker.url + "/readyz")
    assert readiness().body == {"status": "ready", "reasons": []}
    postgres_cluster.stop("immediate")
    try:
        harness.wait_until(lambda: (now := readiness()).status == 503 and "store.url" in now.text, readiness)
        told = readiness().body
        assert told["status"] == "not_ready"
        assert {each["part"] for each in told["reasons"]} == {"pipeline", "store"}
    finally:
        postgres_cluster.start()
    harness.wait_until(lambda: readiness().status == 200, readiness)


def test_a_clean_stop_gives_the_lease_back(connected, postgres_cluster, url):
    name = postgres.name_of(url)
    assert postgres_cluster.sql("SELECT count(*) FROM process WHERE renewed_at > 0", name) == "1"
    assert connected.stop() == 0
    assert postgres_cluster.sql("SELECT count(*) FROM process WHERE renewed_at > 0", name) == "0"
    connected.start()


def test_a_url_that_is_wrong_is_named(make_server, postgres_cluster):
    server = make_server(settings={"store.url": f"postgresql://carillon@/nowhere?host={postgres_cluster.folder}"},
                         start=False)
    done = harness.run("serve", "--data", server.folder / "data", "--set",
                       f"store.url=postgresql://carillon:geheim@/nowhere?host={postgres_cluster.folder}")
    assert done.code != 0
    assert "store.url" in done.err + done.out and "nowhere" in done.err + done.out
    assert "geheim" not in done.err + done.out


@pytest.mark.parametrize("spoil, user, said", [
    ("ALTER DATABASE {name} SET default_transaction_read_only = on", "carillon", "target_session_attrs=read-write"),
    ("CREATE ROLE bob LOGIN", "bob", "OWNER TO"),
    ("DROP DATABASE {name}; CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", "carillon",
     "ENCODING 'UTF8'"),
])
def test_a_database_that_cannot_be_used_ends_the_start_and_says_why(postgres_cluster, url, tmp_path, spoil, user, said):
    for statement in spoil.format(name=postgres.name_of(url)).split("; "):
        postgres_cluster.sql(statement)
    try:
        done = harness.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--set",
                           f"store.url={url.replace('carillon@', f'{user}@').replace('user=carillon', f'user={user}')}")
        assert done.code == 1 and "store.url" in done.err and said in done.err, done
    finally:
        if user == "bob":
            postgres_cluster.sql("DROP ROLE bob")


def test_a_read_that_is_lost_costs_a_delivery_neither_a_try_nor_a_minute(connected, simulator, postgres_cluster, url):
    """What a delivery says is in the database, which is restarted just when it is asked for."""
    name = postgres.name_of(url)
    ios(connected, "mina")
    template(connected, "news", content={"en": {"title": "One", "body": "first"}})
    simulator.faults(apns={"rate_5xx": 1})
    sent = connected.send(to=[{"user_id": "mina"}], channels=["push"], template="news")
    connected.wait_deliveries(sent["id"], "retrying")
    simulator.faults()
    template(connected, "news", content={"en": {"title": "Two", "body": "second"}})
    connected.restart()  # the version it was accepted with is in no memory now
    psql = [str(postgres.binaries() / "psql"), "-h", str(postgres_cluster.folder), "-p", str(postgres_cluster.port),
            "-U", "carillon", "-d", name, "-q"]
    holder = subprocess.Popen(psql, stdin=subprocess.PIPE, text=True)
    holder.stdin.write("BEGIN; LOCK TABLE record IN ACCESS EXCLUSIVE MODE;\n")
    holder.stdin.flush()
    waiting = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
               "AND query LIKE '%FROM record%'")
    locked = ("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'record' AND "
              "l.mode = 'AccessExclusiveLock' AND l.granted")
    harness.wait_until(lambda: postgres_cluster.sql(locked, name) == "1", "the table is locked")
    connected.advance("2m")
    harness.wait_until(lambda: int(postgres_cluster.sql(waiting, name)) >= 1, "it asks for the template")
    postgres_cluster.sql(waiting.replace("count(*)", "pg_terminate_backend(pid)"), name)
    holder.communicate("COMMIT;\n", timeout=30)
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert (delivery["status"], delivery["attempts"]) == ("sent", 2), delivery
    assert "first" in only(simulator.messages("apns", 5))["content"]
