"""Several accounts of one push service: each device is reached through the one that serves its app."""
import json

import harness
from people import only, sent_one, token

OTHER_APP = "com.example.other"


def apns(simulator, **settings):
    body = json.loads(json.dumps(harness.integrations(simulator)["apns"]))
    body["settings"].update(settings)
    return body


def iphone(server, user_id, **more):
    server.put_user(user_id)
    server.put(f"/v1/users/{user_id}/devices/{user_id}-phone",
               {"platform": "ios", "endpoints": [{"service": "apns", "token": token(user_id)}], **more})
    return {"to": [{"user_id": user_id}], "channels": ["push"], "title": "Hello", "body": "x"}


def test_a_development_build_is_reached_through_apples_development_service(server, simulator):
    server.put("/v1/integrations/store", apns(simulator, environment="production"))
    server.put("/v1/integrations/builds", apns(simulator, environment="development"))
    bought = iphone(server, "ann", environment="production")
    built = iphone(server, "bob", environment="development")
    assert (sent_one(server, **bought)["status"], sent_one(server, **bought)["integration"]) == ("sent", "store")
    delivery = sent_one(server, **built)
    assert (delivery["status"], delivery["integration"]) == ("sent", "builds"), delivery
    route = only(server.post("/v1/notifications/explain", built, auth="app")["data"])["route"]
    assert route["chosen"] == "builds" and only(route["skipped"])["integration"] == "store"
    assert "development" in only(route["skipped"])["why"]
    stored = server.delivery(delivery["id"])["explain"]["route"]
    assert stored["chosen"] == "builds" and only(stored["skipped"])["integration"] == "store"


def test_each_app_has_its_account_also_while_that_is_paused(server, simulator):
    server.put("/v1/integrations/shop", apns(simulator))
    server.put("/v1/integrations/other", apns(simulator, topic=OTHER_APP))
    mine = iphone(server, "ann", bundle=simulator.description["apns"]["topic"])
    theirs = iphone(server, "bob", bundle=OTHER_APP)
    assert sent_one(server, **mine)["integration"] == "shop"
    assert sent_one(server, **theirs)["integration"] == "other"
    server.post("/v1/integrations/other/pause")
    waiting = server.send(**theirs)
    [delivery] = server.wait_deliveries(waiting["id"], "held")
    assert delivery["reason"] == "integration_paused", "another app's account would have its token forgotten"
    server.post("/v1/integrations/other/resume")
    assert server.wait_final(waiting["id"])["outcome"] == "success"


def test_where_no_account_fits_the_answer_says_why(server, simulator):
    server.put("/v1/integrations/store", apns(simulator))
    built = iphone(server, "bob", environment="development")
    delivery = sent_one(server, **built)
    assert (delivery["status"], delivery["reason"]) == ("failed", "rejected")
    assert "development" in only(server.delivery(delivery["id"])["attempt_log"])["detail"]
