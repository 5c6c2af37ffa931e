"""What is accepted reaches the vendor, on its wire, with the right content and Carillon's ids in it."""
import base64
import hashlib
import json
import re
import subprocess

import harness
from people import OK_PHONE, android, ios, mail, mail_part, only, push_payload, sent_one, sms_form, tags


def test_an_ios_push(connected, simulator):
    token = ios(connected, "mina")
    delivery = sent_one(connected, to=[{"user_id": "mina"}], channels=["push"], title="Your order left",
                        body="A-17 arrives today.", url="https://shop.example.test/o/17",
                        push={"badge": 3, "sound": "bell", "data": {"order": "A-17"}})
    assert delivery["status"] == "sent" and delivery["platform"] == "ios"
    message = only(simulator.messages("apns", 5))
    assert message["recipient"] == token
    assert message["delivery"] == delivery["id"]
    payload = push_payload(message)
    assert payload["aps"]["alert"] == {"title": "Your order left", "body": "A-17 arrives today."}
    assert payload["aps"]["badge"] == 3 and payload["aps"]["sound"] == "bell"
    assert payload["carillon"] == {"n": delivery["notification_id"], "d": delivery["id"]}
    assert payload["url"] == "https://shop.example.test/o/17" and payload["order"] == "A-17"


def test_an_android_push(connected, simulator):
    token = android(connected, "jun")
    delivery = sent_one(connected, to=[{"user_id": "jun"}], channels=["push"], title="Hello", body="The bells ring.",
                        push={"data": {"order": "A-17"}})
    assert delivery["status"] == "sent" and delivery["platform"] == "android"
    message = only(simulator.messages("fcm", 5))
    assert message["recipient"] == token
    assert message["delivery"] == delivery["id"]
    sent = push_payload(message)["message"]
    assert sent["token"] == token
    shown = sent.get("notification") or sent["android"]["notification"]
    assert (shown["title"], shown["body"]) == ("Hello", "The bells ring.")
    assert sent["data"]["order"] == "A-17"
    assert json.loads(sent["data"]["carillon"]) == {"n": delivery["notification_id"], "d": delivery["id"]}


def test_a_text_message(connected, simulator):
    delivery = sent_one(connected, to=[{"phone": OK_PHONE}], channels=["sms"], sms={"body": "Code 1234, 안녕"})
    assert delivery["status"] in ("sent", "delivered") and delivery["provider_id"].startswith("SM")
    form = sms_form(only(simulator.messages("twilio", 5)))
    assert form["To"] == OK_PHONE and form["Body"] == "Code 1234, 안녕"
    assert form["From"] == simulator.description["twilio"]["from"]


def test_a_mail_with_text_and_html(connected, simulator):
    delivery = sent_one(connected, to=[{"email": "ann@example.test"}], channels=["email"],
                        email={"subject": "Ihre Bestellung ✓", "html": "<p>Two <b>bells</b></p>", "text": "Two bells",
                               "headers": {"X-Shop": "bells"}})
    assert delivery["status"] == "sent"
    message = only(simulator.messages("smtp", 5))
    assert message["recipient"] == "ann@example.test"
    assert message["delivery"] == delivery["id"]
    read = mail(message)
    assert read["subject"] == "Ihre Bestellung ✓" and read["x-shop"] == "bells"
    assert "bells@example.test" in read["from"] and "ann@example.test" in read["to"]
    assert delivery["id"] in read["message-id"]
    assert mail_part(message, "plain") == "Two bells"
    assert "<b>bells</b>" in mail_part(message, "html")
    assert read["dkim-signature"] is None


def relaxed_body_hash(content):
    """bh= of RFC 6376 §3.4.4 for a message as it was received."""
    body = content.split("\r\n\r\n", 1)[1]
    lines = [re.sub(r"[ \t]+", " ", line).rstrip(" ") for line in body.split("\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    canonical = "".join(line + "\r\n" for line in lines)
    return base64.b64encode(hashlib.sha256(canonical.encode()).digest()).decode()


def test_a_mail_is_signed_when_a_key_is_configured(server, simulator, tmp_path):
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                         capture_output=True, text=True, check=True).stdout
    body = harness.integrations(simulator)["smtp"]
    body["settings"] |= {"dkim_domain": "example.test", "dkim_selector": "bells", "dkim_private_key": key}
    server.put("/v1/integrations/smtp", body)
    sent_one(server, to=[{"email": "ann@example.test"}], channels=["email"], subject="Signed", body="Two  bells \n")
    message = only(simulator.messages("smtp", 5))
    signature = tags(mail(message)["dkim-signature"])
    assert (signature["d"], signature["s"], signature["a"]) == ("example.test", "bells", "rsa-sha256")
    assert "from" in signature["h"].lower().split(":")
    assert signature["bh"] == relaxed_body_hash(message["content"])
    assert key.splitlines()[1] not in json.dumps(server.get("/v1/integrations/smtp"))


def test_a_template_with_params_reaches_every_channel(connected, simulator):
    ios(connected, "mina", email="mina@example.test", locale="ko-KR")
    connected.put("/v1/templates/shipped?publish=true", {
        "default_locale": "en", "params": [{"name": "order", "type": "string", "required": True}],
        "content": {"en": {"title": "Order {{order}}", "body": "Order {{order}} left."},
                    "ko": {"title": "주문 {{order}}", "body": "주문 {{order}} 출발"}}})
    answer = connected.send(to=[{"user_id": "mina", "params": {"order": "A-17"}}], channels=["push", "email"],
                            template="shipped")
    assert connected.wait_final(answer["id"])["outcome"] == "success"
    assert push_payload(only(simulator.messages("apns", 5)))["aps"]["alert"]["title"] == "주문 A-17"
    assert mail(only(simulator.messages("smtp", 5)))["subject"] == "주문 A-17"


def test_a_from_is_one_that_was_allowed(connected, simulator):
    to_ann = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}
    refused = connected.api("POST", "/v1/notifications", {**to_ann, "from": {"email": "news@shop.example"}}, auth="app")
    assert refused.status == 422 and refused.body["code"] == "sender_not_allowed"
    assert refused.pointers == ["/from/email"] and "/v1/senders/" in refused.body["detail"]
    connected.put("/v1/senders/shop", {"domain": "Shop.example", "name": "The shop"})
    sent_one(connected, **to_ann, **{"from": {"email": "news@shop.example"}})
    read = mail(simulator.messages("smtp")[0])
    assert read["from"] == "news@shop.example"
    connected.put("/v1/senders/desk", {"email": "desk@shop.example", "name": "The desk"})
    sent_one(connected, **to_ann, **{"from": {"sender": "desk"}})
    assert mail(simulator.messages("smtp")[0])["from"] == "The desk <desk@shop.example>"
    unknown = connected.api("POST", "/v1/notifications", {**to_ann, "from": {"sender": "nobody"}}, auth="app")
    assert (unknown.status, unknown.body["code"], unknown.pointers) == (422, "unknown_sender", ["/from/sender"])
    connected.api("DELETE", "/v1/senders/shop")
    assert connected.api("POST", "/v1/notifications", {**to_ann, "from": {"email": "news@shop.example"}},
                         auth="app").status == 422


def test_a_sender_may_be_bound_to_an_integration(connected, simulator):
    other = connected.get("/v1/integrations/twilio")
    connected.put("/v1/senders/bells", {"alphanumeric": "Bells", "integrations": ["twilio"]})
    delivery = sent_one(connected, to=[{"phone": "+821012345678"}], channels=["sms"], sms={"body": "x"},
                        **{"from": {"sender": "bells"}})
    assert delivery["status"] == "sent" and other["provider"] == "twilio_sms"
    assert sms_form(simulator.messages("twilio")[0])["From"] == "Bells"
    refused = connected.api("PUT", "/v1/senders/other", {"domain": "a.example", "integrations": ["none"]})
    assert refused.status == 422 and refused.pointers == ["/integrations/0"]
