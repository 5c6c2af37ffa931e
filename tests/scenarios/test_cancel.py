"""Somebody notices the mistake in time."""
import datetime

from people import only

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}


def test_what_is_not_sent_yet_is_cancelled(connected, simulator):
    pause = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(**MAIL)
    connected.wait_deliveries(sent["id"], "held")
    answer = connected.post(f"/v1/notifications/{sent['id']}/cancel")
    assert (answer["cancelled"], answer["in_flight"], answer["already_sent"]) == (1, 0, 0)
    connected.delete(f"/v1/pauses/{pause['id']}")
    done = connected.wait_final(sent["id"])
    assert done["status"] == "cancelled"
    assert only(done["deliveries"])["status"] == "cancelled"
    connected.wait_idle()
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_a_scheduled_one_is_cancelled_before_it_has_deliveries(connected, simulator):
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()
    sent = connected.send(send_at=later, **MAIL)
    connected.post(f"/v1/notifications/{sent['id']}/cancel")
    connected.advance("2h")
    assert connected.wait_final(sent["id"])["status"] == "cancelled"
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_what_is_sent_stays_sent_and_asking_again_changes_nothing(connected):
    sent = connected.send(**MAIL)
    connected.wait_final(sent["id"])
    for _ in range(2):
        answer = connected.post(f"/v1/notifications/{sent['id']}/cancel")
        assert (answer["cancelled"], answer["already_sent"]) == (0, 1)
    assert only(connected.deliveries(sent["id"]))["status"] == "sent"


def test_a_retry_is_cancelled(connected, simulator):
    simulator.faults(smtp={"rate_5xx": 1})
    sent = connected.send(**MAIL)
    connected.wait_deliveries(sent["id"], "retrying")
    assert connected.post(f"/v1/notifications/{sent['id']}/cancel")["cancelled"] == 1
    simulator.faults()
    connected.advance("2m")
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "cancelled"


def test_another_app_cannot_cancel_it(connected):
    other = connected.post("/v1/apps", {"name": "other"})
    sent = connected.send(**MAIL)
    answer = connected.api("POST", f"/v1/notifications/{sent['id']}/cancel",
                           auth=(other["app_key"], other["app_secret"]))
    assert answer.status == 404
