"""Large sends wait for somebody else's word; drafts are written, changed and submitted."""
import datetime
import functools

import harness
import pytest
from people import die_at, only

NEWS = {"channels": ["email"], "category": "news", "title": "News", "body": "Hello"}


@pytest.fixture
def office(connected):
    """A server where sends of `news` to more than three recipients need an approval, and a group of five."""
    connected.put("/v1/categories/news", {"approval_over": 3})
    for i in range(5):
        connected.put_user(f"u{i}", email=f"u{i}@example.test")
    connected.post_members = functools.partial(connected.post, "/v1/groups/all/members")
    connected.put("/v1/groups/all", {})
    connected.post_members({"user_ids": [f"u{i}" for i in range(5)]})
    return connected


def management(server, name, *scopes):
    """A second person: the Authorization of a management key."""
    token = server.cli("key", "create", name, "--management", "--scopes", ",".join(scopes), "--json").json["token"]
    return f"Bearer {token}"


def as_(server, who, method, path, body=None):
    return server.api(method, path, body, auth=None, headers={"Authorization": who})


def waiting(server):
    return only(server.get("/v1/approvals")["data"])


def test_a_large_send_waits_and_goes_when_it_is_approved(office, simulator):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    assert sent["status"] == "awaiting_approval" and sent["deliveries"] is None
    open_one = waiting(office)
    assert open_one["id"] == sent["approval_id"] and open_one["notification_id"] == sent["id"]
    assert open_one["audience"] == 5 and open_one["submitted_by"] == "app:default"
    assert office.notification(sent["id"])["approval"] == open_one
    assert office.notification(sent["id"])["status"] == "awaiting_approval"
    done = office.post(f"/v1/approvals/{open_one['id']}/approve")
    assert done["status"] == "approved" and done["decided_by"]
    final = office.wait_final(sent["id"])
    assert final["counts"] == {"sent": 5} and final["approval"]["status"] == "approved"
    assert simulator.counts()["smtp"]["accepted"] == 5
    assert office.get("/v1/approvals")["data"] == []
    assert only(office.get("/v1/approvals?status=approved")["data"])["notification_id"] == sent["id"]
    again = office.api("POST", f"/v1/approvals/{open_one['id']}/approve")
    assert again.status == 409 and again.body["code"] == "approval_closed"
    assert {e["action"] for e in office.get("/v1/audit")["data"]} >= {"approval.approve"}


def test_it_reaches_whom_the_group_held_when_it_was_submitted(office):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    office.put_user("late", email="late@example.test")
    office.post_members({"user_ids": ["late"]})
    office.api("DELETE", "/v1/groups/all/members", {"user_ids": ["u0"]})
    office.post(f"/v1/approvals/{sent['approval_id']}/approve")
    seen = {d["user_id"]: d["reason"] for d in office.wait_final(sent["id"])["deliveries"]}
    assert seen == {"u0": "left_group", "u1": None, "u2": None, "u3": None, "u4": None}


def test_a_rejected_one_is_not_sent_and_says_why(office, simulator):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    path = f"/v1/approvals/{sent['approval_id']}"
    silent = office.api("POST", f"{path}/reject", {})
    assert silent.status == 422 and silent.pointers == ["/reason"]
    office.post(f"{path}/reject", {"reason": "wrong price"})
    assert office.notification(sent["id"])["status"] == "rejected"
    assert office.get(path)["reason"] == "wrong price"
    office.advance("1d")
    office.wait_idle()
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_nobody_decides_about_their_own(office):
    ann, bob = management(office, "ann", "send", "approvals"), management(office, "bob", "approvals")
    sent = as_(office, ann, "POST", "/v1/notifications", {"to": [{"group": "all"}], **NEWS})
    assert sent.status == 202
    path = f"/v1/approvals/{sent.body['approval_id']}/approve"
    own = as_(office, ann, "POST", path)
    assert own.status == 403 and own.body["code"] == "own_submission"
    assert office.api("POST", path, auth="app").status == 403  # an app's key may not at all
    assert as_(office, bob, "POST", path).status == 200
    assert office.wait_final(sent.body["id"])["counts"] == {"sent": 5}


def test_it_expires_when_nobody_decides(office, simulator):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    office.advance("73h")
    harness.wait_until(lambda: office.notification(sent["id"])["status"] == "approval_expired", "expired")
    late = office.api("POST", f"/v1/approvals/{sent['approval_id']}/approve")
    assert late.status == 409 and "expired" in late.body["detail"]
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_many_small_sends_do_not_get_around_it(office):
    for i in range(3):
        assert office.send(to=[{"user_id": f"u{i}"}], **NEWS)["status"] == "sending"
    over = office.send(to=[{"user_id": "u3"}], **NEWS)
    assert over["status"] == "awaiting_approval" and waiting(office)["audience"] == 1
    assert office.send(to=[{"user_id": "u4"}], channels=["email"], title="x", body="y")["status"] == "sending"
    office.advance("1h")  # the hour rolls on
    assert office.send(to=[{"user_id": "u4"}], **NEWS)["status"] == "sending"


def test_a_restart_does_not_forget_the_hour(office):
    batch = {"notifications": [{"to": [{"user_id": f"u{i}"}], **NEWS} for i in range(2)]}
    assert office.post("/v1/notifications/batch", batch, auth="app")["summary"]["accepted"] == 2
    office.restart(kill=True)
    office.post("/v1/notifications/batch", batch, auth="app")
    assert waiting(office)["audience"] == 1
    plain = office.send(to=[{"user_id": "u4"}], channels=["email"], title="x", body="y")
    assert plain["status"] == "sending" and "approval" not in office.notification(plain["id"])


def test_repeats_of_an_event_take_nothing_from_the_hour(office):
    for _ in range(6):
        sent = office.send(to=[{"user_id": "u0"}, {"user_id": "u1"}], event_id="e1", **NEWS)
    assert sent["duplicate"]
    assert office.send(to=[{"user_id": "u2"}], event_id="e2", **NEWS)["status"] == "sending"
    asked = office.send(to=[{"user_id": "u3"}], event_id="e3", **NEWS)
    assert asked["status"] == "awaiting_approval"
    again = office.send(to=[{"user_id": "u3"}], event_id="e3", **NEWS)
    assert again["duplicate"] and again["id"] == asked["id"]


def test_a_draft_counts_when_it_is_submitted(office):
    drafts = [office.send(to=[{"user_id": f"u{i}"}], draft=True, **NEWS) for i in range(4)]
    seen = [office.post(f"/v1/notifications/{d['id']}/submit", auth="app")["status"] for d in drafts]
    assert seen == ["scheduled"] * 3 + ["awaiting_approval"]


def test_how_long_it_waits_is_a_setting(office):
    office.settings["approval.expires_after"] = "2h"
    office.restart()
    sent = office.send(to=[{"group": "all"}], **NEWS)
    office.advance("119m")
    assert office.notification(sent["id"])["status"] == "awaiting_approval"
    office.advance("2m")
    harness.wait_until(lambda: office.notification(sent["id"])["status"] == "approval_expired", "expired")


def test_an_edit_voids_the_approval(office):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    edited = office.patch(f"/v1/notifications/{sent['id']}", {"title": "Better news"})
    assert edited["status"] == "awaiting_approval" and edited["approval_id"] != sent["approval_id"]
    old = office.api("POST", f"/v1/approvals/{sent['approval_id']}/approve")
    assert old.status == 409 and "changed" in old.body["detail"]
    assert office.get(f"/v1/approvals/{sent['approval_id']}")["status"] == "void"
    # The edit was made by the management key: who submitted it now is that one.
    own = office.api("POST", f"/v1/approvals/{edited['approval_id']}/approve")
    assert own.status == 403
    bob = management(office, "bob", "approvals")
    assert as_(office, bob, "POST", f"/v1/approvals/{edited['approval_id']}/approve").status == 200
    office.wait_final(sent["id"])


def test_what_was_approved_and_waits_for_its_time_is_voided_by_an_edit_too(office, simulator):
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=5)).isoformat()
    sent = office.send(to=[{"group": "all"}], send_at=later, **NEWS)
    office.post(f"/v1/approvals/{sent['approval_id']}/approve")
    assert office.notification(sent["id"])["status"] == "scheduled"
    assert office.patch(f"/v1/notifications/{sent['id']}", {"body": "x"}, auth="app")["status"] == "awaiting_approval"
    office.advance("6h")
    office.wait_idle()
    assert simulator.counts()["smtp"]["accepted"] == 0
    office.post(f"/v1/approvals/{waiting(office)['id']}/approve")
    assert office.wait_final(sent["id"])["counts"] == {"sent": 5}


def test_a_draft_is_changed_and_submitted(office, simulator):
    draft = office.send(to=[{"user_id": "u0"}], draft=True, **NEWS)
    assert draft["status"] == "draft"
    path = f"/v1/notifications/{draft['id']}"
    assert office.patch(path, {"body": "Better", "to": [{"user_id": "u1"}]}, auth="app")["status"] == "draft"
    bad = office.api("PATCH", path, {"to": [{"user_id": "nobody"}]}, auth="app")
    assert bad.status == 422 and bad.pointers == ["/to/0/user_id"]
    assert office.api("PATCH", path, {"colour": "red"}, auth="app").body["code"] == "unknown_field"
    assert office.api("PATCH", path, {"event_id": "other"}, auth="app").pointers == ["/event_id"]
    office.advance("2h")
    assert office.notification(draft["id"])["status"] == "draft"
    assert office.post(f"{path}/submit", auth="app")["status"] == "scheduled"
    final = office.wait_final(draft["id"])
    assert only(final["deliveries"])["user_id"] == "u1"
    assert "Better" in only(simulator.messages("smtp"))["content"]
    assert office.api("POST", f"{path}/submit", auth="app").body["code"] == "not_a_draft"
    begun = office.api("PATCH", path, {"body": "z"}, auth="app")
    assert begun.status == 409 and begun.body["code"] == "already_begun"


def test_a_large_draft_needs_an_approval_when_it_is_submitted(office):
    draft = office.send(to=[{"group": "all"}], draft=True, **NEWS)
    assert office.get("/v1/approvals")["data"] == []
    submitted = office.post(f"/v1/notifications/{draft['id']}/submit", auth="app")
    assert submitted["status"] == "awaiting_approval"
    office.post(f"/v1/approvals/{submitted['approval_id']}/approve")
    assert office.wait_final(draft["id"])["counts"] == {"sent": 5}


def test_a_send_to_many_is_bulk_also_as_a_draft_and_after_an_edit(office):
    office.put("/v1/groups/many", {})
    office.post("/v1/groups/many/members", {"user_ids": [f"m{i}" for i in range(300)]})
    draft = office.send(to=[{"group": "many"}], draft=True, priority="high", **NEWS)
    submitted = office.post(f"/v1/notifications/{draft['id']}/submit", auth="app")
    assert [w["code"] for w in submitted["warnings"]] == ["priority_lowered"]
    assert office.notification(draft["id"])["priority"] == "bulk"
    edited = office.patch(f"/v1/notifications/{draft['id']}", {"title": "Other"}, auth="app")
    assert edited["status"] == "awaiting_approval"
    assert office.notification(draft["id"])["priority"] == "bulk"


def test_cancelling_what_waits_closes_its_approval(office):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    office.post(f"/v1/notifications/{sent['id']}/cancel")
    assert office.get("/v1/approvals")["data"] == []
    assert office.api("POST", f"/v1/approvals/{sent['approval_id']}/approve").status == 409
    assert office.notification(sent["id"])["status"] == "cancelled"


def test_it_is_sent_again(office, simulator):
    first = office.send(to=[{"user_id": "u0"}], event_id="e1", **NEWS)
    office.wait_final(first["id"])
    again = office.send(from_notification=first["id"])
    assert again["id"] != first["id"] and again["event_id"] is None
    office.wait_final(again["id"])
    other = office.send(from_notification=first["id"], to=[{"user_id": "u1"}], title="Once more", event_id="e2")
    office.wait_final(other["id"])
    sent = [m["content"] for m in simulator.messages("smtp", 10)]
    assert len(sent) == 3 and any("Once more" in m for m in sent)
    assert office.send(from_notification=first["id"], to=[{"user_id": "u1"}], title="Once more",
                       event_id="e2")["duplicate"]
    missing = office.api("POST", "/v1/notifications", {"from_notification": "ntf_0"}, auth="app")
    assert missing.status == 422 and missing.pointers == ["/from_notification"]


def test_several_are_sent_again_in_a_batch(office, simulator):
    first = office.send(to=[{"user_id": "u0"}], channels=["email"], title="News", body="Hello", event_id="e1")
    office.wait_final(first["id"])
    answer = office.post("/v1/notifications/batch", {"notifications": [
        {"from_notification": first["id"]},
        {"to": [{"user_id": "u2"}], "channels": ["email"], "title": "from_notification", "body": "a word"},
        {"from_notification": "ntf_0000000000007"},
        {"from_notification": first["id"], "to": [{"user_id": "u1"}], "title": "Once more", "event_id": "e2"}]},
        auth="app")
    assert answer["summary"] == {"accepted": 3, "duplicate": 0, "refused": 1}
    refused = answer["results"][2]["error"]
    assert refused["code"] == "unknown_notification" and refused["errors"][0]["pointer"] == "/from_notification"
    for index in (0, 1, 3):
        office.wait_final(answer["results"][index]["id"])
    sent = [m["content"] for m in simulator.messages("smtp", 10)]
    assert len(sent) == 4 and sum("Once more" in m for m in sent) == 1


def test_a_repeat_of_what_waits_is_the_same_send(office):
    first = office.send(to=[{"group": "all"}], event_id="e1", **NEWS)
    again = office.send(to=[{"group": "all"}], event_id="e1", **NEWS)
    assert again["duplicate"] and again["id"] == first["id"]
    assert waiting(office)["id"] == first["approval_id"]


def test_kill_9_around_the_decision_neither_loses_nor_repeats_it(office, simulator):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    office.restart(kill=True)
    path = f"/v1/approvals/{sent['approval_id']}"
    die_at(office, "expand.before_chunk", functools.partial(office.api, "POST", f"{path}/approve"))
    office.start()
    assert office.get(path)["status"] == "approved"
    assert office.wait_final(sent["id"])["counts"] == {"sent": 5}
    assert simulator.counts()["smtp"]["accepted"] == 5


def test_by_command_line(office):
    sent = office.send(to=[{"group": "all"}], **NEWS)
    assert only(office.cli("approval", "list", "--json").json["data"])["id"] == sent["approval_id"]
    office.cli("approval", "reject", sent["approval_id"], code=2)  # --reason is needed
    assert office.cli("approval", "approve", sent["approval_id"], "--json").json["status"] == "approved"
    office.wait_final(sent["id"])
    assert "Nothing waits" in office.cli("approval", "list").out
