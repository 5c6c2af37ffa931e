"""Schedules, rules, routes and the project's settings."""
import json

import harness
from people import only


def test_a_schedule_is_written_corrected_fired_and_switched_off(world, open_as):
    window = open_as("sol")
    page = window.open("schedules/new")
    page.get_by_label("Key", exact=False).first.fill("weekly")
    page.get_by_label("When (cron)").fill("every monday")
    notification = {"to": [{"user_id": "mina"}], "channels": ["email"], "titel": "Week", "body": "Good morning"}
    page.get_by_label("What is sent (JSON)").fill(json.dumps(notification))
    page.get_by_role("button", name="Save").click()
    page.get_by_text("a cron expression has five fields").wait_for()
    page.get_by_text("/notification/titel").first.wait_for()
    page.get_by_label("When (cron)").fill("0 9 * * mon")
    notification["title"] = notification.pop("titel")
    page.get_by_label("What is sent (JSON)").fill(json.dumps(notification))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Fire weekly now").click()
    window.said("Fired.")
    page.locator("tbody a[href*=ntf_]").click()
    page.get_by_text("1 of 1 deliveries have ended").wait_for()
    window.open("schedules")
    page.locator("label:has(input[aria-label='weekly: in use']), input[aria-label='weekly: in use']").first.click()
    harness.wait_until(lambda: world.server.get("/v1/schedules/weekly")["enabled"] is False, "it is still in use")
    page.get_by_role("button", name="Remove weekly…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Nothing repeats.").wait_for()


def test_a_composed_send_becomes_a_schedule(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    page.get_by_label("One recipient a line").fill("mina")
    page.get_by_role("combobox", name="Template").click()
    page.get_by_role("option", name="order_shipped").click()
    page.get_by_label("item").fill("Tea")
    page.get_by_role("button", name="Repeat…").click()
    page.get_by_role("heading", name="New schedule", level=1).wait_for()
    page.get_by_label("Key", exact=False).first.fill("tea-time")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Fire tea-time now").wait_for()
    kept = world.server.get("/v1/schedules/tea-time")["notification"]
    assert kept["to"] == [{"user_id": "mina"}] and kept["template"] == "order_shipped"
    page.get_by_role("button", name="Remove tea-time…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Nothing repeats.").wait_for()


def test_a_rule_is_tried_before_it_is_kept(world, open_as):
    window = open_as("ada")
    page = window.open("rules/new")
    page.get_by_label("Key", exact=False).first.fill("shipped")
    page.get_by_role("button", name="Try the rule").click()
    page.get_by_text("It fits this event.").wait_for()
    assert '"item": "Kettle"' in page.inner_text("#content")
    dear = {"type": "order.shipped", "conditions": {"data.order.total": {"ge": 90000}}}
    page.get_by_label("When (JSON)").fill(json.dumps(dear))
    page.get_by_role("button", name="Try the rule").click()
    page.get_by_text("It does not fit this event.").wait_for()
    page.get_by_label("When (JSON)").fill('{"type": ')
    page.get_by_text("This is not a JSON object.").wait_for()
    assert page.get_by_role("button", name="Save").is_disabled()
    page.get_by_label("When (JSON)").fill('{"type": "order.shipped"}')
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="shipped").wait_for()
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.shipped",
             "data": {"user_id": "mina", "items": [{"name": "Lamp"}]}}
    matched = world.server.expect(202, "POST", "/v1/events", event, auth="app",
                                  headers={"Content-Type": "application/cloudevents+json"})["matched"]
    assert only(matched)["status"] == "accepted"
    page.get_by_role("button", name="Remove shipped…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("No event causes anything.").wait_for()


def test_a_route_is_followed_until_it_is_removed(world, open_as):
    window = open_as("ada")
    page = window.open("routes")
    page.get_by_role("button", name="New route").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key").fill("own-mail")
    dialog.get_by_role("combobox", name="Channel").click()
    page.get_by_role("option", name="E-mail").click()
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("alert").wait_for()  # no integration is chosen
    dialog.get_by_role("combobox", name="Integration 1").click()
    page.get_by_role("option", name="smtp").click()
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("cell", name="own-mail", exact=True).wait_for()
    mail = {"to": [{"user_id": "ann"}], "channels": ["email"], "title": "x", "body": "y"}

    def rule():
        return only(world.server.post("/v1/notifications/explain", mail)["data"])["route"]["rule"]
    assert rule() == "own-mail"
    page.get_by_role("button", name="Remove own-mail…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("No routes: the default order holds.").wait_for()
    assert rule() is None


def test_the_way_of_a_message_is_shown_before_it_is_sent(world, open_as):
    world.server.put("/v1/routes/tried", {"position": 1, "match": {"channel": "sms"},
                                          "chain": [{"integration": "twilio"}]})
    before = world.simulator.counts()
    window = open_as("ada")
    page = window.open("routes")
    page.get_by_label("To", exact=False).fill("nobody-knows-me")
    page.get_by_role("button", name="Show the way").click()
    page.locator("#content [id$=-error]").wait_for()
    page.get_by_label("To", exact=False).fill("+82 10-1234-5678")
    page.get_by_role("combobox", name="Channel").click()
    page.get_by_role("option", name="SMS").click()
    page.get_by_role("button", name="Show the way").click()
    answer = page.get_by_role("status").filter(has_text="Integration")
    answer.get_by_text("tried", exact=True).wait_for()
    answer.get_by_text("twilio", exact=True).first.wait_for()
    assert world.server.api("DELETE", "/v1/routes/tried").status == 204
    assert world.simulator.counts() == before, "nothing was sent"


def test_settings_are_changed_and_cleared(world, open_as):
    window = open_as("ada")
    page = window.open("settings")
    page.get_by_label("Time zone").fill("Mars/Olympus")
    page.get_by_label("Quiet hours from").fill("22:00")
    page.get_by_label("to", exact=True).fill("08:00")
    page.get_by_label("Name").fill("Bells & Co")
    page.get_by_role("button", name="Save").click()
    page.locator("form [id$=-error]").first.wait_for()
    page.get_by_label("Time zone").fill("Asia/Seoul")
    page.get_by_role("button", name="Save").click()
    window.said("Saved")
    kept = world.server.get("/v1/settings")
    assert kept["time_zone"] == "Asia/Seoul" and kept["quiet_hours"] == {"from": "22:00", "to": "08:00"}
    assert kept["brand"]["name"] == "Bells & Co"
    page.get_by_label("Quiet hours from").fill("")
    page.get_by_label("to", exact=True).fill("")
    page.get_by_label("Name").fill("")
    page.get_by_role("button", name="Save").click()
    harness.wait_until(lambda: not world.server.get("/v1/settings").get("quiet_hours"), "quiet hours are still set")
    assert not (world.server.get("/v1/settings").get("brand") or {}).get("name")


def test_a_viewer_looks_at_them(open_as):
    window = open_as("vera")
    for path, empty in (("schedules", "Nothing repeats."), ("rules", "No event causes anything."),
                        ("routes", "No routes")):
        page = window.open(path)
        page.get_by_text(empty).wait_for()
        assert page.locator("#content button").count() == 0
    assert "Settings" not in window.menu()
