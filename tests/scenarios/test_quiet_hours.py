"""At night a message that is not urgent waits for the morning, by the recipient's clock."""
import datetime

from people import only, sent_one

MAIL = {"to": [{"user_id": "mina"}], "channels": ["email"], "title": "News", "body": "Bells."}


def quiet_now(server, **more):
    """A user in Seoul whose quiet hours began an hour ago and end in three."""
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=9)))
    hour = lambda h: f"{(now.hour + h) % 24:02}:{now.minute:02}"  # noqa: E731
    server.put_user("mina", email="mina@example.test", time_zone="Asia/Seoul")
    server.put("/v1/users/mina/preferences", {"preferences": [], "quiet_hours": {"from": hour(-1), "to": hour(3)}})


def test_a_message_is_deferred_to_the_end_of_the_quiet_hours(connected, simulator):
    quiet_now(connected)
    connected.put("/v1/categories/news", {"quiet_hours": "defer"})
    sent = connected.send(category="news", **MAIL)
    held = only(connected.wait_deliveries(sent["id"], "held"))
    assert held["reason"] == "quiet_hours"
    due = datetime.datetime.fromisoformat(held["due_at"].replace("Z", "+00:00"))
    in_hours = (due - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 3600
    assert 2.9 < in_hours < 3.1
    assert simulator.counts()["smtp"]["accepted"] == 0
    connected.advance("4h")
    assert only(connected.wait_final(sent["id"])["deliveries"])["status"] == "sent"


def test_a_message_is_dropped_where_the_category_says_so(connected):
    quiet_now(connected)
    connected.put("/v1/categories/news", {"quiet_hours": "drop"})
    delivery = sent_one(connected, category="news", **MAIL)
    assert delivery["status"] == "suppressed" and delivery["reason"] == "quiet_hours"


def test_what_ignores_quiet_hours_goes_at_once(connected):
    quiet_now(connected)
    assert sent_one(connected, **MAIL)["status"] == "sent"
