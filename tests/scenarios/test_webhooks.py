"""Our own server is told what becomes of what we send: signed, again until it answers, and never lost."""
import base64
import json
import re
import shutil
import subprocess

import harness
import hooks
import pytest

MAIL = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "Hello", "body": "x"}


@pytest.fixture
def shop(make_server):
    return make_server(hooks.HERE)


def subscribe(server, receiver, *events, key="shop", **more):
    """Makes the webhook; its secret."""
    return server.expect(201, "PUT", f"/v1/webhooks/{key}", {"url": receiver.url, "events": list(events) or ["*"],
                                                             **more})["secret"]


def log(server, **filters):
    query = "&".join(f"{k}={v}" for k, v in filters.items())
    return server.get(f"/v1/webhooks/shop/deliveries?{query}")["data"]


def test_a_send_is_told_signed(shop):
    with hooks.receiver() as receiver:
        secret = subscribe(shop, receiver, "delivery.*", "notification.completed")
        sent = shop.send(**MAIL, event_id="order-7", metadata={"order": "7"}, tags=["shipping"])
        [told] = receiver.wait("delivery.sent")
        [delivery] = shop.wait_final(sent["id"])["deliveries"]
        assert told["project"] == "default" and told["id"].startswith("evt_") and told["timestamp"]
        data = told["data"]
        assert (data["delivery_id"], data["notification_id"]) == (delivery["id"], sent["id"])
        assert (data["channel"], data["status"], data["category"], data["app"]) == ("email", "sent", "general",
                                                                                  "default")
        assert (data["event_id"], data["metadata"], data["tags"]) == ("order-7", {"order": "7"}, ["shipping"])
        assert data["sandbox"] is True and "ok@sandbox" not in json.dumps(receiver.events())
        headers, raw = receiver.got[0]
        assert hooks.signed(secret, headers, raw) and headers["webhook-id"] == json.loads(raw)["id"]
        assert not hooks.signed("whsec_" + "A" * 43 + "=", headers, raw)
        [done] = receiver.wait("notification.completed")
        assert (done["data"]["outcome"], done["data"]["deliveries"]) == ("success", {"sent": 1})
        assert secret not in json.dumps([shop.get("/v1/webhooks"), shop.all("/v1/audit")]) + shop.log_text()


def test_a_failure_is_tried_again_under_the_same_id(shop):
    with hooks.receiver() as receiver:
        receiver.answer = 503
        subscribe(shop, receiver, "delivery.sent")
        shop.send(**MAIL)
        [told] = receiver.wait("delivery.sent")
        [row] = harness.wait_until(lambda: [r for r in log(shop, status="waiting") if r["tries"] == 1],
                                   lambda: log(shop))
        assert (row["id"], row["answered"], row["error"]) == (told["id"], 503, "it answered 503")
        receiver.answer = 204
        shop.advance("7s")
        [row] = harness.wait_until(lambda: log(shop, status="delivered"), lambda: log(shop))
        assert row["tries"] == 2 and row["next_try_at"] is None
        first, second = receiver.got
        assert first[0]["webhook-id"] == second[0]["webhook-id"] == told["id"] and first[1] == second[1]
        whole = shop.get(f"/v1/webhooks/shop/deliveries/{told['id']}")
        assert [(t["answered"], t["answer"]) for t in whole["attempts"]] == [(503, "said so"), (204, None)]
        assert whole["event"] == told


def test_what_is_given_up_is_told_again_when_asked(shop):
    with hooks.receiver() as receiver:
        receiver.answer = lambda event: 500 if event["data"]["channel"] == "email" else 204
        subscribe(shop, receiver, "delivery.sent")
        # Something is taken now and then, so that the webhook is not switched off.
        other = {"to": [{"phone": "+999000000001"}], "channels": ["sms"], "body": "x"}
        shop.send(**MAIL)
        shop.send(**other)
        for tries in range(1, 9):
            harness.wait_until(lambda: [r for r in log(shop, status="waiting") if r["tries"] == tries],  # noqa: B023
                               lambda: log(shop))
            shop.send(**other)
            harness.wait_until(lambda: len(log(shop, status="delivered")) == tries + 1, lambda: log(shop))  # noqa: B023
            shop.advance("12h" if tries > 5 else "3h")
        [failed] = harness.wait_until(lambda: log(shop, status="failed"), lambda: log(shop))
        assert failed["tries"] == 9 and shop.get("/v1/webhooks/shop")["backlog"]["failed"] == 1
        receiver.answer = 204
        job = shop.expect(202, "POST", "/v1/webhooks/shop/replay", {"status": "failed"})
        harness.wait_until(lambda: shop.get(f"/v1/jobs/{job['id']}")["state"] == "completed",
                           lambda: shop.get(f"/v1/jobs/{job['id']}"))
        harness.wait_until(lambda: not log(shop, status="failed") and not log(shop, status="waiting"),
                           lambda: log(shop))
        assert receiver.events()[-1]["id"] == failed["id"]
        job = shop.expect(202, "POST", "/v1/webhooks/shop/replay", {"ids": [failed["id"], "evt_0000000000000"]})
        assert (job["state"], job["done"], job["failed"]) == ("completed", 1, 1)
        harness.wait_until(lambda: [e["id"] for e in receiver.events()].count(failed["id"]) == 11,
                           lambda: len(receiver.got))


def test_a_new_server_is_told_what_happened_before(shop):
    with hooks.receiver() as receiver, hooks.receiver() as late:
        subscribe(shop, receiver, "delivery.*")
        shop.send(**MAIL)
        [told] = receiver.wait("delivery.sent")
        subscribe(shop, late, "delivery.*", key="late")
        shop.expect(202, "POST", "/v1/webhooks/late/replay", {"status": "all"})
        assert late.wait("delivery.sent")[0]["id"] == told["id"]


def test_a_server_that_hangs_holds_up_no_other(shop):
    with hooks.receiver() as slow, hooks.receiver() as quick:
        slow.open.clear()
        subscribe(shop, slow, "delivery.sent", key="slow", max_in_flight=4)
        subscribe(shop, quick, "delivery.sent", key="quick")
        shop.put("/v1/webhooks/dead", {"url": "http://127.0.0.1:9/", "events": ["delivery.sent"]})
        for _ in range(20):
            shop.send(**MAIL)
        quick.wait("delivery.sent", 20)
        harness.wait_until(lambda: len(slow.got) == 4, lambda: len(slow.got))
        shop.restart()  # which waits for no answer: what was under way is posted again
        slow.open.set()
        slow.wait("delivery.sent", 20)


def test_an_old_secret_signs_too_for_a_day(shop):
    with hooks.receiver() as receiver:
        old = subscribe(shop, receiver, "delivery.sent")
        new = shop.post("/v1/webhooks/shop/rotate")["secret"]
        assert new != old and new.startswith("whsec_")
        shop.send(**MAIL)
        receiver.wait("delivery.sent")
        assert hooks.signed(old, *receiver.got[0]) and hooks.signed(new, *receiver.got[0])
        shop.advance("25h")
        shop.send(**MAIL)
        receiver.wait("delivery.sent", 2)
        assert not hooks.signed(old, *receiver.got[1]) and hooks.signed(new, *receiver.got[1])
        leaked = shop.post("/v1/webhooks/shop/rotate", {"keep_previous": "0s"})
        assert leaked["previous_secret_until"] is None
        shop.send(**MAIL)
        receiver.wait("delivery.sent", 3)
        assert not hooks.signed(new, *receiver.got[2]) and hooks.signed(leaked["secret"], *receiver.got[2])


def test_a_server_that_wants_no_more_is_switched_off_and_resumed(shop):
    with hooks.receiver() as receiver:
        receiver.answer = 410
        subscribe(shop, receiver, "delivery.sent")
        shop.send(**MAIL)
        off = harness.wait_until(lambda: (w := shop.get("/v1/webhooks/shop"))["state"] == "switched_off" and w,
                                 lambda: shop.get("/v1/webhooks/shop"))
        assert "410" in off["paused"]
        [alert] = harness.wait_until(lambda: shop.get("/v1/alerts?kind=webhook_switched_off&state=open")["data"],
                                     "the alert")
        assert alert["subject"] == "shop"
        shop.send(**MAIL)
        harness.wait_until(lambda: len(log(shop, status="waiting")) == 2, lambda: log(shop))
        assert len(receiver.got) == 1
        receiver.answer = 204
        assert shop.post("/v1/webhooks/shop/resume")["state"] == "ready"
        harness.wait_until(lambda: len(log(shop, status="delivered")) == 2, lambda: log(shop))
        harness.wait_until(lambda: not shop.get("/v1/alerts?kind=webhook_switched_off&state=open")["data"],
                           "the end of the alert")


def test_nothing_but_failures_for_eight_hours_switches_it_off(shop):
    with hooks.receiver() as receiver:
        receiver.answer = 302  # not followed
        subscribe(shop, receiver, "delivery.sent")
        shop.send(**MAIL)
        for count, pause in enumerate(("10s", "1m", "7m", "40m", "3h", "7h"), start=1):
            harness.wait_until(lambda: [r for r in log(shop, status="waiting") if r["tries"] == count],  # noqa: B023
                               lambda: log(shop))
            assert shop.get("/v1/webhooks/shop")["failing_since"]
            shop.advance(pause)
        harness.wait_until(lambda: shop.get("/v1/webhooks/shop")["state"] == "switched_off",
                           lambda: shop.get("/v1/webhooks/shop"))
        assert "redirects are not followed" in log(shop)[0]["error"]
        assert [e["action"] for e in shop.all("/v1/audit")].count("webhook.switch_off") == 1


def test_a_pause_keeps_what_happens(shop):
    with hooks.receiver() as receiver:
        subscribe(shop, receiver, "delivery.sent")
        assert shop.post("/v1/webhooks/shop/pause", {"reason": "moving"})["paused"] == "moving"
        sent = shop.send(**MAIL)
        shop.wait_final(sent["id"])
        assert shop.get("/v1/webhooks/shop")["backlog"]["waiting"] == 1 and receiver.got == []
        shop.restart()
        shop.post("/v1/webhooks/shop/resume")
        receiver.wait("delivery.sent")


@pytest.mark.parametrize("place, posts", [("webhook.before_post", 1), ("webhook.after_post", 2)])
def test_a_crash_loses_nothing_and_repeats_under_the_same_id(make_server, place, posts):
    with hooks.receiver() as receiver:
        shop = make_server(hooks.HERE)
        subscribe(shop, receiver, "delivery.sent")
        shop.stop()
        shop.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:1"}
        shop.start()
        shop.send(**MAIL)
        harness.wait_until(lambda: not shop.is_running(), "the crash")
        shop._reap()
        shop.environment = {}
        shop.start()
        harness.wait_until(lambda: log(shop, status="delivered"), lambda: log(shop))
        assert len(receiver.got) == posts
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_kills_under_load_lose_no_event(shop):
    with hooks.receiver() as receiver:
        subscribe(shop, receiver, "delivery.sent", "notification.completed")
        sent = []
        for _ in range(5):
            many = [{**MAIL, "metadata": {"n": str(n)}} for n in range(100)]
            answer = shop.expect(202, "POST", "/v1/notifications/batch", {"notifications": many}, auth="app")
            sent += [result["id"] for result in answer["results"]]
            got = len(receiver.got)
            harness.wait_until(lambda: len(receiver.got) > got + 20, lambda: len(receiver.got))  # noqa: B023
            shop.restart(kill=True)
        for kind in ("delivery.sent", "notification.completed"):
            told = receiver.wait(kind, len(sent))
            assert sorted(event["data"]["notification_id"] for event in told) == sorted(sent)


def test_a_private_address_is_neither_configured_nor_called(server):
    with hooks.receiver() as receiver:
        for url in (receiver.url, receiver.url.replace("http:", "https:"), "https://10.0.0.1/", "https://[::1]/",
                    "ftp://shop.example.com/", "nonsense"):
            refused = server.expect(422, "PUT", "/v1/webhooks/shop", {"url": url, "events": ["*"]})
            assert [(e["pointer"], e["code"]) for e in refused["errors"]] == [("/url", "invalid_webhook_url")]
        server.put("/v1/webhooks/shop", {"url": receiver.url.replace("http://127.0.0.1", "https://localhost"),
                                         "events": ["*"]})
        report = server.post("/v1/webhooks/shop/test")
        assert report["ok"] is False and report["status"] is None
        assert receiver.got == []


def test_a_test_says_what_came_back(shop):
    with hooks.receiver() as receiver:
        secret = subscribe(shop, receiver, "delivery.dead")
        report = shop.post("/v1/webhooks/shop/test")
        assert (report["ok"], report["status"]) == (True, 204)
        [event] = receiver.events("webhook.test")
        assert hooks.signed(secret, *receiver.got[0]) and event["project"] == "default"
        receiver.answer = 500
        report = shop.post("/v1/webhooks/shop/test")
        assert (report["ok"], report["status"], report["detail"]) == (False, 500, "it answered 500")
        assert log(shop) == []


def test_people_devices_preferences_and_suppressions_are_told(shop):
    with hooks.receiver() as receiver:
        subscribe(shop, receiver)
        shop.put("/v1/users/ann", {"email": "ann@example.test"})
        shop.put("/v1/users/ann/devices/phone", {"platform": "ios", "bundle": "com.example",
                                                 "endpoints": [{"service": "apns", "token": "test-ok"}]})
        [new] = receiver.wait("device.registered")
        assert new["data"] == {"user_id": "ann", "device_id": "phone", "platform": "ios", "bundle": "com.example"}
        shop.put("/v1/users/ann/preferences", {"preferences": [{"channel": "email", "category": "*",
                                                                "opt_in": False}]})
        [change] = receiver.wait("preference.changed")
        assert change["data"]["changes"]["preferences"][0]["opt_in"] is False
        sent = shop.send(to=[{"user_id": "ann"}], channels=["email"], title="x", body="y")
        [refused] = receiver.wait("delivery.suppressed")
        assert refused["data"]["notification_id"] == sent["id"] and refused["data"]["reason"] == "opted_out"
        assert receiver.wait("notification.completed")[0]["data"]["outcome"] == "none"
        shop.delete("/v1/users/ann")
        assert receiver.wait("device.removed")[0]["data"]["reason"] == "user_deleted"
        shop.post("/v1/suppressions", {"channel": "email", "address": "no@example.test", "reason": "manual"})
        assert receiver.wait("suppression.added")[0]["data"] == {"channel": "email", "reason": "manual"}


def test_an_address_is_told_to_who_asks_for_it_and_never_of_security(shop):
    with hooks.receiver() as receiver, hooks.receiver() as curious:
        subscribe(shop, receiver, "delivery.sent")
        subscribe(shop, curious, "delivery.sent", key="curious", addresses=True)
        shop.send(**MAIL)
        assert "address" not in receiver.wait("delivery.sent")[0]["data"]
        assert curious.wait("delivery.sent")[0]["data"]["address"] == "ok@sandbox.carillon.test"
        shop.send(**MAIL, category="security")
        assert "address" not in curious.wait("delivery.sent", 2)[1]["data"]


@pytest.mark.parametrize("body, pointer, code", [
    ({"events": ["*"]}, "/url", "required"),
    ({"url": "https://shop.example.com/"}, "/events", "required"),
    ({"url": "https://shop.example.com/", "events": ["delivery.lost"]}, "/events/0", "unknown_event_type"),
    ({"url": "https://shop.example.com/", "events": ["*"], "max_in_flight": 1000}, "/max_in_flight", "out_of_range"),
    ({"url": "https://shop.example.com/", "events": ["*"], "secret": "geheim"}, "/secret", "invalid_value"),
    ({"url": "https://shop.example.com/", "events": ["*"], "colour": "red"}, "/colour", "unknown_field")])
def test_a_mistake_is_named(server, body, pointer, code):
    answer = server.expect((400, 422), "PUT", "/v1/webhooks/shop", body)
    assert [(e["pointer"], e["code"]) for e in answer["errors"]] == [(pointer, code)]


def test_bad_requests_and_the_wrong_credential_are_refused(server):
    url = "https://shop.example.com/"
    server.expect(201, "PUT", "/v1/webhooks/shop", {"url": url, "events": ["*"]})
    server.expect(200, "PUT", "/v1/webhooks/shop", {"url": url, "events": ["*"], "secret": {"set": True}})
    assert server.expect(403, "GET", "/v1/webhooks", auth="app")["code"] == "missing_scope"
    for method, path in (("GET", "/v1/webhooks/none"), ("POST", "/v1/webhooks/none/rotate"),
                         ("GET", "/v1/webhooks/shop/deliveries/evt_0000000000000"), ("DELETE", "/v1/webhooks/none")):
        server.expect(404, method, path)
    for body in ({}, {"ids": ["evt_0000000000000"], "status": "all"}, {"status": "everything"}):
        server.expect(422, "POST", "/v1/webhooks/shop/replay", body)
    server.expect(422, "GET", "/v1/webhooks/shop/deliveries?status=lost")
    server.expect(422, "GET", "/v1/webhooks/shop/deliveries?type=lost")
    for i in range(19):
        server.put(f"/v1/webhooks/w{i}", {"url": url, "events": ["*"]})
    assert server.expect(422, "PUT", "/v1/webhooks/more", {"url": url, "events": ["*"]})["code"] == "limit_reached"
    server.expect(204, "DELETE", "/v1/webhooks/shop")
    assert len(server.get("/v1/webhooks")["data"]) == 19


def test_the_command_line_does_all_of_it(shop):
    with hooks.receiver() as receiver:
        said = shop.cli("webhook", "put", "shop", "--url", receiver.url, "--event", "delivery.*", "--json").json
        assert said["secret"].startswith("whsec_")
        assert "It works" in shop.cli("webhook", "test", "shop").out
        shop.send(**MAIL)
        [event] = receiver.wait("delivery.sent")
        harness.wait_until(lambda: log(shop, status="delivered"), lambda: log(shop))
        assert event["id"] in shop.cli("webhook", "log", "shop", "--status", "delivered").out
        assert "attempts" in shop.cli("webhook", "log", "shop", "--id", event["id"]).out
        assert "1 events" in shop.cli("webhook", "replay", "shop", "--status", "all").out
        assert "delivery.sent" in shop.cli("webhook", "events").out
        assert "shop" in shop.cli("webhook", "list").out and "ready" in shop.cli("webhook", "get", "shop").out
        shop.cli("webhook", "pause", "shop", "--reason", "moving")
        shop.cli("webhook", "resume", "shop")
        assert "whsec_" in shop.cli("webhook", "rotate", "shop").out
        shop.cli("webhook", "delete", "shop")
        assert shop.get("/v1/webhooks")["data"] == []


def test_the_code_of_the_guide_knows_what_is_ours(shop, tmp_path):
    guide = (harness.ROOT / "docs" / "guides" / "webhooks.md").read_text()
    [python], [node] = (re.findall(rf"^```{word}\n(.*?)^```", guide, re.M | re.S) for word in ("python", "js"))
    with hooks.receiver() as receiver:
        secret = subscribe(shop, receiver, "delivery.sent")
        shop.post("/v1/webhooks/shop/rotate")
        shop.send(**MAIL)
        receiver.wait("delivery.sent")
    headers, raw = receiver.got[0]
    verdicts = {"good": (secret, headers, raw), "changed": (secret, headers, raw + b" "),
                "other": ("whsec_" + "A" * 43 + "=", headers, raw),
                "old": (secret, {**headers, "webhook-timestamp": "1600000000"}, raw)}
    scope = {}
    exec(python, scope)  # noqa: S102
    assert {name: scope["is_from_carillon"](*asked) for name, asked in verdicts.items()} == {
        "good": True, "changed": False, "other": False, "old": False}
    if shutil.which("node") is None:
        pytest.skip("there is no node on this machine")
    asked = {name: [s, h, base64.b64encode(r).decode()] for name, (s, h, r) in verdicts.items()}
    script = tmp_path / "verify.js"
    script.write_text(node + f"\nconst asked = {json.dumps(asked)};\nconst said = {{}};\n"
                      "for (const [name, [s, h, r]] of Object.entries(asked))\n"
                      "  said[name] = isFromCarillon(s, h, Buffer.from(r, 'base64'));\n"
                      "console.log(JSON.stringify(said));\n")
    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == {"good": True, "changed": False, "other": False, "old": False}


def test_the_guide_lists_every_event(server):
    guide = (harness.ROOT / "docs" / "guides" / "webhooks.md").read_text()
    known = {e["type"]: e["description"] for e in server.get("/v1/webhook-events")["data"]}
    listed = dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \| ([A-Z].*?) \|$", guide, re.M))
    assert listed == known


def test_an_approval_is_told(shop):
    with hooks.receiver() as receiver:
        subscribe(shop, receiver, "approval.*", "notification.cancelled")
        shop.put("/v1/categories/news", {"channels": ["email"], "approval_over": 1})
        two = [{"email": f"{name}@example.test"} for name in ("ann", "bob")]
        sent = shop.send(**{**MAIL, "to": two}, category="news")
        [asked] = receiver.wait("approval.requested")
        assert asked["data"]["notification_id"] == sent["id"]
        shop.post(f"/v1/approvals/{asked['data']['approval_id']}/reject", {"reason": "the price is wrong"})
        [no] = receiver.wait("approval.rejected")
        assert no["data"]["comment"] == "the price is wrong"
        draft = shop.send(**MAIL, draft=True)
        shop.post(f"/v1/notifications/{draft['id']}/cancel")
        assert receiver.wait("notification.cancelled")[0]["data"]["notification_id"] == draft["id"]
