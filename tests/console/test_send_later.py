"""Sends that wait, go another way when the first one fails, or are sent once more."""
import datetime

import harness
from people import only


def compose(page, people, title):
    page.get_by_label("One recipient a line").fill(people)
    page.get_by_text("My own text").click()
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Text", exact=True).fill("The bells ring.")


def send(page, question="messages go out"):
    page.get_by_role("button", name="Send…").click()
    page.get_by_text(question).wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/#/history/ntf_*")
    return page.url.rsplit("/", 1)[1]


def test_one_waits_for_the_clock_of_each_recipient(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    compose(page, "mina\nann", "Good morning")
    page.locator("label:has-text('E-mail')").last.click()
    page.get_by_role("radio", name="At the recipient's own time").check()
    page.get_by_role("button", name="Send…").click()
    page.locator("#content [id$=-error]").first.wait_for()  # no time was given: said at the field
    day = f"{datetime.date.today() + datetime.timedelta(days=30)}T09:00"
    page.locator("input[type=datetime-local]").fill(day)
    sent = send(page)
    page.get_by_text("To be sent").wait_for()
    seen = world.server.get(f"/v1/notifications/{sent}")
    assert seen["status"] == "scheduled"
    assert seen["request"]["send_at"] == {"local": day, "zone": "recipient", "if_past": "next_day"}
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the send").click()
    page.get_by_role("link", name="Send again").wait_for()


def test_the_next_channel_is_tried_when_the_first_is_not_enough(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    compose(page, "ann", "Your table is ready")  # Ann has no device, so that a push cannot be enough
    page.get_by_role("radio", name="One after the other, until it arrives").check()
    page.get_by_label("wait at most").first.fill("soon")
    page.get_by_role("button", name="Check who gets it").click()
    page.locator("#content [id$=-error]").first.wait_for()
    page.get_by_label("wait at most").first.fill("1m")
    sent = send(page)
    harness.wait_until(lambda: world.server.get(f"/v1/notifications/{sent}")["status"] == "completed", "it goes on")
    states = {one["channel"]: one["status"] for one in world.server.deliveries(sent)}
    assert states == {"push": "suppressed", "sms": "sent"} or states == {"push": "suppressed", "sms": "delivered"}
    page.get_by_text("No address for this channel").wait_for()


def test_what_was_said_is_said_to_somebody_else(world, open_as):
    window = open_as("sol")
    first = only(world.server.get("/v1/notifications?event_id=order-1001")["data"])["id"]
    page = window.open(f"history/{first}")
    page.get_by_role("link", name="Send again").click()
    page.get_by_text("Content, category and channels are taken over").wait_for()
    page.get_by_label("One recipient a line").fill("bo")
    sent = send(page)
    page.get_by_text("deliveries have ended").wait_for()
    assert world.server.notification(sent)["template"]["key"] == "order_shipped"
    assert {one["user_id"] for one in world.server.deliveries(sent)} == {"bo"}


def test_a_draft_is_changed_before_it_goes(world, open_as):
    draft = world.server.send(to=[{"user_id": "bo"}], channels=["email"], title="Helo", body="x", draft=True)
    window = open_as("sol")
    page = window.open(f"history/{draft['id']}")
    page.get_by_role("button", name="Edit…").click()
    box = page.get_by_label("What is sent (JSON)")
    text = box.input_value()
    box.fill(text.replace('"Helo"', '"Hello", "titel": "x"'))
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("dialog").get_by_text("/titel").first.wait_for()
    box.fill(text.replace('"Helo"', '"Hello"'))
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    window.said("Saved")
    page.get_by_role("button", name="Send the draft").click()
    page.get_by_text("1 of 1 deliveries have ended").wait_for()
    assert "Hello" in only(world.simulator.messages("smtp"))["content"]
