"""Keys are made, rotated and taken away without a restart."""
MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


def status(server, auth, method="POST", path="/v1/notifications", body=None):
    return server.api(method, path, body or (MAIL if method == "POST" else None), auth=auth).status


def test_a_key_is_rotated_without_a_gap(server):
    made = server.post("/v1/apps", {"name": "shop"})
    old = (made["app_key"], made["app_secret"])
    assert status(server, old) == 202
    fresh = server.post("/v1/apps/shop/keys", {"test": False})
    new = (fresh["app_key"], fresh["app_secret"])
    assert status(server, old) == status(server, new) == 202
    server.delete(f"/v1/apps/shop/keys/{old[0]}")
    assert status(server, old) == 401 and status(server, new) == 202


def test_a_disabled_app_is_403_until_it_is_enabled(server):
    made = server.post("/v1/apps", {"name": "shop"})
    auth = (made["app_key"], made["app_secret"])
    server.patch("/v1/apps/shop", {"disabled": True})
    assert status(server, auth) == 403
    server.patch("/v1/apps/shop", {"disabled": False})
    assert status(server, auth) == 202


def test_a_secret_is_shown_once(server):
    made = server.post("/v1/apps", {"name": "shop"})
    assert made["app_secret"] not in server.api("GET", "/v1/apps/shop").text
    assert made["app_secret"] not in server.log_text()


def test_an_app_sees_only_its_own(server):
    made = server.post("/v1/apps", {"name": "shop"})
    mine = server.send(**MAIL)["id"]
    other = (made["app_key"], made["app_secret"])
    assert status(server, other, "GET", f"/v1/notifications/{mine}") == 404
    assert server.api("GET", "/v1/notifications", auth=other).body["data"] == []
    assert len(server.api("GET", "/v1/notifications", auth="app").body["data"]) == 1


def test_a_management_token_has_only_its_scopes(server):
    token = server.post("/v1/keys", {"name": "templates", "scopes": ["templates"]})["token"]
    assert server.api("GET", "/v1/templates", auth=token).status == 200
    assert server.api("GET", "/v1/apps", auth=token).status == 403
    server.delete("/v1/keys/templates")
    assert server.api("GET", "/v1/templates", auth=token).status == 401


def test_keys_survive_a_restart(server):
    made = server.post("/v1/apps", {"name": "shop"})
    server.restart(kill=True)
    assert status(server, (made["app_key"], made["app_secret"])) == 202


def test_a_test_key_does_nothing_to_what_goes_to_people(server):
    """It is in every developer's shell, and may look; what was sent with the live key is not its to change."""
    mail = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "x", "body": "y"}
    live, test = server.send(draft=True, **mail)["id"], server.send(draft=True, auth="test", **mail)["id"]
    path = f"/v1/notifications/{live}"
    assert server.api("GET", path, auth="test").status == 200
    answers = [server.api("PATCH", path, {"title": "z"}, auth="test")]
    answers += [server.api("POST", f"{path}/{verb}", auth="test") for verb in ("submit", "cancel", "pause", "resume")]
    assert {(answer.status, answer.body["code"]) for answer in answers} == {(403, "live_notification")}
    seen = server.get(path, auth="app")
    assert seen["status"] == "draft" and seen["request"]["title"] == "x"
    assert server.api("PATCH", f"/v1/notifications/{test}", {"title": "z"}, auth="test").status == 200
    assert server.api("POST", f"/v1/notifications/{test}/submit", auth="test").status == 200
    assert server.api("POST", path + "/cancel", auth="app").status == 200
