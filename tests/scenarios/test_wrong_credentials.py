"""Somebody rotated the vendor's password and forgot us: nothing is lost while we are locked out."""
import harness
from people import OK_PHONE, ios, only


def broken(simulator, key):
    body = harness.integrations(simulator)[key]
    name = {"smtp": "password", "twilio": "auth_token"}[key]
    body["settings"][name] = "wrong"
    return body


def lock_out(server, simulator, key, message):
    # As if the vendor's password had changed since it was tested.
    server.put(f"/v1/integrations/{key}?test=false", broken(simulator, key))
    sent = server.send(**message)
    held = only(server.wait_deliveries(sent["id"], "held"))
    assert held["reason"] == "integration_paused" and held["attempts"] == 0
    return sent


def test_messages_wait_for_the_right_password_and_then_go(connected, simulator):
    mail = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}
    first = lock_out(connected, simulator, "smtp", mail)
    assert connected.get("/v1/integrations/smtp")["paused"]
    second = connected.send(**mail)
    connected.wait_deliveries(second["id"], "held")
    connected.put("/v1/integrations/smtp", harness.integrations(simulator)["smtp"])
    connected.post("/v1/integrations/smtp/resume")
    for sent in (first, second):
        assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"
    assert simulator.counts()["smtp"]["accepted"] == 2


def test_the_other_channels_go_on(connected, simulator):
    ios(connected, "mina")
    lock_out(connected, simulator, "twilio", {"to": [{"phone": OK_PHONE}], "channels": ["sms"], "sms": {"body": "x"}})
    sent = connected.send(to=[{"user_id": "mina"}], channels=["push"], body="x")
    assert connected.wait_final(sent["id"])["outcome"] == "success"


def test_credentials_are_tested_before_use_and_never_read_back(connected, simulator):
    assert connected.post("/v1/integrations/smtp/test")["ok"] is True
    refused = connected.api("PUT", "/v1/integrations/smtp", broken(simulator, "smtp"))
    assert refused.status == 422 and refused.body["code"] == "integration_test_failed"
    assert connected.post("/v1/integrations/smtp/test")["ok"] is True, "the settings that work were replaced"
    for key in ("apns", "fcm", "twilio", "smtp"):
        text = connected.api("GET", f"/v1/integrations/{key}").text
        said = simulator.description
        for secret in (said["smtp"]["password"], said["twilio"]["auth_token"], "PRIVATE KEY"):
            assert secret not in text
    assert connected.get("/v1/integrations/smtp")["settings"]["password"] == {"set": True}
