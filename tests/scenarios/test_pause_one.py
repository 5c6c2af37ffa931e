"""One notification is paused and goes on: nothing of it is sent meanwhile, nothing is lost, others go."""

import harness
from people import only, sent_one

MAIL = {"channels": ["email"], "title": "x", "body": "y"}


def group_of(server, count):
    ids = [f"u{i:04}" for i in range(count)]
    for user in ids:
        server.put_user(user, email=f"{user}@example.test")
    server.put("/v1/groups/all", {})
    server.post("/v1/groups/all/members", {"user_ids": ids})
    return ids


def test_it_stands_still_and_goes_on(connected, simulator):
    connected.put_user("u1", email="u1@example.test")
    stop = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"user_id": "u1"}], **MAIL)
    connected.wait_deliveries(sent["id"], "held")
    path = f"/v1/notifications/{sent['id']}"
    assert connected.post(f"{path}/pause", auth="app")["status"] == "paused"
    assert connected.post(f"{path}/pause", auth="app")["status"] == "paused"
    connected.delete(f"/v1/pauses/{stop['id']}")
    harness.wait_until(lambda: only(connected.deliveries(sent["id"]))["reason"] == "notification_paused",
                       lambda: connected.deliveries(sent["id"]))
    assert sent_one(connected, to=[{"user_id": "u1"}], **MAIL)["status"] == "sent"  # others go
    connected.restart(kill=True)
    connected.advance("3h")
    assert only(connected.wait_deliveries(sent["id"], "held"))["reason"] == "notification_paused"
    assert connected.post(f"{path}/resume", auth="app")["status"] == "sending"
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    assert simulator.counts()["smtp"]["accepted"] == 2


def test_an_expansion_stands_still_too(connected, simulator):
    ids = group_of(connected, 700)
    connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"group": "all"}], **MAIL)
    path = f"/v1/notifications/{sent['id']}"
    assert connected.post(f"{path}/pause")["status"] == "paused"
    for stop in connected.get("/v1/pauses")["data"]:
        connected.delete(f"/v1/pauses/{stop['id']}")
    connected.advance("10m")
    connected.wait_idle()
    assert connected.notification(sent["id"])["status"] == "paused"
    assert simulator.counts()["smtp"]["accepted"] == 0
    connected.post(f"{path}/resume")
    assert connected.wait_final(sent["id"])["counts"] == {"sent": len(ids)}
    assert simulator.counts()["smtp"]["accepted"] == len(ids)


def test_a_paused_one_is_cancelled(connected, simulator):
    connected.put_user("u1", email="u1@example.test")
    connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"user_id": "u1"}], **MAIL)
    connected.post(f"/v1/notifications/{sent['id']}/pause")
    connected.post(f"/v1/notifications/{sent['id']}/cancel")
    assert connected.wait_final(sent["id"])["status"] == "cancelled"
    late = connected.api("POST", f"/v1/notifications/{sent['id']}/resume")
    assert late.status == 409 and late.body["code"] == "not_paused"


def test_its_time_to_live_ends_while_it_is_paused(connected):
    connected.put_user("u1", email="u1@example.test")
    stop = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"user_id": "u1"}], ttl="10m", **MAIL)
    connected.post(f"/v1/notifications/{sent['id']}/pause")
    connected.delete(f"/v1/pauses/{stop['id']}")
    connected.advance("11m")
    assert only(connected.wait_deliveries(sent["id"], "expired"))["status"] == "expired"


def test_what_has_not_begun_or_has_ended_cannot_be_paused(connected):
    connected.put_user("u1", email="u1@example.test")
    draft = connected.send(to=[{"user_id": "u1"}], draft=True, **MAIL)
    refused = connected.api("POST", f"/v1/notifications/{draft['id']}/pause")
    assert refused.status == 409 and refused.body["code"] == "not_pausable"
    done = connected.send(to=[{"user_id": "u1"}], **MAIL)
    connected.wait_final(done["id"])
    assert connected.api("POST", f"/v1/notifications/{done['id']}/pause").status == 409
    assert connected.api("POST", "/v1/notifications/ntf_0/pause").status == 404
