"""What only Apple or only Google knows is said in the blocks apns and fcm, checked when it is accepted."""
import pytest

from people import android, ios, only, push_payload, sent_one


def test_everything_apple_knows(connected, simulator):
    ios(connected, "mina")
    aps = {"alert": {"title-loc-key": "TITLE", "title-loc-args": ["A-17"], "loc-key": "BODY", "loc-args": ["Mina", "2"],
                     "action-loc-key": "OPEN", "subtitle": "today"},
           "badge": 0, "sound": {"critical": 1, "name": "alarm.caf", "volume": 0.5}, "category": "ORDER",
           "thread-id": "orders", "mutable-content": 1, "interruption-level": "time-sensitive", "relevance-score": 0.5}
    delivery = sent_one(connected, to=[{"user_id": "mina"}], channels=["push"], push={"apns": {
        "aps": aps, "headers": {"apns-collapse-id": "order-17", "apns-priority": "5"}, "shop": {"id": 7}}})
    message = only(simulator.messages("apns", 5))
    payload = push_payload(message)
    assert payload["aps"] == aps and payload["shop"] == {"id": 7}
    assert payload["carillon"]["d"] == delivery["id"]
    assert message["collapse"] == "order-17"


def test_everything_google_knows(connected, simulator):
    android(connected, "jun")
    sent_one(connected, to=[{"user_id": "jun"}], channels=["push"], title="Hello", body="The bells ring.", push={
        "data": {"count": 3}, "fcm": {
            "android": {"priority": "NORMAL", "ttl": "60s", "collapse_key": "orders", "notification": {
                "channel_id": "orders", "color": "#336699", "body_loc_key": "BODY", "body_loc_args": ["Jun"]}},
            "data": {"deep": {"a": 1}}, "fcm_options": {"analytics_label": "spring"}}})
    message = only(simulator.messages("fcm", 5))
    sent = push_payload(message)["message"]
    assert (sent["android"]["priority"], sent["android"]["ttl"]) == ("NORMAL", "60s")
    assert sent["android"]["notification"]["body_loc_args"] == ["Jun"]
    assert sent["notification"]["title"] == "Hello"
    assert (sent["data"]["count"], sent["data"]["deep"]) == ("3", '{"a":1}')
    assert sent["fcm_options"] == {"analytics_label": "spring"}
    assert message["collapse"] == "orders"


@pytest.mark.parametrize("push, pointer, code", [
    ({"apns": {"aps": {"badge": "3"}}}, "/push/apns/aps/badge", "wrong_type"),
    ({"apns": {"aps": {"sound": {"critical": True}}}}, "/push/apns/aps/sound/critical", "wrong_type"),
    ({"apns": {"headers": {"apns-priority": "7"}}}, "/push/apns/headers/apns-priority", "invalid_choice"),
    ({"apns": {"aps": {"interruption-level": "loud"}}}, "/push/apns/aps/interruption-level", "invalid_choice"),
    ({"fcm": {"android": {"ttl": "1h"}}}, "/push/fcm/android/ttl", "invalid_value"),
    ({"fcm": {"android": {"notification": {"sticky": "yes"}}}}, "/push/fcm/android/notification/sticky", "wrong_type"),
    ({"fcm": {"topic": "news"}}, "/push/fcm/topic", "read_only"),
    ({"fcm": {"data": {"from": "me"}}}, "/push/fcm/data/from", "invalid_value"),
    ({"badge": "3"}, "/push/badge", "wrong_type"),
])
def test_a_wrong_field_is_told_when_it_is_accepted(connected, push, pointer, code):
    connected.put_user("mina")
    answer = connected.api("POST", "/v1/notifications", {
        "to": [{"user_id": "mina"}], "channels": ["push"], "title": "x", "push": push}, auth="app")
    assert answer.status in (400, 422)
    problem = only(answer.body["errors"])
    assert (problem["pointer"], problem["code"]) == (pointer, code)


def test_a_push_that_is_too_large_says_by_how_much(connected, simulator):
    ios(connected, "mina")
    android(connected, "jun")
    for user_id in ("mina", "jun"):
        delivery = sent_one(connected, to=[{"user_id": user_id}], channels=["push"], title="x", body="y" * 5000)
        assert (delivery["status"], delivery["reason"]) == ("failed", "rejected")
        assert "bytes over the limit of 4096" in str(connected.delivery(delivery["id"])["attempt_log"])
    assert not simulator.log("apns") and not simulator.log("fcm")
