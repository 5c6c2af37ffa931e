"""Somebody works for one app of a project: what is another app's is not there."""
import pytest

from people import only

MAIL = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "x", "body": "y"}


@pytest.fixture
def two_apps(server):
    """A server with the apps "default" and "billing", a sender bound to each, and one bound to both."""
    made = server.api("POST", "/v1/apps", {"name": "billing"}).body
    server.billing = (made["app_key"], made["app_secret"])
    server.people = {}
    for key, apps in {"sid": ["default"], "bea": ["billing"], "cy": ["default", "billing"]}.items():
        server.put(f"/v1/members/{key}", {"grants": {"default": "sender"}, "apps": {"default": apps}})
        server.people[key] = server.post(f"/v1/members/{key}/tokens", {"name": "laptop"})["token"]
    return server


def as_(server, who, method, path, body=None, app=None):
    return server.api(method, path, body, auth=server.people[who], headers={"Carillon-App": app} if app else {})


def test_a_sender_of_one_app_sends_as_it_and_sees_no_other(two_apps):
    mine = as_(two_apps, "sid", "POST", "/v1/notifications", MAIL)
    theirs = as_(two_apps, "bea", "POST", "/v1/notifications", MAIL)
    assert mine.status == theirs.status == 202
    assert two_apps.notification(mine.body["id"])["app"] == "default"
    assert two_apps.notification(theirs.body["id"])["app"] == "billing"
    for who, own, other in (("sid", mine, theirs), ("bea", theirs, mine)):
        assert [n["id"] for n in as_(two_apps, who, "GET", "/v1/notifications").body["data"]] == [own.body["id"]]
        assert as_(two_apps, who, "GET", f"/v1/notifications/{other.body['id']}").status == 404
        assert as_(two_apps, who, "POST", f"/v1/notifications/{other.body['id']}/cancel").status == 404
        assert {d["notification_id"] for d in as_(two_apps, who, "GET", "/v1/deliveries").body["data"]} == \
            {own.body["id"]}
    two_apps.wait_idle()
    two_apps.get("/v1/sandbox/messages")
    for who in ("sid", "bea"):
        assert len(as_(two_apps, who, "GET", "/v1/sandbox/messages").body["data"]) == 1
    assert as_(two_apps, "sid", "GET", "/v1/notifications", app="billing").status == 404


def test_who_has_two_apps_chooses(two_apps):
    for app in ("default", "billing"):
        assert as_(two_apps, "cy", "POST", "/v1/notifications", MAIL, app=app).status == 202
        assert only(as_(two_apps, "cy", "GET", "/v1/notifications", app=app).body["data"])["app"] == app
    # The same event id is another event for another app.
    event = {**MAIL, "event_id": "e1"}
    answers = [as_(two_apps, "cy", "POST", "/v1/notifications", event, app=app) for app in ("default", "billing")]
    assert answers[0].body["id"] != answers[1].body["id"]
    assert [app["name"] for app in as_(two_apps, "cy", "GET", "/v1/apps").body["data"]] == ["billing", "default"]


def test_an_apps_limits_are_its_members_limits(two_apps):
    two_apps.patch("/v1/apps/billing", {"channels": ["email"], "categories": ["general"]})
    refused = as_(two_apps, "bea", "POST", "/v1/notifications", {**MAIL, "channels": ["inbox"]})
    assert refused.status == 403 and refused.body["code"] == "channel_not_allowed"
    two_apps.patch("/v1/apps/billing", {"disabled": True})
    assert as_(two_apps, "bea", "GET", "/v1/notifications").status == 200
    assert as_(two_apps, "bea", "POST", "/v1/notifications", MAIL).body["code"] == "app_disabled"


def test_what_is_the_whole_projects_is_for_others(two_apps):
    for path in ("/v1/webhooks", "/v1/rules", "/v1/alerts", "/v1/webhook-events"):
        refused = as_(two_apps, "sid", "GET", path)
        assert refused.status == 403 and refused.body["code"] == "app_bound", path
    assert as_(two_apps, "sid", "PUT", "/v1/layouts/frame", {}).body["code"] == "app_bound"
    assert as_(two_apps, "sid", "POST", "/v1/pauses", {"scope": {}}).body["code"] == "app_bound"
    assert as_(two_apps, "sid", "POST", "/v1/pauses", {"scope": {"app": "default"}}).status == 201
    # People are shared by the apps of a project.
    assert as_(two_apps, "sid", "PUT", "/v1/users/ann", {"email": "ann@example.test"}).status == 201
    assert as_(two_apps, "bea", "GET", "/v1/users/ann").status == 200


def test_it_holds_from_the_next_request_on_and_after_a_restart(two_apps):
    assert as_(two_apps, "cy", "GET", "/v1/notifications", app="default").status == 200
    two_apps.put("/v1/members/cy", {"grants": {"default": "sender"}, "apps": {"default": ["billing"]}})
    assert as_(two_apps, "cy", "GET", "/v1/notifications", app="default").status == 404
    two_apps.restart(kill=True)
    assert as_(two_apps, "cy", "GET", "/v1/notifications", app="default").status == 404
    put = two_apps.cli("admin", "member", "put", "cy", "--grant", "default=sender", "--app", "default=default", "--app",
                       "default=billing", "--json")
    assert put.json["apps"] == {"default": ["default", "billing"]}
    assert as_(two_apps, "cy", "GET", "/v1/notifications", app="default").status == 200
