"""Whoever changes something is told by the audit trail: who, what, when, by which request, and from what to what."""
import json

import harness
from people import only


def management(server, name, *scopes):
    return server.cli("key", "create", name, "--management", "--scopes", ",".join(scopes), "--json").json["token"]


def newest(server, **filters):
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return server.get(f"/v1/audit?limit=1&{query}")["data"][0]


def test_a_change_by_api_is_told_with_its_request_and_what_it_was_before(server):
    ops = management(server, "ops", "apps")
    answer = server.api("PATCH", "/v1/apps/default", {"rate_limit": 50}, auth=ops,
                        headers={"X-Request-Id": "deploy-7"})
    assert answer.status == 200 and answer.headers["x-request-id"] == "deploy-7"
    told = newest(server, object="default")
    assert (told["actor"], told["action"], told["origin"]) == ("key:ops", "app.update", "127.0.0.1")
    assert told["request_id"] == "deploy-7"
    assert told["detail"]["changes"] == [{"pointer": "/rate_limit", "before": 0, "after": 50}]
    assert only(server.get("/v1/audit?request_id=deploy-7")["data"]) == told


def test_a_change_by_command_line_is_told_running_or_stopped(server):
    server.cli("app", "create", "shop")
    told = newest(server, action="app.create", object="shop")
    assert told["actor"] == "cli" and told["origin"] is None and told["request_id"]
    server.stop()
    server.cli("app", "disable", "shop")
    listed = server.cli("admin", "audit", "list", "--action", "app", "--object", "shop", "--json").json["data"]
    assert [entry["action"] for entry in listed] == ["app.update", "app.create"]
    assert listed[0]["detail"]["changes"] == [{"pointer": "/disabled", "before": False, "after": True}]
    shown = server.cli("admin", "audit", "list", "--object", "shop").out
    assert "app.update" in shown and "/disabled" in shown
    server.start()


def test_what_a_job_changes_names_the_request_that_asked_for_it(server):
    job = server.api("POST", "/v1/imports/users", b"user_id,name\nann,Ann\nbob,Bob\n",
                     headers={"Content-Type": "text/csv", "X-Request-Id": "import-7"}).body
    harness.wait_until(lambda: server.get(f"/v1/jobs/{job['id']}")["state"] == "completed", "imported")
    told = server.get("/v1/audit?request_id=import-7")["data"]
    assert sorted((e["action"], e["object"]) for e in told) == [
        ("user.create", "ann"), ("user.create", "bob"), ("user.import", job["id"])]
    assert {(e["actor"], e["origin"]) for e in told} == {("key:first", "127.0.0.1")}


def test_no_secret_and_no_address_is_in_the_trail(server):
    made = server.post("/v1/apps", {"name": "shop"})
    token = server.post("/v1/keys", {"name": "ops", "scopes": ["people"]})["token"]
    for password in ("first-password", "second-password"):
        server.put("/v1/integrations/mail?test=false", {"provider": "smtp", "settings": {
            "endpoint": "smtp://127.0.0.1:2525", "username": "u", "password": password,
            "from_email": "bells@example.test"}})
    server.put("/v1/schedules/tea", {"cron": "0 9 * * *", "notification": {
        "to": [{"email": "kim@example.test"}], "channels": ["email"], "title": "Tea", "body": "It is ready."}})
    server.put_user("kim", email="kim@example.test", phone_number="+821012345678")
    server.post("/v1/suppressions", {"channel": "email", "address": "lee@example.test"})
    trail = server.all("/v1/audit") + server.all("/v1/audit?installation=true")
    assert {"app.create", "key.create", "integration.create", "integration.update", "schedule.create",
            "user.create", "suppression.add"} <= {entry["action"] for entry in trail}
    text = json.dumps(trail)
    for hidden in (made["app_secret"], token, "first-password", "second-password", "v1:", "kim@example.test",
                   "1012345678", "lee@example.test"):
        assert hidden not in text, hidden
    changed = newest(server, action="integration.update")["detail"]["changes"]
    assert {"pointer": "/settings/password", "before": {"set": True}, "after": {"set": True}} in changed


def test_what_stops_and_cancels_sends_is_told(connected):
    connected.put_user("ann", email="ann@example.test")
    pause = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "wrong price"})
    sent = connected.send(to=[{"user_id": "ann"}], channels=["email"], title="x", body="y")
    connected.wait_deliveries(sent["id"], "held")
    for _ in range(2):
        connected.api("POST", f"/v1/notifications/{sent['id']}/cancel", auth="app",
                      headers={"X-Request-Id": "stop-1"})
    connected.delete(f"/v1/pauses/{pause['id']}")
    told = only(connected.get(f"/v1/audit?object={sent['id']}")["data"])
    assert (told["actor"], told["action"], told["request_id"]) == (
        "app:default", "notification.cancel", "stop-1")
    assert [entry["action"] for entry in connected.get("/v1/audit?action=pause")["data"]] == [
        "pause.delete", "pause.create"]
    # Nothing of the send itself: notifications are their own record.
    assert connected.get("/v1/audit?actor=app:default&action=notification.create")["data"] == []


def test_the_trail_is_read_in_pages_and_by_time(server):
    for i in range(7):
        server.put(f"/v1/categories/c{i}", {"kind": "transactional"})
    server.advance("1h")
    server.put("/v1/categories/late", {"kind": "transactional"})
    late = newest(server, object="late")
    seen, after = [], ""
    while True:
        page = server.get(f"/v1/audit?action=category&limit=3{after}")
        seen += [entry["object"] for entry in page["data"]]
        if not page["page"]["next"]:
            break
        after = "&after=" + page["page"]["next"]
    assert seen == ["late"] + [f"c{i}" for i in reversed(range(7))]
    assert [e["object"] for e in server.get(f"/v1/audit?from={late['at']}")["data"]] == ["late"]
    assert len(server.get(f"/v1/audit?action=category&until={late['at']}")["data"]) == 7


def test_only_who_may_look_sees_it_and_only_of_the_own_project(server):
    looker = management(server, "looker", "audit")
    other = management(server, "other", "people")
    assert server.api("GET", "/v1/audit", auth=looker).status == 200
    assert server.api("GET", "/v1/audit", auth=other).status == 403
    assert server.api("GET", "/v1/audit", auth="app").status == 403
    assert server.api("GET", "/v1/audit", auth=None).status == 401
    # Management tokens belong to no project.
    assert newest(server, installation="true", object="looker")["action"] == "key.create"
    assert server.get("/v1/audit?object=looker")["data"] == []


def test_it_survives_a_crash(server):
    server.put("/v1/categories/news", {"kind": "marketing"})
    server.restart(kill=True)
    assert newest(server, object="news")["action"] == "category.create"


def test_what_is_wrong_with_a_filter_is_said(server):
    answer = server.api("GET", "/v1/audit?from=yesterday")
    assert answer.status == 422 and answer.pointers == ["?from"]
    assert server.api("GET", "/v1/audit?who=ann").body["code"] == "unknown_parameter"
    assert harness.run("admin", "audit", "list", "--data", server.data, "--from", "yesterday").code == 1
