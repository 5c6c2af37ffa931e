"""Text messages by each provider: as the vendor documents them, with a wrong credential, to a dead number."""
import urllib.parse

import pytest

import harness
from people import PHONE, only, sent_one

SMS = {"channels": ["sms"], "sms": {"body": "Code 1234, 안녕"}}


def fields(message):
    return dict(urllib.parse.parse_qsl(message["content"], keep_blank_values=True, strict_parsing=True))


def refuses(server, simulator, key, **wrong):
    """Whether settings with that change are refused by the test that comes before they are stored."""
    body = harness.integrations(simulator)[key]
    body["settings"] |= wrong
    answer = server.api("PUT", f"/v1/integrations/{key}", body)
    assert answer.status == 422 and answer.body["code"] == "integration_test_failed", answer
    return True


def test_twilio_takes_a_text_with_its_validity_and_picture(server, simulator):
    harness.connect(server, simulator, "twilio")
    delivery = sent_one(server, to=[{"phone": PHONE}], ttl="10m", image="https://cdn.example.test/bell.png", **SMS)
    assert delivery["status"] in ("sent", "delivered") and delivery["provider_id"].startswith("MM")
    message = only(simulator.messages("twilio", 5))
    assert message["recipient"] == PHONE
    form = fields(message)
    assert form["Body"] == "Code 1234, 안녕" and form["MediaUrl"] == "https://cdn.example.test/bell.png"
    assert 590 <= int(form["ValidityPeriod"]) <= 600


def test_twilio_sends_through_a_messaging_service_without_pictures(server, simulator):
    body = harness.integrations(simulator)["twilio"]
    del body["settings"]["from"]
    body["settings"] |= {"messaging_service_sid": "MG" + "0" * 32, "mms": False}
    server.put("/v1/integrations/twilio", body)
    simulator.clear_log()
    sent_one(server, to=[{"phone": PHONE}], image="https://cdn.example.test/bell.png", **SMS)
    form = fields(only(simulator.messages("twilio", 5)))
    assert form["MessagingServiceSid"] == "MG" + "0" * 32
    assert "From" not in form and "MediaUrl" not in form


def test_a_sender_the_request_chose_wrongly_harms_nobody_else(server, simulator):
    harness.connect(server, simulator, "twilio")
    server.put("/v1/senders/line", {"phone": "+821012340000"})  # allowed here, and unknown to the vendor
    refused = sent_one(server, to=[{"phone": PHONE}], **{"from": {"phone": "+821012340000"}}, **SMS)
    assert refused["status"] == "failed"
    assert not server.get("/v1/integrations/twilio").get("paused")
    assert sent_one(server, to=[{"phone": PHONE}], **SMS)["status"] in ("sent", "delivered")


def test_twilio_refuses_a_wrong_token_and_a_text_too_long(server, simulator):
    assert refuses(server, simulator, "twilio", auth_token="wrong")
    harness.connect(server, simulator, "twilio")
    delivery = sent_one(server, to=[{"phone": PHONE}], channels=["sms"], sms={"body": "x" * 1700})
    assert delivery["status"] == "failed"
    assert "100 characters over" in str(server.delivery(delivery["id"]))
    assert simulator.counts()["twilio"]["accepted"] == 0


def test_a_country_the_account_may_not_reach_stops_nobody_else(server, simulator):
    harness.connect(server, simulator, "twilio")
    abroad = server.send(to=[{"phone": "+15005550003"}], **SMS)  # 21408 at Twilio
    [waiting] = server.wait_deliveries(abroad["id"], "held")
    assert waiting["reason"] == "no_route"
    assert "21408" in server.delivery(waiting["id"])["attempt_log"][0]["code"]
    assert server.get("/v1/integrations/twilio")["state"] == "ready"
    assert sent_one(server, to=[{"phone": PHONE}], **SMS)["status"] == "sent"
    harness.connect(server, simulator, "vonage")  # whoever may reach it takes it
    server.post("/v1/integrations/twilio/resume")
    done = only(server.wait_final(abroad["id"])["deliveries"])
    assert (done["status"], done["integration"]) == ("sent", "vonage")


def test_a_number_twilio_says_is_gone_is_not_asked_again(server, simulator):
    harness.connect(server, simulator, "twilio")
    gone = "+999000000003"  # has unsubscribed
    first = sent_one(server, to=[{"phone": gone}], **SMS)
    assert first["status"] == "failed" and first["reason"] == "invalid_recipient"
    again = sent_one(server, to=[{"phone": gone}], **SMS)
    assert again["status"] == "suppressed" and again["reason"] == "address_suppressed"
    assert simulator.counts()["twilio"]["refused"] == {"21610": 1}


def test_vonage_takes_a_text_in_unicode_with_our_id(server, simulator):
    harness.connect(server, simulator, "vonage")
    delivery = sent_one(server, to=[{"phone": PHONE}], ttl="10m", **SMS)
    assert delivery["status"] in ("sent", "delivered")
    message = only(simulator.messages("vonage", 5))
    assert message["recipient"] == PHONE and message["delivery"] == delivery["id"]
    form = fields(message)
    assert form["to"] == PHONE[1:] and form["text"] == "Code 1234, 안녕" and form["type"] == "unicode"
    assert form["client-ref"] == delivery["id"] and 590_000 <= int(form["ttl"]) <= 600_000


def test_vonage_answers_for_each_part(server, simulator):
    harness.connect(server, simulator, "vonage")
    delivery = sent_one(server, to=[{"phone": PHONE}], channels=["sms"], sms={"body": "x" * 400})
    assert len(delivery["provider_id"].split(",")) == 3


def test_vonage_refuses_a_wrong_secret_and_a_barred_number(server, simulator):
    assert refuses(server, simulator, "vonage", api_secret="wrong")
    harness.connect(server, simulator, "vonage")
    barred = "+999000000003"
    first = sent_one(server, to=[{"phone": barred}], **SMS)
    assert first["status"] == "failed" and first["reason"] == "invalid_recipient"
    assert sent_one(server, to=[{"phone": barred}], **SMS)["reason"] == "address_suppressed"
    assert simulator.counts()["vonage"]["refused"] == {"7": 1}


def test_a_busy_vonage_is_asked_again_without_counting_attempts(server, simulator):
    harness.connect(server, simulator, "vonage")
    usual = sent_one(server, to=[{"phone": PHONE}], **SMS)
    simulator.faults(vonage={"rate_429": 1, "retry_after_s": 30})
    sent = server.send(to=[{"phone": PHONE}], **SMS)
    harness.wait_until(lambda: simulator.counts()["vonage"]["refused"], "Vonage was not asked")
    simulator.faults()
    server.advance("2m")
    waited = only(server.wait_final(sent["id"])["deliveries"])
    assert waited["status"] in ("sent", "delivered") and waited["attempts"] == usual["attempts"]


# ---- what comes back

@pytest.fixture(params=["twilio", "vonage"])
def told(request, make_server, simulator):
    """A server that this vendor can call back, and the key of its integration."""
    server = harness.reachable(harness.connect(make_server(), simulator, request.param))
    provider = harness.integrations(simulator)[request.param]["provider"]
    simulator.webhooks(**{request.param: f"{server.url}/v1/callbacks/{provider}/{request.param}"})
    return server, request.param


def test_a_text_is_delivered_or_its_number_is_gone(told):
    server, _ = told
    arrived = sent_one(server, to=[{"phone": PHONE}], **SMS)
    harness.wait_until(lambda: server.delivery(arrived["id"])["status"] == "delivered", "no receipt")
    lost = sent_one(server, to=[{"phone": "+999000000002"}], **SMS)
    harness.wait_until(lambda: server.delivery(lost["id"])["status"] == "failed", "no receipt")
    assert server.delivery(lost["id"])["reason"] == "bounced"
    assert sent_one(server, to=[{"phone": "+999000000002"}], **SMS)["reason"] == "address_suppressed"


def test_start_also_lifts_a_stop_that_only_twilio_knew_of(make_server, simulator):
    server = harness.reachable(harness.connect(make_server(), simulator, "twilio"))
    simulator.webhooks(twilio=f"{server.url}/v1/callbacks/twilio_sms/twilio")
    unsubscribed = "+999000000003"
    assert sent_one(server, to=[{"phone": unsubscribed}], **SMS)["reason"] == "invalid_recipient"
    assert only(server.all("/v1/suppressions"))["reason"] == "stop"
    simulator.inbound("twilio", unsubscribed, "START")
    harness.wait_until(lambda: not server.all("/v1/suppressions"), "it is still suppressed")


def test_stop_ends_the_messages_and_start_brings_them_back(told, simulator):
    server, vendor = told
    sent_one(server, to=[{"phone": PHONE}], **SMS)
    simulator.inbound(vendor, PHONE, "Where is my order?")
    simulator.inbound(vendor, PHONE, "Stop.")
    harness.wait_until(lambda: server.all("/v1/suppressions"), "nothing is suppressed")
    refused = sent_one(server, to=[{"phone": PHONE}], **SMS)
    assert refused["status"] == "suppressed" and refused["reason"] in ("unsubscribed", "address_suppressed")
    simulator.inbound(vendor, PHONE, "START")
    harness.wait_until(lambda: not server.all("/v1/suppressions"), "it is still suppressed")
    assert sent_one(server, to=[{"phone": PHONE}], **SMS)["status"] in ("sent", "delivered")
    assert simulator.counts()[vendor]["accepted"] == 2
