"""Automated phone calls by each provider: what is said, with a wrong credential, to a dead number."""
import json
import re
import xml.etree.ElementTree
import urllib.parse

import pytest

import harness
from people import PHONE, only, sent_one

VOICE = {"channels": ["voice"], "voice": {"text": "Tom & <b>Jerry</b> \"now\"", "language": "en-GB", "repeat": 2}}
WRONG = {"twilio_voice": {"auth_token": "wrong"},
         "vonage_voice": {"application_id": "00000000-0000-0000-0000-000000000000"}}
VENDOR = {"twilio_voice": "twilio", "vonage_voice": "vonage"}


def twiml(message):
    form = dict(urllib.parse.parse_qsl(message["content"], strict_parsing=True))
    return form, xml.etree.ElementTree.fromstring(form["Twiml"]).find("Say")


def test_twilio_calls_and_says_the_text(server, simulator):
    harness.connect(server, simulator, "twilio_voice")
    delivery = sent_one(server, to=[{"phone": PHONE}], **VOICE)
    assert delivery["status"] in ("sent", "delivered") and delivery["provider_id"].startswith("CA")
    message = only(simulator.messages("twilio", 5))
    assert message["recipient"] == PHONE
    form, say = twiml(message)
    assert form["From"] == simulator.description["twilio"]["from"]
    assert say.text == VOICE["voice"]["text"] and say.get("language") == "en-GB" and say.get("loop") == "2"


def test_vonage_calls_and_says_the_text(server, simulator):
    harness.connect(server, simulator, "vonage_voice")
    delivery = sent_one(server, to=[{"phone": PHONE}], **VOICE)
    assert delivery["status"] in ("sent", "delivered") and re.fullmatch(r"[0-9a-f-]{36}", delivery["provider_id"])
    call = json.loads(only(simulator.messages("vonage", 5))["content"])
    assert call["to"] == [{"type": "phone", "number": PHONE[1:]}]
    talk = only(call["ncco"])
    assert talk["action"] == "talk" and talk["text"] == VOICE["voice"]["text"]
    assert talk["language"] == "en-GB" and talk["loop"] == 2


@pytest.mark.parametrize("key", WRONG)
def test_a_template_speaks_the_language_of_its_recipient(server, simulator, key):
    harness.connect(server, simulator, key)
    server.put_user("mina", phone_number=PHONE, locale="ko-KR")
    server.put("/v1/templates/down?publish=true", {
        "default_locale": "en", "params": [{"name": "host", "type": "string", "required": True}],
        "content": {"en": {"voice": {"text": "{{host}} is down"}}, "ko": {"voice": {"text": "{{host}} 장애"}}}})
    sent_one(server, to=[{"user_id": "mina"}], channels=["voice"], template="down", params={"host": "web-1"})
    message = only(simulator.messages(VENDOR[key], 5))
    if key == "twilio_voice":
        say = twiml(message)[1]
        said, language = say.text, say.get("language")
    else:
        talk = json.loads(message["content"])["ncco"][0]
        said, language = talk["text"], talk["language"]
    assert (said, language) == ("web-1 장애", "ko-KR")


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_credential_is_refused_and_a_call_waits_for_the_right_one(server, simulator, key):
    body = harness.integrations(simulator)[key]
    broken = {**body, "settings": {**body["settings"], **WRONG[key]}}
    answer = server.api("PUT", f"/v1/integrations/{key}", broken)
    assert answer.status == 422 and answer.body["code"] == "integration_test_failed"
    server.put(f"/v1/integrations/{key}?test=false", broken)
    sent = server.send(to=[{"phone": PHONE}], **VOICE)
    assert only(server.wait_deliveries(sent["id"], "held"))["reason"] == "integration_paused"
    server.put(f"/v1/integrations/{key}", body)
    server.post(f"/v1/integrations/{key}/resume")
    assert server.wait_final(sent["id"])["outcome"] == "success"


@pytest.mark.parametrize("key", WRONG)
def test_a_number_that_is_none_is_not_called_again(server, simulator, key):
    harness.connect(server, simulator, key)
    gone = "+999000000003"
    first = sent_one(server, to=[{"phone": gone}], **VOICE)
    assert first["status"] == "failed" and first["reason"] == "invalid_recipient"
    assert sent_one(server, to=[{"phone": gone}], **VOICE)["reason"] == "address_suppressed"
    assert simulator.counts()[VENDOR[key]]["accepted"] == 0


@pytest.mark.parametrize("key", WRONG)
def test_nobody_is_called_twice_when_the_answer_is_lost(server, simulator, key):
    harness.connect(server, simulator, key)
    simulator.faults(**{VENDOR[key]: {"reset_after": 1}})
    delivery = sent_one(server, to=[{"phone": PHONE}], **VOICE)
    assert delivery["status"] == "unknown"
    assert simulator.counts()[VENDOR[key]]["unanswered"] == 1


@pytest.mark.parametrize("key", WRONG)
def test_a_text_too_long_is_not_called_at_all(server, simulator, key):
    harness.connect(server, simulator, key)
    delivery = sent_one(server, to=[{"phone": PHONE}], channels=["voice"], voice={"text": "x" * 4100})
    assert delivery["status"] == "failed"
    assert "characters over the limit" in str(server.delivery(delivery["id"]))
    assert simulator.counts()[VENDOR[key]]["accepted"] == 0


@pytest.mark.parametrize("key", WRONG)
def test_the_vendor_tells_how_a_call_ended(make_server, simulator, key):
    server = harness.reachable(harness.connect(make_server(), simulator, key))
    answered = sent_one(server, to=[{"phone": PHONE}], **VOICE)
    harness.wait_until(lambda: server.delivery(answered["id"])["status"] == "delivered", "no report")
    missed = sent_one(server, to=[{"phone": "+999000000002"}], **VOICE)
    harness.wait_until(lambda: server.delivery(missed["id"])["status"] == "failed", "no report")
    reason = {"twilio_voice": "undelivered", "vonage_voice": "bounced"}[key]
    assert server.delivery(missed["id"])["reason"] == reason
