"""Browsers are reached by Web Push without an account anywhere."""
import json
import socket
import threading
import time

import pytest

import harness
from people import only

TITLE = {"channels": ["push"], "title": "주문이 도착했어요", "body": "Line one\nLine two"}


@pytest.fixture
def pushing(server, simulator):
    return harness.connect(server, simulator, "webpush")


def key_of(server, auth="app"):
    return server.get("/v1/webpush/key", auth=auth)["key"]


def browser(server, user, subscription, device="laptop", platform="web"):
    """A user with one browser, registered by the service."""
    server.put_user(user)
    return server.put(f"/v1/users/{user}/devices/{device}",
                      {"platform": platform, "endpoints": [{"service": "webpush", **subscription}]}, auth="app")


def plain_of(simulator):
    return json.loads(only(simulator.messages("webpush"))["content"])


def test_a_message_reaches_a_browser(pushing, simulator):
    subscription = simulator.subscribe(key_of(pushing))
    kept = browser(pushing, "ann", subscription)
    assert only(kept["endpoints"])["token"] == subscription
    sent = pushing.send(to=[{"user_id": "ann"}], url="https://shop.example.com/7", collapse_key="order-7",
                        image="https://shop.example.com/7.png",
                        push={"data": {"order": 7}, "actions": [{"action": "open", "title": "Open"}]}, **TITLE)
    delivery = only(pushing.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent"
    message = only(simulator.messages("webpush"))
    assert subscription["endpoint"].endswith(message["recipient"])
    assert message["delivery"] == delivery["id"] and len(message["collapse"]) == 32
    assert json.loads(message["content"]) == {
        "title": TITLE["title"], "body": TITLE["body"], "url": "https://shop.example.com/7",
        "image": "https://shop.example.com/7.png", "actions": [{"action": "open", "title": "Open"}],
        "tag": "order-7", "data": {"order": 7}, "carillon": {"n": sent["id"], "d": delivery["id"]}}


@pytest.mark.parametrize("platform", ["windows", "macos"])
def test_browsers_of_desktops_are_reached_too(pushing, simulator, platform):
    browser(pushing, "ann", simulator.subscribe(), platform=platform)
    sent = pushing.send(to=[{"user_id": "ann"}], **TITLE)
    assert only(pushing.wait_final(sent["id"])["deliveries"])["status"] == "sent"


def test_a_page_registers_before_and_after_signing_in(pushing, simulator):
    server = pushing
    server.patch("/v1/settings", {"cors_origins": ["https://shop.example.com"]})
    publishable = server.cli("app", "key", "add", "default", "--publishable", "--json").json["app_key"]
    page = {"Origin": "https://shop.example.com", "Sec-Fetch-Site": "cross-site"}
    preflight = server.api("OPTIONS", "/v1/webpush/key", auth=None,
                           headers={**page, "Access-Control-Request-Method": "GET"})
    assert preflight.headers["access-control-allow-origin"] == page["Origin"]
    answer = server.api("GET", "/v1/webpush/key", auth=publishable, headers=page)
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == page["Origin"]
    subscription = simulator.subscribe(answer.body["key"])
    device = {"platform": "web", "endpoints": [{"service": "webpush", **subscription}]}
    server.expect(201, "PUT", "/v1/devices/tab-1", device, auth=publishable, headers=page)
    sent = server.send(to=[{"device_id": "tab-1"}], **TITLE)
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] == "sent"

    server.put_user("grace")
    me = server.post("/v1/users/grace/tokens", {"ttl": "1h"}, auth="app")["token"]
    assert key_of(server, me) == answer.body["key"]
    server.expect(201, "PUT", "/v1/me/devices/tab-1", device, auth=me, headers=page)
    sent = server.send(to=[{"user_id": "grace"}], **TITLE)
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    assert len(simulator.log("webpush")) == 2


def test_the_key_is_the_project_s_and_stays(pushing, make_server):
    server = pushing
    key = key_of(server)
    for auth in ("token", "test"):
        assert key_of(server, auth) == key
    assert server.api("GET", "/v1/webpush/key", auth=None).status == 401
    server.put("/v1/projects/staging", {"name": "Staging"})
    assert server.get("/v1/webpush/key", headers={"Carillon-Project": "staging"})["key"] != key
    server.restart(kill=True)
    assert key_of(server) == key
    folder = server.folder / "backup"
    server.cli("backup", "--to", folder, "--with-key")
    copy = make_server(name="copy", start=False)
    assert harness.run("restore", "--from", folder, "--data", copy.data).code == 0
    copy.app, copy.token = server.app, server.token
    copy.start()
    assert key_of(copy) == key


def test_an_integration_needs_a_contact_and_nothing_else(server, simulator):
    refused = server.api("PUT", "/v1/integrations/webpush", {"provider": "webpush", "settings": {}})
    assert refused.status == 422 and refused.pointers == ["/settings/subject"]
    refused = server.api("PUT", "/v1/integrations/webpush",
                         {"provider": "webpush", "settings": {"subject": "ops@example.com"}})
    assert refused.status == 422 and "mailto:" in refused.text
    made = server.put("/v1/integrations/webpush",
                      {"provider": "webpush", "settings": {"subject": "mailto:ops@example.com"}})
    assert made["state"] == "ready"
    assert server.post("/v1/integrations/webpush/test")["ok"] is True


def test_a_pair_of_one_s_own_is_used_for_all(server, simulator):
    body = harness.integrations(simulator)["webpush"]
    project_key = key_of(server)
    body["settings"]["private_key"] = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"  # RFC 8291's example
    server.put("/v1/integrations/webpush", body)
    simulator.clear_log()
    key = key_of(server)
    assert key != project_key and key.startswith("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vC")
    assert server.get("/v1/integrations/webpush")["settings"]["private_key"] == {"set": True}
    browser(server, "ann", simulator.subscribe(key))
    browser(server, "bob", simulator.subscribe(project_key))
    sent = server.send(to=[{"user_id": "ann"}], **TITLE)
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    sent = server.send(to=[{"user_id": "bob"}], **TITLE)
    lost = only(server.wait_final(sent["id"])["deliveries"])
    assert lost["status"] == "failed" and lost["reason"] == "invalid_recipient"


def test_a_browser_that_unsubscribed_is_forgotten(pushing, simulator):
    subscription = simulator.subscribe()
    browser(pushing, "ann", subscription)
    simulator.unsubscribe(subscription)
    sent = pushing.send(to=[{"user_id": "ann"}], **TITLE)
    assert only(pushing.wait_final(sent["id"])["deliveries"])["reason"] == "invalid_recipient"
    assert pushing.api("GET", "/v1/users/ann/devices/laptop").status == 404  # nothing is left to reach it by
    sent = pushing.send(to=[{"user_id": "ann"}], **TITLE)
    assert only(pushing.wait_final(sent["id"])["deliveries"])["status"] == "suppressed"


def test_the_reserved_tokens_act_as_they_say(pushing, simulator):
    wanted = {"test-ok": "sent", "test-unregistered": "failed", "test-429": "retrying"}
    for token, status in wanted.items():
        pushing.put_user(token)
        pushing.put(f"/v1/users/{token}/devices/{token}-1",
                    {"platform": "web", "endpoints": [{"service": "webpush", "token": token}]})
        sent = pushing.send(to=[{"user_id": token}], **TITLE)
        pushing.wait_deliveries(sent["id"], status)
    assert [entry["recipient"] for entry in simulator.log("webpush")] == ["test-ok"]


def test_a_wrong_key_stops_the_integration_and_nothing_is_lost(pushing, simulator):
    body = harness.integrations(simulator)["webpush"]
    simulator.faults(webpush={"auth_failure": 1})
    refused = pushing.api("PUT", "/v1/integrations/webpush", body)
    assert refused.status == 422 and refused.body["code"] == "integration_test_failed"
    browser(pushing, "ann", simulator.subscribe())
    sent = pushing.send(to=[{"user_id": "ann"}], **TITLE)
    held = only(pushing.wait_deliveries(sent["id"], "held"))
    assert held["reason"] == "integration_paused" and held["attempts"] == 0
    simulator.faults()
    pushing.post("/v1/integrations/webpush/resume")
    assert only(pushing.wait_final(sent["id"])["deliveries"])["status"] == "sent"


def test_a_message_that_is_too_long_says_by_how_much(pushing, simulator):
    browser(pushing, "ann", simulator.subscribe())
    sent = pushing.send(to=[{"user_id": "ann"}], channels=["push"], title="x", body="y" * 4000)
    failed = only(pushing.wait_final(sent["id"])["deliveries"])
    assert failed["status"] == "failed"
    assert "over the limit of 3993" in json.dumps(pushing.delivery(failed["id"]))
    assert simulator.log("webpush") == []


class Listener:
    """Counts who connects to a port of this machine."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.count = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            connection.close()


def test_a_subscription_cannot_lead_inside(pushing, simulator):
    inside = Listener()
    keys = simulator.subscribe()["keys"]
    for n, host in enumerate(["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"]):
        browser(pushing, f"user-{n}", {"endpoint": f"https://{host}:{inside.port}/push/x", "keys": keys})
        sent = pushing.send(to=[{"user_id": f"user-{n}"}], **TITLE)
        waiting = only(pushing.wait_deliveries(sent["id"], "retrying"))
        assert "unreachable" in json.dumps(pushing.delivery(waiting["id"])), host
    assert inside.count == 0
    # Others are not held up by it.
    browser(pushing, "ann", simulator.subscribe())
    sent = pushing.send(to=[{"user_id": "ann"}], **TITLE)
    assert only(pushing.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    refused = pushing.api("PUT", "/v1/users/ann/devices/other", {
        "platform": "web", "endpoints": [{"service": "webpush", "endpoint": "http://127.0.0.1/x", "keys": keys}]})
    assert refused.status == 422 and refused.pointers == ["/endpoints/0/endpoint"]
    inside.socket.close()


@pytest.fixture
def independent(tmp_path):
    push_service = pytest.importorskip("push_service")
    service = push_service.PushService(tmp_path)
    yield push_service, service
    service.close()


def test_what_is_sent_is_read_by_others(server, independent):
    """A push service that speaks HTTP/1.1, and libraries that are not ours."""
    tools, service = independent
    server.put("/v1/integrations/webpush", {"provider": "webpush", "settings": {
        "subject": "mailto:ops@example.com", "endpoint": service.origin, "ca_file": service.ca_file}})
    service.requests.clear()  # of the test
    ann = tools.Browser(service.origin + "/wpush/v2/gAAA?x=1")
    browser(server, "ann", ann.subscription)
    sent = server.send(to=[{"user_id": "ann"}], priority="high", ttl="10m", collapse_key="score", **TITLE)
    delivery = only(server.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent"
    path, headers, body = only(service.requests)
    assert path == "/wpush/v2/gAAA?x=1"
    assert headers["content-encoding"] == "aes128gcm" and headers["urgency"] == "high"
    assert headers["topic"] == "score" and 590 <= int(headers["ttl"]) <= 600
    claims, key = tools.verify_vapid(headers["authorization"])
    assert key == key_of(server)
    assert claims["aud"] == service.origin and claims["sub"] == "mailto:ops@example.com"
    assert 0 < claims["exp"] - time.time() <= 24 * 3600
    message = ann.decrypt(body)
    assert message["title"] == TITLE["title"] and message["body"] == TITLE["body"]
    assert message["carillon"] == {"n": sent["id"], "d": delivery["id"]}


def test_each_message_has_keys_of_its_own_and_the_token_is_kept(server, independent):
    tools, service = independent
    server.put("/v1/integrations/webpush", {"provider": "webpush", "settings": {
        "subject": "https://example.com/contact", "endpoint": service.origin, "ca_file": service.ca_file}})
    service.requests.clear()
    ann = tools.Browser(service.origin + "/a")
    browser(server, "ann", ann.subscription)
    for n in range(5):
        sent = server.send(to=[{"user_id": "ann"}], channels=["push"], title=str(n), body="x")
        server.wait_final(sent["id"])
    assert sorted(ann.decrypt(body)["title"] for _, _, body in service.requests) == list("01234")
    assert len({headers["authorization"] for _, headers, _ in service.requests}) == 1
    assert len({body[:16] for _, _, body in service.requests}) == 5, "a salt each"
    assert len({body[21:86] for _, _, body in service.requests}) == 5, "a key pair each"
