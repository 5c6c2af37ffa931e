"""A phone changes hands: the next person never sees the last person's messages."""
from people import only, sent_one, token

PUSH = {"channels": ["push"], "title": "Hello", "body": "The bells ring."}


def register(server, user_id, value):
    server.put_user(user_id)
    server.put(f"/v1/users/{user_id}/devices/phone-1", {
        "platform": "ios", "endpoints": [{"service": "apns", "token": value}]})


def test_messages_waiting_for_the_last_owner_are_suppressed(connected, simulator):
    phone = token("phone")
    register(connected, "first", phone)
    pause = connected.post("/v1/pauses", {"scope": {"channel": "push"}, "reason": "test"})
    waiting = connected.send(to=[{"user_id": "first"}], **PUSH)
    connected.wait_deliveries(waiting["id"], "held")
    register(connected, "second", phone)
    connected.delete(f"/v1/pauses/{pause['id']}")
    delivery = only(connected.wait_final(waiting["id"])["deliveries"])
    assert delivery["status"] == "suppressed" and delivery["reason"] == "device_moved"
    assert simulator.counts()["apns"]["accepted"] == 0


def test_the_new_owner_gets_the_new_messages(connected, simulator):
    phone = token("phone")
    register(connected, "first", phone)
    register(connected, "second", phone)
    assert sent_one(connected, to=[{"user_id": "first"}], **PUSH)["reason"] == "no_address"
    assert sent_one(connected, to=[{"user_id": "second"}], **PUSH)["status"] == "sent"
    assert only(simulator.messages("apns", 5))["recipient"] == phone


def test_a_phone_known_only_by_its_platform_belongs_to_the_only_app_and_moves_too(connected, simulator):
    phone, app = token("phone"), simulator.description["apns"]["topic"]
    for user_id in ("first", "second"):
        connected.put_user(user_id)
    register(connected, "first", phone)
    device = connected.put(f"/v1/users/second/devices/{phone}", {"platform": "ios"})
    assert device["bundle"] == app
    assert sent_one(connected, to=[{"user_id": "first"}], **PUSH)["reason"] == "no_address"
    assert sent_one(connected, to=[{"user_id": "second"}], **PUSH)["status"] == "sent"
    register(connected, "first", phone)
    assert sent_one(connected, to=[{"user_id": "second"}], **PUSH)["reason"] == "no_address"
