"""Chat and webhooks: a user's addresses lead to Slack, KakaoTalk and servers of their own, each as it documents."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import threading

import harness
import pytest
from people import PHONE, only, sent_one

KEY = b"a key of thirty-two bytes, always"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
HERE = {"webhooks.private_addresses": "true"}  # the receivers of these tests are on this machine


@pytest.fixture
def chatting(server, simulator):
    return harness.connect(server, simulator, "slack", "kakao")


@contextlib.contextmanager
def receiver(answers):
    """A server that gives these answers (status, headers), the last one for ever; what it got."""
    got = []
    answers = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = answers.pop(0) if len(answers) > 1 else answers[0]
            got.append(({k.lower(): v for k, v in self.headers.items()}, raw))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/hook", got
    finally:
        httpd.shutdown()
        httpd.server_close()


def signature(headers, raw):
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), raw])
    return "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()


# ---- slack

def test_a_message_to_a_slack_channel(chatting, simulator):
    delivery = sent_one(chatting, to=[{"address": {"channel": "chat", "service": "slack", "address": "C0123ABCD"}}],
                        channels=["chat"], title="Deploy <1.2>", body="done & dusted", url="https://ci.example.test/7",
                        chat={"slack": {"blocks": [{"type": "divider"}]}})
    assert delivery["status"] == "sent" and delivery["provider_id"]
    message = only(simulator.messages("slack", 5))
    assert message["recipient"] == "C0123ABCD" and message["delivery"] == delivery["id"]
    body = json.loads(message["content"])
    assert body["text"] == "*Deploy &lt;1.2&gt;*\ndone &amp; dusted\nhttps://ci.example.test/7"
    assert body["blocks"] == [{"type": "divider"}]


def test_an_incoming_webhook_is_a_secret(chatting, simulator):
    said = simulator.description["slack"]
    chatting.put_user("ann", addresses=[{"channel": "chat", "service": "slack", "address": "#ops",
                                         "secret": said["endpoint"] + said["hook"]}])
    delivery = sent_one(chatting, to=[{"user_id": "ann"}], channels=["chat"], body="hello")
    assert delivery["status"] == "sent"
    assert only(simulator.messages("slack", 5))["recipient"] == "sandbox-ok"
    seen = json.dumps([chatting.get("/v1/users/ann"), chatting.delivery(delivery["id"]), chatting.all("/v1/audit"),
                       chatting.notification(delivery["notification_id"])]) + chatting.log_text()
    assert said["hook"] not in seen
    assert only(chatting.get("/v1/users/ann")["addresses"])["secret"] == {"set": True}


def test_an_incoming_webhook_leads_to_slack_only(chatting, simulator):
    with receiver([(200, {})]) as (url, got):
        chatting.put_user("eve", addresses=[{"channel": "chat", "service": "slack", "address": "#ops",
                                             "secret": url.replace("/hook", "/services/x")}])
        delivery = sent_one(chatting, to=[{"user_id": "eve"}], channels=["chat"], body="hello")
        assert (delivery["status"], delivery["reason"]) == ("failed", "rejected")
        assert got == []


def test_a_channel_that_is_gone_is_not_written_to_again(chatting, simulator):
    gone = {"to": [{"address": {"channel": "chat", "service": "slack", "address": "#sandbox-bounce"}}],
            "channels": ["chat"], "body": "x"}
    assert sent_one(chatting, **gone)["reason"] == "invalid_recipient"
    assert sent_one(chatting, **gone)["reason"] == "address_suppressed"
    assert simulator.counts()["slack"]["refused"] == {"channel_not_found": 1}


def test_a_limited_channel_waits_and_the_others_do_not(chatting, simulator):
    simulator.faults(slack={"rate_429": 1, "retry_after_s": 30})
    limited = chatting.send(to=[{"address": {"channel": "chat", "service": "slack", "address": "C1"}}],
                            channels=["chat"], body="x")
    [delivery] = chatting.wait_deliveries(limited["id"], "retrying")
    assert delivery["reason"] == "throttled"
    simulator.faults()
    other = sent_one(chatting, to=[{"address": {"channel": "chat", "service": "slack", "address": "C2"}}],
                     channels=["chat"], body="x")
    assert other["status"] == "sent"
    chatting.advance("31s")
    assert chatting.wait_final(limited["id"])["outcome"] == "success"


def test_a_wrong_token_is_found_by_the_test_and_pauses(server, simulator):
    body = harness.integrations(simulator)["slack"]
    body["settings"]["bot_token"] = "xoxb-wrong"
    refused = server.expect(422, "PUT", "/v1/integrations/slack", body)
    assert "invalid_auth" in json.dumps(refused) and "xoxb-wrong" not in json.dumps(refused)
    server.put("/v1/integrations/slack?test=false", body)
    sent = server.send(to=[{"address": {"channel": "chat", "service": "slack", "address": "C1"}}],
                       channels=["chat"], body="x")
    [delivery] = server.wait_deliveries(sent["id"], "held")
    assert delivery["reason"] == "integration_paused"


# ---- kakao

def test_an_alimtalk_goes_to_the_phone_of_who_has_no_other_address(chatting, simulator):
    chatting.put_user("kim", phone_number=PHONE)
    delivery = sent_one(chatting, to=[{"user_id": "kim"}], channels=["chat"],
                        chat={"kakao": {"variables": {"name": "철수"}, "buttons": [
                            {"buttonName": "보기", "buttonType": "WL", "linkMo": "https://m.example.test"}]}})
    assert delivery["status"] == "sent"
    sent = json.loads(only(simulator.messages("solapi", 5))["content"])["messages"][0]
    assert sent["to"] == "01012345678" and sent["customFields"]["d"] == delivery["id"]
    assert sent["kakaoOptions"]["variables"] == {"#{name}": "철수"} and sent["kakaoOptions"]["disableSms"] is True


def test_reports_tell_what_became_of_an_alimtalk(server, simulator):
    harness.reachable(harness.connect(server, simulator, "kakao"))
    simulator._call("PUT", "/webhooks", {"solapi": server.url + "/v1/callbacks/kakao_alimtalk/kakao"})
    to = lambda phone: {"to": [{"address": {"channel": "chat", "service": "kakao", "address": phone}}],  # noqa: E731
                        "channels": ["chat"]}
    good = sent_one(server, **to(PHONE), body="x")
    harness.wait_until(lambda: server.delivery(good["id"])["status"] == "delivered",
                       lambda: server.delivery(good["id"]))
    gone = sent_one(server, **to("+999000000002"), body="x")
    harness.wait_until(lambda: server.delivery(gone["id"])["reason"] == "bounced", lambda: server.delivery(gone["id"]))
    assert sent_one(server, **to("+999000000002"), body="x")["reason"] == "address_suppressed"


def test_an_alimtalk_without_its_template_says_what_is_missing(server, simulator):
    body = harness.integrations(simulator)["kakao"]
    del body["settings"]["template_id"]
    server.put("/v1/integrations/kakao", body)
    delivery = sent_one(server, to=[{"address": {"channel": "chat", "service": "kakao", "address": PHONE}}],
                        channels=["chat"], body="x")
    assert delivery["status"] == "failed"
    assert "template_id" in json.dumps(server.delivery(delivery["id"]))


def test_chat_goes_where_an_integration_speaks_the_users_service(server, simulator):
    harness.connect(server, simulator, "slack")
    server.put_user("both", phone_number=PHONE,
                    addresses=[{"channel": "chat", "service": "kakao", "address": PHONE},
                               {"channel": "chat", "service": "slack", "address": "C7"}])
    assert sent_one(server, to=[{"user_id": "both"}], channels=["chat"], body="x")["status"] == "sent"
    assert only(simulator.messages("slack", 5))["recipient"] == "C7"
    server.put_user("phone", phone_number=PHONE)
    nobody = sent_one(server, to=[{"user_id": "phone"}], channels=["chat"], body="x")
    assert (nobody["status"], nobody["reason"]) == ("suppressed", "no_address")


# ---- webhook

@pytest.fixture
def hooked(make_server, simulator):
    return harness.connect(make_server(HERE), simulator, "webhook")


def test_a_webhook_is_signed_with_the_secret_of_its_address(hooked):
    with receiver([(204, {})]) as (url, got):
        hooked.put_user("ann", addresses=[{"channel": "webhook", "address": url, "secret": SECRET}])
        delivery = sent_one(hooked, to=[{"user_id": "ann"}], channels=["webhook"], title="Order", body="left")
        assert delivery["status"] == "delivered"
        headers, raw = only(got)
        assert headers["webhook-signature"] == signature(headers, raw)
        assert headers["webhook-id"].startswith(delivery["id"])
        body = json.loads(raw)
        assert body["type"] == "notification" and body["data"]["title"] == "Order"
        assert body["data"]["carillon"] == {"n": delivery["notification_id"], "d": delivery["id"]}
        assert SECRET not in json.dumps(hooked.get("/v1/users/ann")) + hooked.log_text()


def test_the_simulators_sink_takes_what_is_signed_with_its_secret(hooked, simulator):
    sink = simulator.description["webhook_sink"]
    hooked.put_user("ann", addresses=[{"channel": "webhook", "address": sink["endpoint"] + sink["path"],
                                       "secret": sink["secret"]}])
    delivery = sent_one(hooked, to=[{"user_id": "ann"}], channels=["webhook"], body="x",
                        webhook={"body": {"order": [1, 2]}})
    assert delivery["status"] == "delivered"
    message = only(simulator.messages("webhook_sink", 5))
    assert message["delivery"] == delivery["id"] and json.loads(message["content"]) == {"order": [1, 2]}


def test_a_repeat_has_the_same_id(hooked):
    with receiver([(503, {}), (204, {})]) as (url, got):
        hooked.put_user("ann", addresses=[{"channel": "webhook", "address": url}])
        sent = hooked.send(to=[{"user_id": "ann"}], channels=["webhook"], body="x")
        hooked.wait_deliveries(sent["id"], "retrying")
        hooked.advance("2m")
        assert hooked.wait_final(sent["id"])["outcome"] == "success"
        (first, one), (second, other) = got
        assert first["webhook-id"] == second["webhook-id"] and one == other


def test_a_receiver_that_is_gone_is_left_alone(hooked):
    with receiver([(410, {})]) as (url, got):
        hooked.put_user("ann", addresses=[{"channel": "webhook", "address": url}])
        to = {"to": [{"user_id": "ann"}], "channels": ["webhook"], "body": "x"}
        assert sent_one(hooked, **to)["reason"] == "invalid_recipient"
        assert sent_one(hooked, **to)["reason"] == "address_suppressed"
        assert len(got) == 1


def test_a_redirect_is_not_followed_and_one_receiver_stops_no_other(hooked):
    with receiver([(204, {})]) as (good, taken), receiver([(302, {"Location": good})]) as (moved, _), \
            receiver([(429, {"Retry-After": "60"})]) as (busy, _):
        for name, url in (("good", good), ("moved", moved), ("busy", busy)):
            hooked.put_user(name, addresses=[{"channel": "webhook", "address": url}])
        of = lambda name: {"to": [{"user_id": name}], "channels": ["webhook"], "body": "x"}  # noqa: E731
        assert sent_one(hooked, **of("moved"))["status"] == "failed"
        waiting = hooked.send(**of("busy"))
        hooked.wait_deliveries(waiting["id"], "retrying")
        assert sent_one(hooked, **of("good"))["status"] == "delivered"
        assert len(taken) == 1


def test_a_private_address_is_not_called(server, simulator):
    harness.connect(server, simulator, "webhook")
    with receiver([(204, {})]) as (url, got):
        for address in (url, url.replace("http:", "https:"), url.replace("127.0.0.1", "localhost")):
            server.put_user("eve", addresses=[{"channel": "webhook", "address": address}])
            assert sent_one(server, to=[{"user_id": "eve"}], channels=["webhook"], body="x")["status"] == "failed"
        server.put_user("eve", addresses=[{"channel": "webhook", "address": url.replace("http://127.0.0.1",
                                                                                       "https://localhost")}])
        sent = server.send(to=[{"user_id": "eve"}], channels=["webhook"], body="x")
        server.wait_deliveries(sent["id"], "retrying")
        assert got == []


@pytest.mark.parametrize("address, pointer, code", [
    ({"channel": "webhook", "address": "https://a.example/", "secret": "geheim"}, "/addresses/0/secret",
     "invalid_value"),
    ({"channel": "chat", "service": "slack", "address": "https://hooks.slack.com/services/a"}, "/addresses/0/address",
     "invalid_address"),
    ({"channel": "chat", "service": "kakao", "address": "12"}, "/addresses/0/address", "invalid_address")])
def test_an_address_that_leads_nowhere_is_refused(server, address, pointer, code):
    answer = server.expect(422, "PUT", "/v1/users/x", {"addresses": [address]})
    assert [(e["pointer"], e["code"]) for e in answer["errors"]] == [(pointer, code)]


def test_a_limited_channel_is_tried_with_the_other_workspace_once(server, simulator):
    harness.connect(server, simulator, "slack")
    server.put("/v1/integrations/second", harness.integrations(simulator)["slack"])
    simulator.faults(slack={"rate_429": 1, "retry_after_s": 30})
    sent = server.send(to=[{"address": {"channel": "chat", "service": "slack", "address": "C1"}}],
                       channels=["chat"], body="x")

    def asked():
        return [attempt["integration"] for attempt in server.delivery(only(server.deliveries(sent["id"]))["id"])
                ["attempt_log"]]

    harness.wait_until(lambda: len(asked()) >= 2, lambda: f"nobody else was asked: {asked()}")
    assert asked()[:2] == ["slack", "second"]
    server.advance("10s")  # within the vendor's wait nothing more is tried
    server.wait_idle()
    assert asked() == ["slack", "second"], "it goes in circles"
    simulator.faults()
    server.advance("31s")
    assert server.wait_final(sent["id"])["outcome"] == "success"
