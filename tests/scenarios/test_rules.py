"""A shop posts what happened; rules decide who is told what. What no rule can send waits for a person."""
import json

import pytest

from people import only

RULE = {
    "when": {"type": "order.*", "source": "/shop",
             "conditions": {"data.order.total": {"ge": 50000}, "not": {"data.order.test": True}}},
    "send": {"template": "shipped", "category": "orders",
             "to": [{"user_id": {"from": "data.user_id"}},
                    {"each": "data.watchers", "email": {"from": "item.mail"}}],
             "params": {"item_name": {"from": "data.items.0.name"}}},
}


def event(number, user="mina", total=75000, type_="order.shipped", **data):
    return {"specversion": "1.0", "id": str(number), "source": "/shop", "type": type_,
            "data": {"user_id": user, "order": {"total": total}, "items": [{"name": "Kettle"}],
                     "watchers": [], **data}}


@pytest.fixture
def shop(server):
    server.put_user("mina", email="ok@sandbox.carillon.test")
    server.put("/v1/categories/orders", {"channels": ["email"]})
    server.put("/v1/templates/shipped", {
        "params": [{"name": "item_name", "type": "string", "required": True}],
        "content": {"en": {"title": "{{item_name}} is on its way", "body": "Thank you."}}})
    server.put("/v1/rules/big-orders", RULE)
    return server


def post(server, body, status=202, auth="app"):
    return server.expect(status, "POST", "/v1/events", body, auth=auth)


def subjects(server):
    return [m["content"]["subject"] for m in server.sandbox_messages(auth="app")]


def test_an_event_becomes_a_message_and_only_once(shop):
    [match] = post(shop, event(1, watchers=[{"mail": "ann@example.test"}]))["matched"]
    assert match["status"] == "accepted" and match["rule"] == "big-orders"
    done = shop.wait_final(match["notification_id"])
    assert done["outcome"] == "success" and len(done["deliveries"]) == 2
    assert subjects(shop) == ["Kettle is on its way"] * 2
    [again] = post(shop, event(1))["matched"]
    assert again == {"rule": "big-orders", "status": "duplicate", "notification_id": match["notification_id"]}
    assert post(shop, event(2, total=10))["matched"] == []
    assert post(shop, event(3, type_="cart.left"))["matched"] == []


def test_what_a_rule_or_schedule_names_is_not_taken_away_silently(shop):
    shop.put("/v1/groups/staff", {})
    shop.put("/v1/schedules/daily", {"cron": "0 9 * * *", "time_zone": "UTC", "notification": {
        "to": [{"group": "staff"}], "template": {"key": "shipped", "version": 1}, "category": "orders",
        "params": {"item_name": "x"}}})
    template = shop.get("/v1/templates/shipped")
    assert template["used_by"] == {"rules": ["big-orders"], "schedules": ["daily"]}
    assert "used_by" not in shop.get("/v1/templates/shipped", auth="app")
    shop.put("/v1/templates/shipped", template)  # what was read can be put back
    for method, path in (("DELETE", "/v1/templates/shipped"), ("POST", "/v1/templates/shipped/archive"),
                         ("DELETE", "/v1/categories/orders")):
        refused = shop.api(method, path)
        assert refused.status == 409 and refused.body["code"] == "in_use", (path, refused)
        assert "rule 'big-orders', schedule 'daily'" in refused.body["detail"]
    refused = shop.api("DELETE", "/v1/groups/staff")
    assert refused.status == 409 and "schedule 'daily'" in refused.body["detail"]
    assert "rule" not in refused.body["detail"]
    assert "schedule 'daily'" in shop.cli("group", "delete", "staff", code=1).err
    for i in range(12):
        shop.put(f"/v1/rules/more-{i}", {**RULE, "send": {**RULE["send"], "to": [{"group": "staff"}]}})
    assert " and 3 more; " in shop.api("DELETE", "/v1/groups/staff").body["detail"]
    shop.cli("group", "delete", "staff", "--force")
    shop.cli("template", "archive", "shipped", "--force")
    shop.cli("template", "delete", "shipped", "--force")
    shop.delete("/v1/categories/orders?force=true")
    for match in post(shop, event(1))["matched"]:
        assert match["status"] == "refused", match
        assert match["error"]["code"] in ("unknown_template", "unknown_category", "unknown_group")


def test_a_repeat_after_a_crash_is_still_a_repeat(shop):
    [match] = post(shop, event(1))["matched"]
    shop.restart(kill=True)
    [again] = post(shop, event(1))["matched"]
    assert again["status"] == "duplicate" and again["notification_id"] == match["notification_id"]
    assert [rule["key"] for rule in shop.get("/v1/rules")["data"]] == ["big-orders"]


def test_a_batch_of_events(shop):
    events = [event(n) for n in range(200)] + [event(7), {"id": "broken"}, event(900, user="nobody")]
    answer = post(shop, events)
    assert answer["summary"] == {"accepted": 201, "duplicate": 1, "refused": 1}
    assert answer["results"][201]["error"]["code"] == "required"
    assert answer["results"][202]["matched"][0]["status"] == "refused"
    shop.wait_idle()
    assert len(subjects(shop)) == 200


def test_a_rule_is_tried_before_it_is_stored(shop):
    rule = json.loads(json.dumps(RULE))
    rule["when"]["conditions"]["data.order.total"]["ge"] = 100000
    tried = shop.post("/v1/rules/bigger/test", {"rule": rule, "event": event(1)})
    [check] = [c for c in tried["conditions"]["checks"] if c["path"] == "data.order.total"]
    assert not tried["matched"] and check["value"] == 75000 and not check["holds"]
    tried = shop.post("/v1/rules/big-orders/test", {"event": event(1)})
    assert tried["matched"] and tried["explain"][0]["decision"] == "send"
    assert tried["notification"]["params"] == {"item_name": "Kettle"}
    assert subjects(shop) == [] and shop.all("/v1/notifications") == []


def test_a_rule_that_cannot_work_is_refused_with_the_place(shop):
    rule = json.loads(json.dumps(RULE))
    rule["when"]["conditions"]["data.order.total"] = {"above": 5}
    rule["send"]["params"] = {"item": {"from": "data.items.0.name"}}
    answer = shop.api("PUT", "/v1/rules/broken", rule)
    assert answer.pointers == ["/when/conditions/data.order.total/above"]
    del rule["when"]["conditions"]["data.order.total"]
    answer = shop.api("PUT", "/v1/rules/broken", rule)
    assert answer.status == 422 and set(answer.pointers) == {"/send/params/item", "/send/params/item_name"}


def test_poison_waits_for_a_person(shop):
    [match] = post(shop, event(1, user="nobody"))["matched"]
    assert match["status"] == "refused" and match["error"]["code"] == "unknown_user"
    shop.advance("48h")
    shop.restart()
    assert shop.all("/v1/notifications") == []  # nothing tried it again
    [letter] = shop.all("/v1/dead-letters")
    assert letter["kind"] == "event" and letter["id"] == match["dead_letter_id"] and not letter["closed"]
    shown = shop.get(f"/v1/dead-letters/{letter['id']}")
    assert shown["event"] == event(1, user="nobody") and shown["rule"] == "big-orders"
    job = shop.post("/v1/dead-letters/replay", {
        "ids": [letter["id"]], "changes": {"event": {"data": {"user_id": "mina"}}}})
    assert job["done"] == 1 and job["failed"] == 0
    shop.wait_idle()
    assert subjects(shop) == ["Kettle is on its way"]
    assert shop.get(f"/v1/dead-letters/{letter['id']}")["closed"]
    entry = shop.all("/v1/audit")[0]
    assert entry["action"] == "event.replay" and entry["object"] == letter["id"]
    assert post(shop, event(1, user="nobody"))["matched"][0]["status"] == "duplicate"


def test_what_is_mended_elsewhere_is_replayed_as_it_was(shop):
    post(shop, event(1, user="jun"))
    shop.put_user("jun", email="ok@sandbox.carillon.test")
    job = shop.post("/v1/dead-letters/replay", {"filter": {"kind": "event", "rule": "big-orders"}})
    assert job["done"] == 1
    shop.wait_idle()
    assert subjects(shop) == ["Kettle is on its way"]


def test_the_command_line_does_it_all(shop, tmp_path):
    def file(name, content):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path
    rule = file("rule.json", {"key": "second", "position": 5, **RULE})
    assert shop.cli("rule", "put", rule, "--json").json["key"] == "second"
    listed = shop.cli("rule", "list").out
    assert "second" in listed and "big-orders" in listed
    assert shop.cli("rule", "get", "second", "--json").json["send"] == RULE["send"]
    good, bad = file("good.json", event(1)), file("bad.json", event(2, user="nobody"))
    tried = shop.cli("rule", "test", "second", "--event", good).out
    assert "is for this event" in tried and "It would send" in tried
    tried = shop.cli("rule", "test", "second", "--event", bad).out
    assert "dead letter" in tried
    shop.cli("rule", "delete", "second")
    assert "accepted" in shop.cli("send", "--event", good).out
    assert "refused" in shop.cli("send", "--event", bad, code=1).out
    letter = shop.cli("dlq", "list", "--json").json["data"][0]["id"]
    assert "nobody" in shop.cli("dlq", "show", letter).out
    change = file("change.json", {"data": {"user_id": "mina"}})
    assert shop.cli("dlq", "replay", "--id", letter, "--event", change, "--json").json["done"] == 1


def test_a_rule_may_be_for_all_that_comes_from_one_place(shop):
    send = {"to": [{"user_id": "mina"}], "channels": ["email"], "title": "x", "body": "y"}
    refused = shop.api("PUT", "/v1/rules/till", {"when": {"conditions": {"data.n": 1}}, "send": send})
    assert refused.status == 422 and refused.pointers == ["/when/type"]
    shop.put("/v1/rules/till", {"when": {"source": "/till/*"}, "send": send})
    event = {"specversion": "1.0", "id": "7", "source": "/till/3", "type": "anything.at.all"}
    assert only(shop.post("/v1/events", event, auth="app")["matched"])["rule"] == "till"
    assert shop.post("/v1/events", {**event, "source": "/mill"}, auth="app")["matched"] == []
    looked = shop.post("/v1/rules/till/test", {"event": event})
    assert looked["matched"] and looked["type"] == {"wanted": [], "value": "anything.at.all", "holds": True}


def test_letters_are_found_among_many(shop):
    """Which ones, before they are sent again: the filter of a replay looks, too."""
    for key, field in (("first", "a"), ("second", "b")):
        shop.put(f"/v1/rules/{key}", {"when": {"type": key}, "send": {
            "to": [{"email": {"from": f"data.{field}"}}], "channels": ["email"], "title": "x", "body": "y"}})
    for n in range(3):
        for key in ("first", "second"):
            shop.post("/v1/events", {"specversion": "1.0", "id": str(n), "source": "/s", "type": key,
                                     "data": {"a": "no address"}}, auth="app")

    def found(query):
        return [(entry["rule"], entry["event"]["id"]) for entry in shop.all(f"/v1/dead-letters?{query}")]

    assert found("rule=second") == [("second", "2"), ("second", "1"), ("second", "0")]
    assert found("kind=event&reason=invalid_email") == [("first", "2"), ("first", "1"), ("first", "0")]
    assert found("kind=delivery") == found("channel=sms") == found("until=2020-01-01T00:00:00Z") == []
    page = shop.get("/v1/dead-letters?rule=first&limit=2")
    assert len(page["data"]) == 2
    rest = shop.get(f"/v1/dead-letters?rule=first&limit=2&after={page['page']['next']}")
    assert [entry["event"]["id"] for entry in rest["data"]] == ["0"] and rest["page"]["next"] is None
    checks = shop.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{shop.port}").json["checks"]
    told = {check["check"]: check["detail"] for check in checks}
    assert told["dead letters, events"].startswith("6 ")
    shop.post("/v1/dead-letters/replay", {"filter": {"rule": "first"},
                                          "changes": {"event": {"data": {"a": "ok@sandbox.carillon.test"}}}})
    assert found("closed=false") == found("rule=second") and found("closed=true") == found("rule=first")
    listed = shop.cli("dlq", "list", "--rule", "first", "--closed", "true", "--json").json["data"]
    assert [entry["rule"] for entry in listed] == ["first"] * 3
    for wrong in ("kind=letter", "channel=fax", "closed=maybe", "from=x"):
        assert shop.api("GET", f"/v1/dead-letters?{wrong}").pointers == ["?" + wrong.split("=")[0]]
    assert shop.api("GET", "/v1/dead-letters?x=1").body["code"] == "unknown_parameter"
