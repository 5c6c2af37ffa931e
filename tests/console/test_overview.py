"""The overview tells how things stand; the stop button holds everything back, for all to see."""
import harness


def test_numbers_and_what_waits(world, open_as):
    window = open_as("vera")
    page = window.open("")
    page.get_by_text("Everything is accounted for").wait_for()
    page.get_by_text("1 dead letter").wait_for()
    page.get_by_role("img", name="Deliveries by hour").locator("svg").wait_for()
    page.get_by_text("Deliveries by hour, as a table").click()
    accepted = world.server.get("/v1/stats?by=channel")["total"]
    words = page.locator("#content").inner_text().split()
    assert words[words.index("Accepted") + 1] == str(accepted["accepted"])
    assert page.get_by_role("button", name="Stop sending…").count() == 0


def test_how_fast_it_was_and_how_the_integrations_do(world, open_as):
    # A process writes down every ten seconds what it has measured.
    harness.wait_until(lambda: len(world.server.get("/v1/stats/latency?window=24h")["data"]) >= 3, "the figures", 60)
    window = open_as("vera")
    page = window.open("")
    page.get_by_text("24 hours", exact=True).click()
    speed = page.get_by_role("region", name="How fast")
    speed.get_by_role("row", name="All").wait_for()
    assert {"Push", "SMS", "E-mail"} <= set(speed.locator("tbody td:first-child").all_inner_texts())
    page.get_by_role("region", name="Integrations").get_by_text("calls").first.wait_for()


def test_news_come_by_themselves(world, open_as):
    window = open_as("vera")
    page = window.open("history")
    world.server.send(event_id="while-looking", to=[{"user_id": "ann"}], channels=["email"], title="Now", body="Now")
    page.get_by_text("while-looking").wait_for(timeout=15_000)


def test_a_stop_is_seen_on_every_page_and_lifted(world, open_as):
    window = open_as("sol")
    page = window.open("")
    page.get_by_role("button", name="Stop sending…").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Stop now").is_disabled()
    dialog.get_by_label("Channel").click()
    page.get_by_role("option", name="SMS").click()
    dialog.get_by_label("Reason").fill("wrong text")
    dialog.get_by_role("button", name="Stop now").click()
    window.said("Stopped.")
    page.get_by_text("Sending is stopped in part.").wait_for()
    sent = world.server.send(to=[{"user_id": "mina"}], channels=["sms"], sms={"body": "Held back"})
    world.server.wait_deliveries(sent["id"], "held")
    page = window.open(f"history/{sent['id']}")
    page.get_by_text("Stopped by a pause").wait_for()
    viewer = open_as("vera")
    viewer.page.get_by_text("Sending is stopped in part.").wait_for()
    viewer.page.get_by_role("link", name="See and lift").click()
    viewer.page.get_by_text("wrong text").wait_for()
    assert viewer.page.get_by_role("button", name="Lift").count() == 0
    window.open("stops")
    page.get_by_role("button", name="Lift the stop of Channel: SMS").click()
    page.get_by_role("dialog").get_by_role("button", name="Lift").click()
    page.get_by_text("Nothing is stopped.").wait_for()
    world.server.wait_deliveries(sent["id"], "sent")


def test_everything_is_stopped_only_when_said_so(world, open_as):
    window = open_as("ada")
    page = window.open("stops")
    page.get_by_role("button", name="Stop sending…").click()
    page.get_by_label("Everything in this project").click()
    page.get_by_role("button", name="Stop now").click()
    page.get_by_text("All sending is stopped.").wait_for()
    page.get_by_role("button", name="Lift the stop of Everything").click()
    page.get_by_role("dialog").get_by_role("button", name="Lift").click()
    page.get_by_text("Nothing is stopped.").wait_for()
