"""The same server on PostgreSQL: what was accepted outlives the server and the database, whichever is killed."""
import pytest

import harness
import postgres
from people import ios, only

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
        # Each of them was a transaction that failed; the log says so once for each reason.
        said = connected.log_text().count("store: a transaction of")
        assert 1 <= said <= 5, f"{said} times"
    finally:
        postgres_cluster.start()

    def accepted():
        answer = connected.api("POST", "/v1/notifications", {"to": [{"user_id": "mina"}], **PUSH}, auth="app")
        return answer.status == 202 and answer.body["id"]
    second = harness.wait_until(accepted, "it takes sends again")
    assert connected.wait_final(second)["outcome"] == "success"
    assert connected.notification(first["id"])["status"] == "completed"


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
