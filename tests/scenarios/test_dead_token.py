"""An app was removed from a phone: its token is forgotten, unless it was registered anew in the meantime."""
from people import ios, only, sent_one

PUSH = {"channels": ["push"], "title": "Hello", "body": "The bells ring."}


def devices(server, user_id):
    return server.get(f"/v1/users/{user_id}/devices")["data"]


def register(server, user_id, token):
    server.put_user(user_id)
    server.put(f"/v1/users/{user_id}/devices/phone", {
        "platform": "ios", "endpoints": [{"service": "apns", "token": token}]})


def test_a_dead_token_is_forgotten(connected, simulator):
    register(connected, "mina", "test-unregistered")
    delivery = sent_one(connected, to=[{"user_id": "mina"}], **PUSH)
    assert delivery["status"] == "failed" and delivery["reason"] == "invalid_recipient"
    assert all(not d.get("endpoints") for d in devices(connected, "mina"))
    again = sent_one(connected, to=[{"user_id": "mina"}], **PUSH)
    assert again["status"] == "suppressed" and again["reason"] == "no_address"
    assert simulator.counts()["apns"]["refused"] == {"Unregistered": 1}


def test_a_token_registered_after_the_vendor_gave_it_up_stays(connected, simulator):
    simulator.advance("0s")
    connected.advance("1h")  # registered an hour after the moment the vendor will name
    register(connected, "mina", "test-unregistered")
    assert sent_one(connected, to=[{"user_id": "mina"}], **PUSH)["status"] == "failed"
    assert only(devices(connected, "mina"))["endpoints"]


def test_a_working_token_stays(connected):
    ios(connected, "mina")
    assert sent_one(connected, to=[{"user_id": "mina"}], **PUSH)["status"] == "sent"
    assert only(devices(connected, "mina"))["endpoints"]
