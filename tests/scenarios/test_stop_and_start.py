"""Who writes STOP to the sender's number is heard once: in the suppressions, and in their preferences."""
import base64
import hashlib
import hmac
import urllib.parse

import pytest

import harness
from people import only

PHONE = "+821055550001"
SMS = {"channels": ["sms"], "body": "The bells ring."}


@pytest.fixture
def told(make_server, simulator):
    server = harness.reachable(harness.connect(make_server(), simulator, "twilio"))
    server.put_user("ann", phone_number=PHONE)
    server.put_user("bob", phone_number=PHONE)  # the same phone
    server.put_user("cid", phone_number="+821055550002")
    return server


def inbound(server, simulator, text, sid):
    """What Twilio posts when somebody writes to the number, signed as it signs."""
    url = f"{server.url}/v1/callbacks/twilio_sms/twilio"
    form = {"MessageSid": sid, "SmsStatus": "received", "From": PHONE, "To": "+15005550006", "Body": text}
    signed = url + "".join(name + form[name] for name in sorted(form))
    key = simulator.description["twilio"]["auth_token"].encode()
    signature = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha1).digest()).decode()
    answer = harness.request(url, "POST", urllib.parse.urlencode(form).encode(), {
        "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature})
    assert answer.status == 200, answer


def opted_out(server, user_id):
    preferences = server.get(f"/v1/users/{user_id}/preferences")["preferences"]
    return [(p["channel"], p["category"]) for p in preferences if not p["opt_in"]]


def test_stop_and_start_change_the_preferences_of_who_has_the_number(told, simulator):
    told.patch("/v1/users/ann/preferences", {"preferences": [{"channel": "sms", "category": "general",
                                                              "opt_in": False}]})
    inbound(told, simulator, "STOP", "SM1")
    assert sorted(opted_out(told, "ann")) == [("sms", "*"), ("sms", "general")]
    assert opted_out(told, "bob") == [("sms", "*")] and opted_out(told, "cid") == []
    assert only(told.all("/v1/suppressions"))["reason"] == "stop"
    entry = told.get("/v1/users/bob/preferences/log")["data"][0]
    assert entry["source"] == "callback" and entry["actor"] == "provider:twilio"
    inbound(told, simulator, "START", "SM2")
    assert opted_out(told, "ann") == [("sms", "general")], "what was refused by category stays refused"
    assert opted_out(told, "bob") == [] and told.all("/v1/suppressions") == []
    assert told.wait_final(told.send(to=[{"user_id": "bob"}], **SMS)["id"])["outcome"] == "success"


def test_a_stop_that_comes_again_after_a_start_changes_nothing(told, simulator):
    inbound(told, simulator, "STOP", "SM1")
    inbound(told, simulator, "STOP", "SM1")
    inbound(told, simulator, "START", "SM2")
    for _ in range(2):
        inbound(told, simulator, "STOP", "SM1")  # repeated by Twilio, or by somebody who kept it
        assert told.all("/v1/suppressions") == [] and opted_out(told, "bob") == []
    told.restart(kill=True)
    inbound(told, simulator, "STOP", "SM1")
    assert told.all("/v1/suppressions") == [] and opted_out(told, "bob") == []
    inbound(told, simulator, "STOP", "SM3")  # a new one
    assert only(told.all("/v1/suppressions"))["reason"] == "stop" and opted_out(told, "bob") == [("sms", "*")]
    inbound(told, simulator, "START", "SM2")
    assert only(told.all("/v1/suppressions"))["reason"] == "stop", "an old START lifts no later STOP"
