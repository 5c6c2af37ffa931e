"""The disk runs full: what cannot be kept is not acknowledged, and what was acknowledged is not lost."""
import harness
from people import only

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}
MORE_THAN_ANY_DISK = "900TB"


def start_on_a_full_disk(server):
    server.settings["store.disk_free_min"] = MORE_THAN_ANY_DISK
    server.start(ready=False)
    server.wait_for_log("listening on")
    harness.wait_until(lambda: answers(server), "it does not answer")


def answers(server):
    try:
        return harness.request(server.url + "/healthz").status == 200
    except OSError:
        return False


def test_a_send_is_answered_503_and_nothing_acknowledged_is_lost(connected, simulator):
    simulator.faults(smtp={"rate_5xx": 1})
    waiting = connected.send(event_id="e1", **MAIL)
    connected.wait_deliveries(waiting["id"], "retrying")
    connected.stop()
    start_on_a_full_disk(connected)
    refused = connected.api("POST", "/v1/notifications", {"event_id": "e2", **MAIL}, auth="app")
    assert refused.status == 503 and refused.headers["retry-after"], refused
    ready = harness.request(connected.url + "/readyz")
    assert ready.status == 503 and "disk" in ready.text
    # What is under way is still recorded: it frees more than it takes.
    simulator.faults()
    connected.advance("2m")
    assert only(connected.wait_final(waiting["id"])["deliveries"])["status"] == "sent"
    connected.stop()
    del connected.settings["store.disk_free_min"]
    connected.start()
    assert connected.accountability()["accepted"] == 1
    again = connected.api("POST", "/v1/notifications", {"event_id": "e2", **MAIL}, auth="app")
    assert again.status == 202, "what was answered 503 had been kept"


def test_a_batch_says_of_each_item_that_it_was_not_stored(server):
    server.stop()
    start_on_a_full_disk(server)
    answer = server.api("POST", "/v1/notifications/batch", {"notifications": [MAIL, MAIL]}, auth="app")
    if answer.status == 202:
        assert answer.body["summary"] == {"accepted": 0, "duplicate": 0, "refused": 2}
        assert {r["error"]["status"] for r in answer.body["results"]} == {503}
    else:
        assert answer.status == 503
