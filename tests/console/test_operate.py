"""What went wrong is seen and repaired: dead letters, integrations, alerts; the sandbox shows what would leave."""
import re

import harness


def test_an_alert_is_taken_up(world, open_as):
    window = open_as("ada")
    page = window.open("alerts")
    page.get_by_role("button", name="I look into it").first.click()
    page.get_by_text("member:ada looks into it").wait_for()
    assert world.server.get("/v1/alerts")["data"][0]["acknowledged_by"] == "member:ada"


def test_a_dead_letter_is_sent_again(world, open_as):
    window = open_as("sol")
    page = window.open("dead-letters")
    page.get_by_text("All retries failed").wait_for()
    page.get_by_role("checkbox", name="Choose all of this page").check()
    page.get_by_role("button", name="Send again…").click()
    page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    window.said("It is being sent again.")
    page.get_by_text("1 of 1 done, 0 refused").wait_for()
    page.get_by_text("Nothing was given up on.").wait_for()
    assert "Better+late" in world.simulator.messages("twilio")[0]["content"]
    page.get_by_text("All", exact=True).click()
    page.get_by_role("cell", name="sent again").wait_for()


def test_an_integration_is_made_from_its_form_tested_paused_and_removed(world, open_as):
    window = open_as("ada")
    page = window.open("integrations/new")
    page.get_by_role("combobox", name="Which provider?").click()
    page.get_by_role("option", name=re.compile("Vonage SMS")).click()
    said = harness.integrations(world.simulator)["vonage_sms" if "vonage_sms" in harness.integrations(world.simulator)
                                                 else "vonage"]["settings"]
    page.get_by_label("Key", exact=False).first.fill("vonage")
    page.get_by_role("button", name="Save").click()
    page.locator("form [id$=-error]").first.wait_for()  # what is required is told at its field
    for name, value in said.items():
        page.get_by_label(re.compile(f"^{name}")).first.fill(str(value))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test: vonage").click()
    page.get_by_text("It works.").wait_for()
    page.get_by_role("button", name="Pause… vonage").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("bill unpaid")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    page.get_by_text("bill unpaid").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("bill unpaid").wait_for(state="detached")

    # Saved again with the secret left empty, it still works.
    window.open("integrations/edit/vonage")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test: vonage").click()
    page.get_by_text("It works.").wait_for()
    page.get_by_role("button", name="Remove… vonage").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_role("link", name="vonage").wait_for(state="detached")
    assert world.server.api("GET", "/v1/integrations/vonage").status == 404


def test_settings_are_explained_in_the_language_that_is_chosen(open_as):
    page = open_as("ada", language="ko").open("integrations/edit/twilio")
    described = page.get_by_label(re.compile("^account_sid")).get_attribute("aria-describedby")
    assert re.search("[가-힣]", page.locator(f"#{described.split()[0]}").inner_text())


def test_the_sandbox_shows_what_would_have_been_sent(world, open_as):
    world.server.send(auth="test", to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"],
                      title="Only here", body="Plain", email={"html": "<p>Never <b>leaves</b></p>"})
    window = open_as("vera")
    page = window.open("sandbox")
    page.get_by_role("button", name=re.compile("^Show the message")).first.click()
    page.frame_locator("iframe").get_by_text("leaves").wait_for()
    assert page.locator("iframe").get_attribute("sandbox") == ""
