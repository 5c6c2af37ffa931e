"""Every mistake a caller can make is answered with a problem that names the field, and harms nothing else."""
import pytest

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


@pytest.fixture
def shop(server):
    server.put_user("mina", email="mina@example.test")
    server.put("/v1/templates/shipped?publish=true", {
        "default_locale": "en", "params": [{"name": "order", "type": "string", "required": True}],
        "content": {"en": {"title": "Order {{order}}", "body": "{{order}} left."}}})
    return server


def with_template(**params):
    return {"to": [{"user_id": "mina"}], "channels": ["email"], "template": "shipped", "params": params}


@pytest.mark.parametrize("status, pointer, code, body", [
    (400, "/colour", "unknown_field", {**MAIL, "colour": "red"}),
    (400, "/to/0/mail", "unknown_field", {**MAIL, "to": [{"mail": "ann@example.test"}]}),
    (400, "/title", "wrong_type", {**MAIL, "title": 7}),
    (400, "/to", "wrong_type", {**MAIL, "to": "ann@example.test"}),
    (422, "/to", "missing_recipient", {**MAIL, "to": []}),
    (422, "/to/0/phone", "invalid_phone", {**MAIL, "to": [{"phone": "12"}], "channels": ["sms"]}),
    (422, "/to/0/email", "invalid_email", {**MAIL, "to": [{"email": "ann@"}]}),
    (422, "/to/1/user_id", "unknown_user", {**MAIL, "to": [{"user_id": "mina"}, {"user_id": "nobody"}]}),
    (422, "/template", "unknown_template", {"to": [{"user_id": "mina"}], "channels": ["email"], "template": "no_such"}),
    (422, "/category", "unknown_category", {**MAIL, "category": "no_such"}),
    (422, "/params/order", "missing_parameter", with_template()),
    (422, "/params/colour", "undeclared_parameter", with_template(order="A-17", colour="red")),
    (422, "/params/order", "invalid_parameter", with_template(order=17)),
    (422, "", "missing_content", {"to": MAIL["to"], "channels": ["email"]}),
    (422, "", "missing_subject", {"to": MAIL["to"], "channels": ["email"], "body": "y"}),
    (422, "/channels/0", "invalid_channel", {**MAIL, "channels": ["pigeon"]}),
    (422, "/to", "too_many_recipients", {**MAIL, "to": [{"email": f"u{n}@example.test"} for n in range(1001)]}),
    (422, "/ttl", "invalid_duration", {**MAIL, "ttl": "soon"}),
    (422, "/send_at", "invalid_send_at", {**MAIL, "send_at": "tomorrow"}),
    (422, "/priority", "invalid_choice", {**MAIL, "priority": "urgent"}),
], ids=lambda value: value if isinstance(value, str) and not value.startswith("/") else None)
def test_a_mistake_is_named(shop, status, pointer, code, body):
    before = shop.accountability()["accepted"]
    answer = shop.api("POST", "/v1/notifications", body, auth="app")
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.body["status"] == status and answer.body["title"] and answer.body["request_id"]
    errors = answer.body["errors"]
    assert any(e["code"] == code and e["pointer"].startswith(pointer) and e["detail"] for e in errors), errors
    assert shop.accountability()["accepted"] == before


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b'{"a":1}{', b"\xff\xfe", b'{"to":[],"to":[]}'])
def test_what_is_not_json_is_400(server, body):
    answer = server.api("POST", "/v1/notifications", body, auth="app", headers={"Content-Type": "application/json"})
    assert answer.status == 400 and answer.body["code"] == "not_json"


def test_a_body_over_the_limit_is_413(server):
    assert server.api("POST", "/v1/notifications", {**MAIL, "body": "x" * (256 * 1024)}, auth="app").status == 413


@pytest.mark.parametrize("auth", [None, ("ck_live_nobody", "wrong"), "mt_wrong"])
def test_a_wrong_key_is_401(server, auth):
    answer = server.api("POST", "/v1/notifications", MAIL, auth=auth)
    assert answer.status == 401 and answer.headers["www-authenticate"]


def test_the_right_key_with_the_wrong_secret_is_401(server):
    assert server.api("POST", "/v1/notifications", MAIL, auth=(server.app[0], "wrong")).status == 401


def test_unknown_paths_methods_and_ids(server):
    assert server.api("GET", "/v1/no_such_thing").status == 404
    wrong_method = server.api("DELETE", "/v1/notifications")
    assert wrong_method.status == 405 and "POST" in wrong_method.headers["allow"]
    for path in ("/v1/notifications/ntf_0000000000000", "/v1/deliveries/dlv_0000000000000", "/v1/users/nobody"):
        assert server.api("GET", path).status == 404, path


def test_an_app_key_may_not_administer(server):
    assert server.api("PUT", "/v1/categories/news", {}, auth="app").status == 403


def test_one_bad_item_of_a_batch_harms_only_itself(shop):
    items = [{**MAIL, "event_id": f"e{n}"} for n in range(5)]
    items[1] = {**MAIL, "event_id": "e1", "to": [{"email": "ann@"}]}
    items[3] = {**MAIL, "event_id": "e0", "title": "another body"}
    items.append({**MAIL, "event_id": "e0"})
    answer = shop.api("POST", "/v1/notifications/batch", {"notifications": items}, auth="app")
    assert answer.status == 202
    assert answer.body["summary"] == {"accepted": 3, "duplicate": 1, "refused": 2}
    results = answer.body["results"]
    assert [r["index"] for r in results] == list(range(6))
    assert results[1]["error"]["errors"][0]["pointer"] == "/to/0/email"
    assert results[3]["error"]["code"] == "event_id_reused"
    assert results[5]["id"] == results[0]["id"]


def test_a_batch_of_1001_is_refused_whole(server):
    items = [{**MAIL, "event_id": f"e{n}"} for n in range(1001)]
    answer = server.api("POST", "/v1/notifications/batch", {"notifications": items}, auth="app")
    assert answer.status in (413, 422), answer
    assert server.accountability()["accepted"] == 0


def test_unknown_users_may_be_skipped(shop):
    sent = shop.send(to=[{"user_id": "mina"}, {"user_id": "nobody"}], channels=["email"], title="x", body="y",
                     on_unknown="skip")
    assert sent["recipients"] == {"total": 2, "reached": 1, "suppressed": 1}
    reasons = {d["reason"] for d in shop.wait_final(sent["id"])["deliveries"]}
    assert "unknown_user" in reasons


def test_every_code_met_here_is_documented(shop):
    problem = shop.api("POST", "/v1/notifications", {**MAIL, "colour": "red"}, auth="app").body
    assert problem["type"]
    page = shop.api("GET", "/docs/errors", auth=None)
    assert page.status == 200 and "unknown_field" in page.text
