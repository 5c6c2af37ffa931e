"""What was said goes after a month, what became of it after three, the audit after a year; what is open stays."""
import harness
import pytest
from people import only


@pytest.fixture
def keeper(make_server, simulator):
    server = make_server(settings={"retention.content": "2d", "retention.history": "5d", "retention.events": "2d"})
    harness.connect(server, simulator)
    return server


def content_of(server, sent):
    return server.delivery(only(server.deliveries(sent["id"]))["id"])["content"]


def wait_gone(server, sent):
    harness.wait_until(lambda: content_of(server, sent) is None, "the content to go")


def test_what_was_said_goes_and_what_became_of_it_stays(keeper, simulator):
    keeper.put_user("ann", email="ann@example.test")
    done = keeper.send(to=[{"user_id": "ann"}], channels=["email"], title="Old", body="news",
                       metadata={"order": "17"})
    keeper.wait_final(done["id"])
    assert content_of(keeper, done) and keeper.notification(done["id"])["metadata"] == {"order": "17"}
    keeper.post("/v1/pauses", {"scope": {"channel": "email"}})
    waiting = keeper.send(to=[{"user_id": "ann"}], channels=["email"], title="Later", body="news", ttl="20d")
    keeper.wait_deliveries(waiting["id"], "held")
    keeper.advance("49h")
    wait_gone(keeper, done)
    seen = keeper.notification(done["id"])
    assert seen["outcome"] == "success" and seen["metadata"] == {}
    assert only(keeper.get("/v1/notifications?user_id=ann&status=sent")["data"])["id"] == done["id"]
    # What waits is whole, and is sent.
    assert "Later" in str(content_of(keeper, waiting))
    keeper.delete(f"/v1/pauses/{keeper.get('/v1/pauses')['data'][0]['id']}")
    keeper.wait_final(waiting["id"])
    assert simulator.counts()["smtp"]["accepted"] == 2
    wait_gone(keeper, waiting)
    keeper.advance("96h")
    harness.wait_until(lambda: keeper.api("GET", f"/v1/notifications/{done['id']}").status == 404,
                       "the history to go")


def test_what_was_emptied_is_not_sent_again(keeper):
    sent = keeper.send(to=[{"email": "bounce@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
    delivery = only(keeper.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "failed"
    keeper.advance("49h")
    wait_gone(keeper, sent)
    job = keeper.post("/v1/dead-letters/replay", {"ids": [delivery["id"]]})
    assert "content_gone" in str(job)
    again = keeper.api("POST", "/v1/notifications", {"from_notification": sent["id"], "to": [{"user_id": "ann"}]},
                       auth="app")
    assert again.status == 422 and again.body["errors"][0]["code"] == "unknown_notification"


def test_the_emptied_stay_so_over_a_crash(keeper):
    keeper.put_user("ann", email="ann@example.test")
    first = keeper.send(to=[{"user_id": "ann"}], channels=["email"], title="x", body="y")
    keeper.wait_final(first["id"])
    keeper.advance("49h")
    wait_gone(keeper, first)
    keeper.restart(kill=True)
    assert content_of(keeper, first) is None
    assert keeper.accountability()["exact"]


def test_the_audit_is_kept_for_a_year_at_least(make_server):
    server = make_server(settings={"retention.audit": "30d"}, start=False)
    server.start(ready=False)
    server.wait_for_log("retention.audit")
    assert server.process.wait(harness.PATIENCE_S) != 0
    server.kill()
    server.settings["retention.audit"] = "365d"
    server.start()
    server.put("/v1/categories/news", {"kind": "marketing"})
    server.advance("364d")
    server.put("/v1/categories/late", {"kind": "marketing"})
    actions = [e["object"] for e in server.all("/v1/audit?action=category")]
    assert actions == ["late", "news"]
    server.advance("2d")
    harness.wait_until(lambda: [e["object"] for e in server.all("/v1/audit?action=category")] == ["late"],
                       "the oldest entry to go")
