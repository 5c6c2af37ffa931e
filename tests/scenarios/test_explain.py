"""Why did she not get it? The dry run and the history answer with the same object."""
import harness
from people import ios, only, sent_one, template


def test_a_dry_run_decides_and_writes_nothing(connected, simulator):
    ios(connected, "mina", email="mina@example.test")
    connected.patch("/v1/users/mina/preferences",
                    {"preferences": [{"channel": "email", "category": "*", "opt_in": False}]})
    asked = {"to": [{"user_id": "mina"}], "channels": ["push", "email"], "title": "x", "body": "y"}
    explained = connected.post("/v1/notifications/explain", asked, auth="app")["data"]
    by_channel = {e["channel"]: e for e in explained}
    assert by_channel["push"]["decision"] == "send" and by_channel["push"]["device_id"] == "mina-iphone"
    assert by_channel["push"]["route"]["chosen"] == "apns"
    said_no = by_channel["email"]
    assert (said_no["decision"], said_no["reason"]) == ("suppress", "opted_out")
    stops = [(check["check"], check["rule"]) for check in said_no["checks"] if check["result"] == "stop"]
    assert ("preference", "user:email:*") in stops
    assert connected.accountability()["accepted"] == 0
    assert connected.get("/v1/notifications")["data"] == []


def test_the_history_explains_in_the_same_form(connected):
    connected.put_user("mina", email="mina@example.test", locale="ko-KR")
    template(connected, "news", content={"en": {"title": "News", "body": "x"}, "ko": {"title": "소식", "body": "x"}})
    message = {"to": [{"user_id": "mina"}], "channels": ["email"], "template": "news"}
    before = only(connected.post("/v1/notifications/explain", message, auth="app")["data"])
    delivery = sent_one(connected, **message)
    after = connected.delivery(delivery["id"])["explain"]
    assert set(before) == set(after)
    assert after["decision"] == "send" and after["content"]["template"] == "news"
    assert before["recipient"] == after["recipient"]


def test_the_timeline_tells_the_story(connected):
    delivery = sent_one(connected, to=[{"email": "ann@example.test"}], channels=["email"], title="x", body="y")
    events = [step["event"] for step in connected.delivery(delivery["id"])["timeline"]]
    assert events[0] == "accepted" and events[-1] == "sent"


def test_a_dry_run_refuses_what_a_send_would_refuse(connected):
    asked = {"to": [{"user_id": "nobody"}], "channels": ["email"], "title": "x", "body": "y"}
    dry = connected.api("POST", "/v1/notifications/explain", asked, auth="app")
    real = connected.api("POST", "/v1/notifications", asked, auth="app")
    assert dry.status == real.status == 422
    assert dry.pointers == real.pointers == ["/to/0/user_id"]


def test_it_says_who_cannot_be_asked_and_who_is_asked_instead(connected, simulator):
    harness.connect(connected, simulator, "vonage")
    text = {"to": [{"phone": "+821012345678"}], "channels": ["sms"], "body": "x"}

    def explained():
        [found] = connected.post("/v1/notifications/explain", text, auth="app")["data"]
        return found

    assert explained()["route"] == {"rule": None, "chain": ["twilio", "vonage"], "chosen": "twilio", "skipped": []}
    connected.post("/v1/integrations/twilio/pause", {"reason": "moving house"})
    route = explained()["route"]
    assert route["chosen"] == "vonage"
    assert route["skipped"] == [{"integration": "twilio", "why": "it is paused: moving house"}]
    connected.post("/v1/integrations/vonage/pause")
    found = explained()
    assert (found["decision"], found["reason"]) == ("hold", "integration_paused")
    assert not found["route"]["chosen"] and len(found["route"]["skipped"]) == 2
    connected.post("/v1/integrations/vonage/resume")
    connected.post("/v1/integrations/twilio/resume")

    simulator.faults(twilio={"rate_5xx": 1, "status_5xx": 503})
    connected.send(**{**text, "to": [{"phone": f"+8210123400{i:02}"} for i in range(60)]})
    route = harness.wait_until(lambda: (r := explained()["route"])["chosen"] == "vonage" and r,
                               lambda: f"twilio would still be asked: {explained()}")
    assert "left alone after failures" in route["skipped"][0]["why"]
