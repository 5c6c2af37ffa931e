"""Trying it out without any provider: everything ends in the sandbox, where it can be looked at."""
import harness
from people import only, sent_one


def test_everything_is_shown_and_marked(server):
    delivery = sent_one(server, to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="Hello",
                        body="The bells ring.")
    assert delivery["status"] == "sent" and delivery["sandbox"] is True
    message = only(server.sandbox_messages())
    assert message["delivery_id"] == delivery["id"] and message["channel"] == "email"
    assert message["to"] == "ok@sandbox.carillon.test" and "The bells ring." in str(message["content"])


def test_the_page_needs_no_console(server):
    page = harness.request(server.url + "/sandbox")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text.replace(server.url, "").replace("http://www.w3.org", "")


def test_reserved_recipients_act_their_part(server):
    reserved = {"ok": "sent", "bounce": "failed", "unknown": "sent"}
    sent = {name: server.send(to=[{"email": f"{name}@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
            for name in reserved}
    assert only(server.wait_final(sent["ok"]["id"])["deliveries"])["status"] == "sent"
    assert only(server.wait_final(sent["bounce"]["id"])["deliveries"])["reason"] == "invalid_recipient"
    tempfail = server.send(to=[{"email": "tempfail@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
    server.wait_deliveries(tempfail["id"], "retrying")
    phone = server.send(to=[{"phone": "+999000000006"}], channels=["sms"], sms={"body": "x"})
    assert only(server.wait_final(phone["id"])["deliveries"])["status"] == "unknown"
    unregistered = server.send(to=[{"device_token": "test-unregistered", "platform": "ios"}], channels=["push"],
                               body="x")
    assert only(server.wait_final(unregistered["id"])["deliveries"])["status"] == "failed"


def test_it_ends_for_live_keys_with_the_first_integration(connected, simulator):
    message = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}
    live = sent_one(connected, **message)
    assert live["sandbox"] is False and live["integration"] == "smtp"
    test = sent_one(connected, auth="test", **message)
    assert test["sandbox"] is True
    assert simulator.counts()["smtp"]["accepted"] == 1
    assert [m["delivery_id"] for m in connected.sandbox_messages()] == [test["id"]]


def test_a_channel_without_a_route_waits_and_is_not_swallowed(server, simulator):
    harness.connect(server, simulator, "smtp")
    sent = server.send(to=[{"phone": "+999000000001"}], channels=["sms"], sms={"body": "x"})
    held = only(server.wait_deliveries(sent["id"], "held"))
    assert held["reason"] == "no_route"
    assert server.sandbox_messages() == []
    harness.connect(server, simulator, "twilio")
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] in ("sent", "delivered")


def test_what_it_shows_survives_a_crash(server):
    sent_one(server, to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="Hello", body="x")
    server.restart(kill=True)
    assert len(server.sandbox_messages()) == 1
