"""Where Google's services do not reach: JPush, Pushy and Huawei carry the push, in the order the routes say."""
import base64
import hashlib
import hmac
import json
import time

import harness
from people import android, only, push_payload, sent_one, token

REGISTRATION_ID = "1507bfd3f7c466c355c"


def device(server, user_id, *services, platform="android", **profile):
    """A user with one phone that has a token of each service, in that order."""
    tokens = {"fcm": f"fcm-{user_id}:APA91b", "jpush": f"{REGISTRATION_ID}{user_id}", "pushy": f"a6345d{user_id}",
              "hms": f"IQAAAACy0OA{user_id}"}
    server.put_user(user_id, **profile)
    server.put(f"/v1/users/{user_id}/devices/{user_id}-phone", {
        "platform": platform, "endpoints": [{"service": s, "token": tokens[s]} for s in services]})
    return tokens


def say(server, user_id, **more):
    return server.send(to=[{"user_id": user_id}], channels=["push"], title="주문", body="A-17 left", **more)


def test_jpush_carries_a_push(server, simulator):
    harness.connect(server, simulator, "jpush")
    tokens = device(server, "li", "jpush")
    delivery = sent_one(server, to=[{"user_id": "li"}], channels=["push"], title="主题", body="A-17",
                        ttl="10m", push={"data": {"order": "A-17"}, "badge": 2})
    assert delivery["status"] == "sent" and delivery["integration"] == "jpush"
    message = only(simulator.messages("jpush", 5))
    assert message["recipient"] == tokens["jpush"] and message["delivery"] == delivery["id"]
    sent = push_payload(message)
    assert sent["platform"] == ["android"] and sent["audience"] == {"registration_id": [tokens["jpush"]]}
    assert sent["cid"].startswith(simulator.description["jpush"]["app_key"] + "-")
    shown = sent["notification"]["android"]
    assert (shown["title"], shown["alert"]) == ("主题", "A-17")
    assert shown["extras"] == {"carillon": {"n": delivery["notification_id"], "d": delivery["id"]}, "order": "A-17"}
    assert 590 <= sent["options"]["time_to_live"] <= 600


def test_pushy_carries_a_push(server, simulator):
    harness.connect(server, simulator, "pushy")
    tokens = device(server, "li", "pushy")
    delivery = sent_one(server, to=[{"user_id": "li"}], channels=["push"], title="主题", body="A-17")
    message = only(simulator.messages("pushy", 5))
    assert message["recipient"] == tokens["pushy"] and message["delivery"] == delivery["id"]
    assert push_payload(message)["data"] == {
        "title": "主题", "message": "A-17", "carillon": {"n": delivery["notification_id"], "d": delivery["id"]}}


def test_huawei_carries_a_push(server, simulator):
    harness.connect(server, simulator, "hms")
    tokens = device(server, "li", "hms", platform="harmony")
    delivery = sent_one(server, to=[{"user_id": "li"}], channels=["push"], title="主题", body="A-17",
                        push={"data": {"order": "A-17"}})
    message = only(simulator.messages("hms", 5))
    assert message["recipient"] == tokens["hms"] and message["delivery"] == delivery["id"]
    sent = push_payload(message)["message"]
    assert sent["token"] == [tokens["hms"]] and sent["android"]["bi_tag"] == delivery["id"]
    assert sent["android"]["notification"]["title"] == "主题"
    data = json.loads(sent["data"])
    assert data["order"] == "A-17" and data["carillon"]["d"] == delivery["id"]


def test_a_harmony_device_needs_only_its_token(server, simulator):
    harness.connect(server, simulator, "hms")
    server.put_user("li")
    server.put("/v1/users/li/devices/IQAAAACy0OAshort", {"platform": "harmony"})
    assert sent_one(server, to=[{"user_id": "li"}], channels=["push"], title="x")["status"] == "sent"
    assert only(simulator.messages("hms", 5))["recipient"] == "IQAAAACy0OAshort"


def test_wrong_credentials_are_told_before_the_first_message(server, simulator):
    wrong = {"jpush": {"master_secret": "wrong"}, "pushy": {"api_key": "wrong"}, "hms": {"app_secret": "wrong"}}
    for key, change in wrong.items():
        body = harness.integrations(simulator)[key]
        body["settings"] |= change
        answer = server.api("PUT", f"/v1/integrations/{key}", body)
        assert answer.status == 422, (key, answer)
        assert "wrong" not in json.dumps(answer.body), key


def test_wrong_credentials_hold_the_message(server, simulator):
    harness.connect(server, simulator, "jpush")
    device(server, "li", "jpush")
    simulator.faults(jpush={"auth_failure": 1})
    sent = say(server, "li")
    delivery = only(server.wait_deliveries(sent["id"], "held"))
    assert delivery["reason"] == "integration_paused"
    simulator.faults()
    server.post("/v1/integrations/jpush/resume")
    assert server.wait_final(sent["id"])["outcome"] == "success"
    assert len(simulator.log("jpush")) == 1


def test_a_dead_address_is_forgotten(server, simulator):
    harness.connect(server, simulator, "hms", "jpush")
    for user_id, service in (("li", "hms"), ("wu", "jpush")):
        device(server, f"{user_id}-ok", service)
        for _ in range(2):  # while more answers of an account are bad than good, it forgets nobody
            say(server, f"{user_id}-ok")
        server.put_user(user_id)
        server.put(f"/v1/users/{user_id}/devices/phone", {
            "platform": "android", "endpoints": [{"service": service, "token": "test-unregistered"}]})
        server.wait_idle()
        delivery = sent_one(server, to=[{"user_id": user_id}], channels=["push"], title="x")
        assert (delivery["status"], delivery["reason"]) == ("failed", "invalid_recipient")
        assert not server.get(f"/v1/users/{user_id}").get("devices")


def both(server, simulator):
    """FCM first, then JPush, as the two were created."""
    body = harness.integrations(simulator)["fcm"]
    body["settings"]["timeout"] = "1s"
    server.put("/v1/integrations/fcm", body)
    server.put("/v1/integrations/jpush", harness.integrations(simulator)["jpush"])
    simulator.clear_log()


def test_a_phone_with_two_services_gets_one_push(server, simulator):
    both(server, simulator)
    device(server, "li", "jpush", "fcm")  # the route decides, not the order of the endpoints
    sent = say(server, "li")
    assert len(server.wait_final(sent["id"])["deliveries"]) == 1
    assert len(simulator.log("fcm")) == 1 and not simulator.log("jpush")


def test_the_next_endpoint_is_asked_when_a_token_is_dead(server, simulator):
    both(server, simulator)
    server.put_user("li")
    server.put("/v1/users/li/devices/phone", {"platform": "android", "endpoints": [
        {"service": "fcm", "token": "test-unregistered"}, {"service": "jpush", "token": REGISTRATION_ID}]})
    sent = say(server, "li")
    delivery = only(server.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["integration"] == "jpush"
    assert only(simulator.log("jpush"))["recipient"] == REGISTRATION_ID and not simulator.log("fcm")
    left = only(server.get("/v1/users/li")["devices"])["endpoints"]
    assert [e["service"] for e in left] == ["jpush"]  # the dead one is forgotten


def test_both_tokens_dead_ends_it(server, simulator):
    both(server, simulator)
    server.put_user("li")
    server.put("/v1/users/li/devices/phone", {"platform": "android", "endpoints": [
        {"service": "fcm", "token": "test-unregistered"}, {"service": "jpush", "token": "test-unregistered"}]})
    sent = say(server, "li")
    delivery = only(server.wait_final(sent["id"])["deliveries"])
    assert (delivery["status"], delivery["reason"]) == ("failed", "invalid_recipient")
    assert simulator.counts()["jpush"]["refused"] == {"1011": 1}


def test_a_token_that_is_kept_is_not_asked_again_and_again(server, simulator):
    """JPush calls it dead, but JPush has taken nothing yet: the account may be wrong, so the token stays."""
    both(server, simulator)
    server.put("/v1/routes/first", {"position": 1, "match": {"channel": "push"},
                                    "chain": [{"integration": "jpush"}, {"integration": "fcm"}]})
    server.put_user("li")
    server.put("/v1/users/li/devices/phone", {"platform": "android", "endpoints": [
        {"service": "jpush", "token": "test-unregistered"}, {"service": "fcm", "token": "fcm-li:APA91b"}]})
    delivery = only(server.wait_final(say(server, "li")["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["integration"] == "fcm"
    assert simulator.counts()["jpush"]["refused"] == {"1011": 1}
    assert len(only(server.get("/v1/users/li")["devices"])["endpoints"]) == 2


def test_the_next_endpoint_is_asked_when_fcm_refuses_for_now(server, simulator):
    both(server, simulator)
    device(server, "li", "fcm", "jpush")
    simulator.faults(fcm={"rate_5xx": 1})
    sent = say(server, "li")
    delivery = only(server.wait_final(sent["id"])["deliveries"])
    assert delivery["integration"] == "jpush"
    assert len(simulator.log("jpush")) == 1 and not simulator.log("fcm")


def test_a_blocked_fcm_leads_to_jpush_once(server, simulator):
    """Nobody answers: whether FCM took it is not known, so it is asked once more with the same tag, and then the
    other service of the phone."""
    both(server, simulator)
    device(server, "li", "fcm", "jpush")
    simulator.faults(fcm={"black_hole": True})
    sent = say(server, "li")
    for asked, wait in ((1, "2m"), (2, "6m")):
        harness.wait_until(lambda: only(server.deliveries(sent["id"]))["attempts"] == asked, f"{asked} attempts")
        delivery = only(server.wait_deliveries(sent["id"], "retrying"))
        assert delivery["reason"] == "unknown_outcome" and delivery["integration"] == "fcm"
        assert not simulator.log("jpush")
        server.advance(wait)
    delivery = only(server.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent" and delivery["integration"] == "jpush"
    assert len(simulator.log("jpush")) == 1 and not simulator.log("fcm")


def test_a_market_has_its_own_route(server, simulator):
    both(server, simulator)
    server.put("/v1/routes/china", {"position": 1, "match": {"channel": "push", "country": "CN"},
                                    "chain": [{"integration": "jpush"}]})
    device(server, "li", "fcm", "jpush", country_code="CN")
    device(server, "ann", "fcm", "jpush", country_code="DE")
    for user_id, vendor in (("li", "jpush"), ("ann", "fcm")):
        delivery = sent_one(server, to=[{"user_id": user_id}], channels=["push"], title="x")
        assert delivery["integration"] == vendor
        assert only(simulator.log(vendor))["delivery"] == delivery["id"]
    explained = server.post("/v1/notifications/explain", {"to": [{"user_id": "li"}], "channels": ["push"],
                                                          "title": "x"}, auth="app")
    route = only(explained["data"])["route"]
    assert (route["rule"], route["chain"], route["chosen"]) == ("china", ["jpush"], "jpush")


def test_the_explanation_says_which_service_the_phone_lacks(server, simulator):
    both(server, simulator)
    device(server, "li", "jpush")
    explained = server.post("/v1/notifications/explain", {"to": [{"user_id": "li"}], "channels": ["push"],
                                                          "title": "x"}, auth="app")
    route = only(explained["data"])["route"]
    assert route["chosen"] == "jpush" and only(route["skipped"])["integration"] == "fcm"


def test_a_route_without_the_phones_service_waits(server, simulator):
    both(server, simulator)
    server.put("/v1/routes/china", {"position": 1, "match": {"channel": "push", "country": "CN"},
                                    "chain": [{"integration": "jpush"}]})
    android(server, "li", country_code="CN")  # FCM only
    sent = say(server, "li")
    assert only(server.wait_deliveries(sent["id"], "held"))["reason"] == "no_route"


def test_a_mac_gets_pushes_with_its_own_topic(server, simulator):
    """The integration names no topic: each app is told by its device's bundle."""
    body = harness.integrations(simulator)["apns"]
    del body["settings"]["topic"]
    server.api("PUT", "/v1/integrations/apns?test=false", body)
    server.put_user("mina")
    value = token("mina-mac")
    for name, bundle in (("mac", "com.example.desktop"), ("old-mac", "")):
        server.put(f"/v1/users/mina/devices/{name}", {
            "platform": "macos", "bundle": bundle, "endpoints": [{"service": "apns", "token": token(f"mina-{name}")}]})
    sent = server.send(to=[{"user_id": "mina"}], channels=["push"], title="Hello", body="The bells ring.")
    by_device = {d["device_id"]: d for d in server.wait_final(sent["id"])["deliveries"]}
    assert by_device["mac"]["platform"] == "macos" and by_device["mac"]["status"] == "sent"
    assert by_device["old-mac"]["status"] == "failed"
    message = only(simulator.messages("apns", 5))
    assert message["recipient"] == value and message["delivery"] == by_device["mac"]["id"]


def wait_delivered(server, delivery_id):
    return harness.wait_until(
        lambda: (d := server.delivery(delivery_id))["status"] == "delivered" and d,
        lambda: f"not delivered: {json.dumps(server.delivery(delivery_id))}")


def test_jpush_tells_that_the_phone_has_it(make_server, simulator):
    server = harness.reachable(harness.connect(make_server(), simulator, "jpush"))
    device(server, "li", "jpush")
    sent = say(server, "li")
    delivery = wait_delivered(server, only(server.wait_final(sent["id"])["deliveries"])["id"])
    assert only(r for r in delivery["receipts"] if r["kind"] == "delivered")["integration"] == "jpush"


def test_huawei_tells_what_became_of_a_push(server, simulator):
    harness.connect(server, simulator, "hms")
    simulator.report_to(hms=f"{server.url}/v1/callbacks/hms/hms")
    device(server, "li", "hms")
    sent = say(server, "li")
    wait_delivered(server, only(server.wait_final(sent["id"])["deliveries"])["id"])


def test_a_phone_without_the_app_is_not_written_to_again(server, simulator):
    harness.connect(server, simulator, "hms")
    tokens = device(server, "li", "hms")
    delivery = only(server.wait_final(say(server, "li")["id"])["deliveries"])
    receipt = {"statuses": [{"biTag": delivery["id"], "token": tokens["hms"], "status": 2,
                             "timestamp": int(time.time() * 1000), "requestId": "1"}]}
    path = "/v1/callbacks/hms/hms"
    forged = harness.request(server.url + path, "POST", receipt, headers={
        "X-HUAWEI-CALLBACK-ID": f"timestamp={int(time.time() * 1000)}; nonce=n; value=AAAA"})
    assert forged.status == 403
    account, now = simulator.description["hms"], int(time.time() * 1000)
    value = base64.b64encode(hmac.digest(account["receipt_key"].encode(),
                                         f"{now}n{account['receipt_user']}".encode(), hashlib.sha256)).decode()
    taken = harness.request(server.url + path, "POST", receipt, headers={
        "X-HUAWEI-CALLBACK-ID": f"timestamp={now}; nonce=n; value={value}"})
    assert taken.status == 200 and taken.body == {"code": "0", "message": "success"}
    bounced = harness.wait_until(
        lambda: (d := server.delivery(delivery["id"]))["status"] == "failed" and d,
        lambda: f"not failed: {json.dumps(server.delivery(delivery['id']))}")
    assert bounced["reason"] == "bounced"
    again = only(server.wait_final(say(server, "li")["id"])["deliveries"])
    assert again["status"] == "suppressed" and again["reason"] == "no_address"
    assert simulator.counts()["hms"]["accepted"] == 1


def test_a_kill_shows_no_push_twice(server, simulator):
    harness.connect(server, simulator, "jpush")
    device(server, "li", "jpush")
    sent_one(server, to=[{"user_id": "li"}], channels=["push"], title="x")  # push ids are there from now on
    simulator.faults(jpush={"no_answer": 1})
    asked = say(server, "li")
    harness.wait_until(lambda: len(simulator.log("jpush")) == 2, "JPush was not asked")
    server.kill()
    simulator.faults()
    server.start()
    delivery = only(server.wait_final(asked["id"])["deliveries"])
    assert (delivery["status"], delivery["resent"]) == ("sent", 1)
    taken = [entry for entry in simulator.log("jpush") if entry["delivery"] == delivery["id"]]
    assert len(taken) == 1, "the same push id is answered with the first result"
    assert delivery["provider_id"] == taken[0]["message_id"]


def test_a_restart_shows_no_push_twice(server, simulator):
    harness.connect(server, simulator, "jpush")
    device(server, "li", "jpush")
    sent_one(server, to=[{"user_id": "li"}], channels=["push"], title="x")
    simulator.faults(jpush={"reset_after": 1})
    asked = say(server, "li")
    [waiting] = server.wait_deliveries(asked["id"], "retrying")
    assert waiting["reason"] == "unknown_outcome"
    server.stop()
    simulator.faults()
    server.start()
    server.advance("2m")
    delivery = only(server.wait_final(asked["id"])["deliveries"])
    taken = [entry for entry in simulator.log("jpush") if entry["delivery"] == delivery["id"]]
    assert delivery["status"] == "sent" and delivery["provider_id"] == only(taken)["message_id"]
