"""Two projects share nothing; people have a role in each, and what is not theirs is not there."""
import pytest
from people import only


def in_project(server, project, method, path, body=None, auth="token", **more):
    return server.api(method, path, body, auth=auth, headers={"Carillon-Project": project, **more})


@pytest.fixture
def two(server):
    """A server with a project "staging" beside the default one, and an app in each: `server.apps`."""
    assert server.api("PUT", "/v1/projects/staging", {"name": "Shop, staging"}).status == 201
    server.apps = {}
    for project in ("default", "staging"):
        made = in_project(server, project, "POST", "/v1/apps", {"name": "shop"})
        assert made.status == 201, made
        server.apps[project] = (made.body["app_key"], made.body["app_secret"])
        server.apps[project + " test"] = (made.body["test_app_key"], made.body["test_app_secret"])
    return server


def member(server, key, **grants):
    server.put(f"/v1/members/{key}", {"name": key.title(), "grants": {k.replace("every", "*"): v
                                                                      for k, v in grants.items()}})
    return server.post(f"/v1/members/{key}/tokens", {"name": "laptop"})["token"]


def test_projects_are_made_named_and_listed(server):
    assert server.api("PUT", "/v1/projects/staging", {"name": "Staging"}).status == 201
    assert server.api("PUT", "/v1/projects/staging", {"name": "Staging 2"}).status == 200
    assert [(p["key"], p["name"]) for p in server.get("/v1/projects")["data"]] == [
        ("default", ""), ("staging", "Staging 2")]
    server.restart(kill=True)
    assert server.get("/v1/projects/staging")["name"] == "Staging 2"
    assert server.api("GET", "/v1/projects/elsewhere").status == 404
    assert server.api("PUT", "/v1/projects/A%20B", {}).body["code"] == "invalid_key"
    assert server.api("PUT", "/v1/projects/x", {"key": "y"}).body["errors"][0]["pointer"] == "/key"
    assert server.api("PUT", "/v1/projects/x", {}, auth="app").status == 403


def test_two_projects_share_nothing(two):
    for project in ("default", "staging"):
        in_project(two, project, "PUT", "/v1/users/ann", {"email": f"ann@{project}.test"})
    assert two.get("/v1/users/ann", auth=two.apps["default"])["email"] == "ann@default.test"
    assert two.get("/v1/users/ann", auth=two.apps["staging"])["email"] == "ann@staging.test"
    in_project(two, "staging", "PUT", "/v1/categories/only-here", {})
    refused = two.api("POST", "/v1/notifications", {"to": [{"user_id": "ann"}], "category": "only-here",
                                                   "channels": ["email"], "title": "x", "body": "y"},
                      auth=two.apps["default"])
    assert refused.status == 422 and refused.pointers == ["/category"]
    sent = two.expect(202, "POST", "/v1/notifications",
                      {"event_id": "e1", "to": [{"user_id": "ann"}], "category": "only-here",
                       "channels": ["email"], "title": "x", "body": "y"}, auth=two.apps["staging test"])
    path = f"/v1/notifications/{sent['id']}"
    # The same event id means nothing in the other project, and the notification is not there.
    assert two.api("GET", path, auth=two.apps["default"]).status == 404
    assert two.api("GET", path).status == 404
    assert in_project(two, "staging", "GET", path).status == 200
    assert two.get("/v1/notifications?event_id=e1", auth=two.apps["default"])["data"] == []
    [message] = two.get("/v1/sandbox/messages", auth=two.apps["staging test"])["data"]
    assert message["to"] == "ann@staging.test"
    assert two.get("/v1/sandbox/messages", auth=two.apps["default test"])["data"] == []
    # What belongs to the app of one project is refused in the other.
    two.delete(f"/v1/apps/shop/keys/{two.apps['default'][0]}")
    assert two.api("GET", "/v1/limits", auth=two.apps["default"]).status == 401
    assert two.api("GET", "/v1/limits", auth=two.apps["staging"]).status == 200


def test_settings_and_the_trail_are_each_project_s_own(two):
    in_project(two, "staging", "PATCH", "/v1/settings", {"locale": "ko"})
    assert two.get("/v1/settings")["locale"] == "en"
    assert in_project(two, "staging", "GET", "/v1/settings").body["locale"] == "ko"
    trail = in_project(two, "staging", "GET", "/v1/audit").body["data"]
    assert [entry["action"] for entry in trail] == ["settings.create", "app.create"]
    assert "settings.create" not in [entry["action"] for entry in two.get("/v1/audit")["data"]]


def test_roles_are_what_they_say(two):
    viewer, sender = member(two, "vera", default="viewer"), member(two, "sam", default="sender")
    boss = member(two, "bo", default="administrator")
    send = {"to": [{"email": "a@example.test"}], "channels": ["email"], "title": "x", "body": "y"}
    for token, may_send, may_administer in ((viewer, 403, 403), (sender, 202, 403), (boss, 202, 200)):
        assert two.api("GET", "/v1/notifications", auth=token).status == 200
        assert two.api("GET", "/v1/integrations", auth=token).status == 200
        assert two.api("POST", "/v1/notifications", send, auth=token).status == may_send
        assert two.api("PATCH", "/v1/apps/shop", {"rate_limit": 9}, auth=token).status == may_administer
        assert two.api("GET", "/v1/audit", auth=token).status == may_administer
        # Nobody of a project administers the installation.
        assert two.api("GET", "/v1/members", auth=token).status == 403
        assert two.api("PUT", "/v1/projects/more", {}, auth=token).status == 403
        assert two.api("GET", "/v1/audit?installation=true", auth=token).status == 403
    told = only(two.get("/v1/audit?actor=member:bo&action=app")["data"])
    assert told["object"] == "shop" and told["detail"]["changes"][0]["after"] == 9


def test_what_is_not_granted_is_not_there(two):
    token = member(two, "sam", staging="sender")
    assert [p["key"] for p in two.get("/v1/projects", auth=token)["data"]] == ["staging"]
    assert two.api("GET", "/v1/projects/default", auth=token).status == 404
    # Without a header it is the project the member has.
    assert two.api("GET", "/v1/apps", auth=token).status == 200
    elsewhere = in_project(two, "default", "GET", "/v1/apps", auth=token)
    unknown = in_project(two, "nowhere", "GET", "/v1/apps", auth=token)
    assert (elsewhere.status, elsewhere.body["code"]) == (unknown.status, unknown.body["code"]) == (
        404, "unknown_project")
    nothing = member(two, "zoe", default="viewer")
    two.put("/v1/members/zoe", {"grants": {}})
    assert two.api("GET", "/v1/apps", auth=nothing).status == 404


def test_tokens_end_with_what_they_stand_for(two):
    token = member(two, "ann", every="administrator")
    assert two.api("GET", "/v1/members", auth=token).status == 200
    assert token not in str(two.get("/v1/members/ann"))
    again = two.api("POST", "/v1/members/ann/tokens", {"name": "laptop"})
    assert again.status == 409 and again.body["code"] == "already_exists"
    phone = two.post("/v1/members/ann/tokens", {"name": "phone"})["token"]
    two.delete("/v1/members/ann/tokens/laptop")
    assert two.api("GET", "/v1/members", auth=token).status == 401
    two.put("/v1/members/ann", {"grants": {"*": "administrator"}, "disabled": True})
    assert two.api("GET", "/v1/members", auth=phone).body["code"] == "member_disabled"
    two.put("/v1/members/ann", {"grants": {"*": "viewer"}})
    assert two.api("GET", "/v1/apps", auth=phone).status == 200
    assert two.api("GET", "/v1/members", auth=phone).status == 403
    two.restart(kill=True)
    two.delete("/v1/members/ann")
    assert two.api("GET", "/v1/apps", auth=phone).status == 401
    assert two.api("GET", "/v1/members/ann").status == 404
    actions = [e["action"] for e in two.all("/v1/audit?installation=true&object=ann")]
    assert actions[0] == "member.delete" and actions[-1] == "member.create"


def test_who_submitted_a_send_cannot_approve_it_with_another_token(two):
    first = member(two, "ann", default="sender")
    second = two.post("/v1/members/ann/tokens", {"name": "phone"})["token"]
    other, boss = member(two, "ben", default="sender"), member(two, "bo", default="administrator")
    two.put("/v1/categories/news", {"approval_over": 1, "channels": ["email"]})
    for user in ("u1", "u2"):
        two.put_user(user, email=f"{user}@example.test")
    two.post("/v1/notifications", {"to": [{"user_id": "u1"}, {"user_id": "u2"}], "category": "news",
                                   "title": "x", "body": "y"}, auth=first)
    waiting = only(two.get("/v1/approvals")["data"])
    assert waiting["submitted_by"] == "member:ann"
    approve = f"/v1/approvals/{waiting['id']}/approve"
    assert two.get("/v1/approvals", auth=other)["data"] == [waiting], "to be seen by all"
    # A large send needs an administrator's word: two senders do not let each other's through.
    for sender in (first, second, other):
        assert two.api("POST", approve, auth=sender).body["code"] == "missing_scope"
    two.put("/v1/members/ann", {"grants": {"default": "administrator"}})
    assert two.api("POST", approve, auth=second).body["code"] == "own_submission"
    assert two.api("POST", approve, auth=boss).status == 200


def test_a_management_token_may_be_for_some_projects_only(two):
    token = two.post("/v1/keys", {"name": "staging-ops", "scopes": ["admin"], "projects": ["staging"]})["token"]
    assert in_project(two, "staging", "GET", "/v1/apps", auth=token).status == 200
    assert two.api("PATCH", "/v1/apps/shop", {"rate_limit": 3}, auth=token).status == 200
    assert in_project(two, "staging", "GET", "/v1/apps/shop").body["rate_limit"] == 3
    assert two.get("/v1/apps/shop")["rate_limit"] == 0
    assert in_project(two, "default", "GET", "/v1/apps", auth=token).status == 404
    assert two.api("GET", "/v1/keys", auth=token).status == 403
    assert two.api("POST", "/v1/keys", {"name": "x", "scopes": ["admin"]}, auth=token).status == 403
    refused = two.api("POST", "/v1/keys", {"name": "y", "scopes": ["admin"], "projects": ["nowhere"]})
    assert refused.pointers == ["/projects/0"]


def test_the_command_line_does_all_of_it(server):
    server.cli("admin", "project", "put", "staging", "--name", "Staging")
    assert [p["key"] for p in server.cli("admin", "project", "list", "--json").json["data"]] == [
        "default", "staging"]
    server.cli("app", "create", "web", "--project", "staging")
    assert [a["name"] for a in server.cli("app", "list", "--project", "staging", "--json").json["data"]] == ["web"]
    server.cli("admin", "member", "put", "ann", "--name", "Ann", "--grant", "staging=sender", "--grant", "*=viewer")
    token = server.cli("admin", "member", "token", "ann", "laptop", "--json").json["token"]
    assert server.api("GET", "/v1/apps", auth=token).status == 200
    server.stop()
    server.cli("admin", "member", "revoke-token", "ann", "laptop")
    listed = server.cli("admin", "member", "list", "--json").json["data"]
    assert only(m for m in listed if m["key"] == "ann")["grants"] == {"*": "viewer", "staging": "sender"}
    server.start()
    assert server.api("GET", "/v1/apps", auth=token).status == 401
    assert server.cli("app", "list", "--project", "nowhere", code=1)


@pytest.mark.parametrize("body, pointer", [
    ({"grants": {"nowhere": "viewer"}}, "/grants/nowhere"),
    ({"grants": {"default": "king"}}, "/grants/default"),
    ({"grants": []}, "/grants"),
    ({}, "/grants"),
    ({"grants": {}, "email": "nobody"}, "/email"),
    ({"grants": {}, "role": "x"}, "/role"),
])
def test_what_is_wrong_is_said(server, body, pointer):
    answer = server.api("PUT", "/v1/members/ann", body)
    assert answer.status in (400, 422) and pointer in answer.pointers, answer
    assert server.api("GET", "/v1/members/ann").status == 404
