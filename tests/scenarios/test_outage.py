"""The mail server is away for longer than a message may wait: what it ended goes once the server is back."""
import harness
import pytest

from people import dead_letters, only

MAILS = 30


@pytest.fixture
def mailer(server, simulator):
    harness.connect(server, simulator, "smtp")
    # Fifteen minutes to wait, no ttl.
    server.put("/v1/categories/alarm", {"kind": "security", "channels": ["email"], "retry": ["10m"] * 6})
    return server


def send(server, n, **more):
    return server.send(to=[{"email": f"u{n}@example.test"}], category="alarm", title="x", body=f"{n}", **more)["id"]


def statuses(server, ids):
    return [only(server.deliveries(i))["status"] for i in ids]


def lose(server, simulator):
    """Mails of which at least ten ended because the server was away, and one that ended by its ttl."""
    simulator.stop()
    ids = [send(server, n) for n in range(MAILS)]
    short = send(server, MAILS, ttl="12m")
    harness.wait_until(lambda: "held" in statuses(server, ids), lambda: statuses(server, ids))
    server.wait_idle()
    server.advance("16m")
    harness.wait_until(lambda: statuses(server, ids).count("dead") >= 10, lambda: statuses(server, ids))
    server.wait_idle()
    server.wait_deliveries(short, "expired")
    lost = [i for i, status in zip(ids, statuses(server, ids)) if status == "dead"]
    assert {letter["reason"].split(":")[0] for letter in dead_letters(server)} == {"provider_down"}
    return lost, short


def check_revived(server, lost, short):
    for i in lost:
        delivery = only(server.wait_deliveries(i, "sent"))
        assert delivery["generation"] == 1
    assert only(server.deliveries(short))["status"] == "expired"
    assert not dead_letters(server)
    replays = [entry for entry in server.all("/v1/audit") if entry["action"] == "delivery.replay"]
    assert len(replays) == len(lost) and {entry["actor"] for entry in replays} == {"system"}


def server_is_back(mailer, simulator):
    """The breaker is closed: by the one message whose retry is due, or by the integration's test."""
    simulator.start()
    mailer.advance("13m")
    harness.wait_until(lambda: mailer.metric("carillon_breaker_open", integration="smtp") == 0, "it stays open")


def test_they_go_when_the_breaker_closes(mailer, simulator):
    lost, short = lose(mailer, simulator)
    server_is_back(mailer, simulator)
    mailer.wait_deliveries(send(mailer, 99), "sent")
    mailer.advance("61s")  # it may have been looked at while the first message tried the server
    check_revived(mailer, lost, short)


def test_they_go_though_no_other_message_tries_the_server(mailer, simulator):
    lost, short = lose(mailer, simulator)
    for notification in mailer.all("/v1/notifications"):
        if notification["id"] not in lost:
            mailer.post(f"/v1/notifications/{notification['id']}/cancel")
    server_is_back(mailer, simulator)
    check_revived(mailer, lost, short)


def test_they_go_after_a_restart_too(mailer, simulator):
    lost, short = lose(mailer, simulator)
    mailer.stop()
    simulator.start()
    mailer.start()
    check_revived(mailer, lost, short)
