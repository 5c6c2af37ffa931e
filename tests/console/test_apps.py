"""Whoever is bound to some apps sees and sends as these, and nothing of the others."""
import pytest


@pytest.fixture(scope="module")
def bound(world):
    """Sue, bound to the two apps of the shop; what each app sent."""
    s = world.server
    sent = {}
    for name in ("billing", "shop"):
        made = s.post("/v1/apps", {"name": name})
        sent[name] = s.expect(202, "POST", "/v1/notifications", {
            "event_id": f"of-{name}", "to": [{"user_id": "mina"}], "channels": ["email"], "title": name, "body": "x"},
            auth=(made["app_key"], made["app_secret"]))["id"]
        s.wait_final(sent[name])
    s.put("/v1/members/sue", {"name": "Sue", "email": "sue@example.test", "grants": {"default": "sender"},
                              "apps": {"default": ["billing", "shop"]}})
    world.let_in("sue")
    return sent


def test_the_history_is_that_of_the_chosen_app(world, bound, open_as):
    window = open_as("sue")
    page = window.open("history")
    page.get_by_text("of-billing").wait_for()
    assert page.get_by_text("of-shop").count() == 0 and page.get_by_text("order-1001").count() == 0
    page.get_by_role("combobox", name="App").click()
    page.get_by_role("option", name="shop").click()
    page = window.open("history")
    page.get_by_text("of-shop").wait_for()
    assert page.get_by_text("of-billing").count() == 0
    assert not {"Rules", "Webhooks", "Alerts", "Apps and keys"} & set(window.menu())
    page = window.open("")
    page.get_by_text("Everything is accounted for").wait_for()
    assert page.get_by_text("That did not work").count() == 0


def test_what_another_app_sent_is_not_there(world, bound, open_as):
    window = open_as("sue")
    order = world.server.get("/v1/notifications?event_id=order-1001")["data"][0]["id"]
    page = window.open(f"history/{order}")
    page.get_by_text("That did not work").wait_for()


def test_a_stop_holds_their_own_app_back_only(world, bound, open_as):
    window = open_as("sue")
    page = window.open("stops")
    page.get_by_role("button", name="Stop sending…").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("radio").count() == 0
    dialog.get_by_label("Reason").fill("a price is wrong")
    dialog.get_by_role("button", name="Stop now").click()
    window.said("Stopped.")
    [pause] = world.server.get("/v1/pauses")["data"]
    assert pause["scope"]["app"] == dialog.page.get_by_role("combobox", name="App").input_value()
    page.get_by_role("button", name="Lift").click()
    page.get_by_role("dialog").get_by_role("button", name="Lift").click()
    page.get_by_text("Nothing is stopped.").wait_for()
