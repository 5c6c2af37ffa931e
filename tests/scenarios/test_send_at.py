"""A message for tomorrow is resolved tomorrow, with the profile and the preferences of then."""
import datetime

from people import only


def in_hours(hours):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).isoformat()


def test_it_goes_when_its_time_has_come_to_the_address_of_then(connected, simulator):
    connected.put_user("mina", email="old@example.test")
    sent = connected.send(to=[{"user_id": "mina"}], channels=["email"], title="x", body="y", send_at=in_hours(12))
    assert sent["status"] == "scheduled" and sent["deliveries"] is None
    assert connected.deliveries(sent["id"]) == []
    connected.put_user("mina", email="new@example.test")
    connected.advance("11h")
    assert connected.notification(sent["id"])["status"] == "scheduled"
    connected.advance("2h")
    assert connected.wait_final(sent["id"])["outcome"] == "success"
    assert only(simulator.messages("smtp", 5))["recipient"] == "new@example.test"


def test_who_said_no_since_is_left_out(connected, simulator):
    connected.put_user("mina", email="mina@example.test")
    sent = connected.send(to=[{"user_id": "mina"}], channels=["email"], title="x", body="y", send_at=in_hours(1))
    connected.patch("/v1/users/mina/preferences", {"preferences": [{"channel": "*", "category": "*", "opt_in": False}]})
    connected.advance("2h")
    assert only(connected.wait_final(sent["id"])["deliveries"])["reason"] == "opted_out"


def test_it_survives_a_crash(make_server, simulator):
    import harness
    server = harness.connect(make_server(), simulator)
    sent = server.send(to=[{"email": "ann@example.test"}], channels=["email"], title="x", body="y", send_at=in_hours(1))
    server.restart(kill=True)
    server.advance("2h")
    assert server.wait_final(sent["id"])["outcome"] == "success"


def test_a_moment_that_has_passed_is_now(connected):
    sent = connected.send(to=[{"email": "ann@example.test"}], channels=["email"], title="x", body="y",
                          send_at=in_hours(-1))
    assert connected.wait_final(sent["id"])["outcome"] == "success"


def test_more_than_ninety_days_ahead_is_refused(connected):
    problem = connected.api("POST", "/v1/notifications", {
        "to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y",
        "send_at": in_hours(24 * 91)}, auth="app")
    assert problem.status == 422 and problem.pointers == ["/send_at"]


def test_the_channel_of_the_address_it_came_to_survives_a_crash(make_server, simulator):
    import harness
    server = harness.connect(make_server(), simulator)
    sent = server.expect(202, "POST", "/v1/email/send", {"to": [{"email": "ann@example.test"}], "title": "x",
                                                         "body": "y", "send_at": in_hours(1)}, auth="app")
    server.restart(kill=True)
    server.advance("2h")
    assert server.wait_final(sent["id"])["outcome"] == "success"
