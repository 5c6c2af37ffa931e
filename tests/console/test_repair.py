"""What was given up on is looked into, repaired and sent again, one by one or all that has something in common."""
import pytest


def given_up_on(world, sent):
    """The sends, once none of them is tried any more; the providers are well again."""
    for one in sent:
        world.server.wait_deliveries(one["id"], "retrying", "dead")
    world.server.advance("2s")
    for one in sent:
        world.server.wait_final(one["id"])
    world.simulator.faults()
    return sent


@pytest.fixture(scope="module")
def dead(world):
    """Three text messages and a mail that were given up on while their providers were down."""
    s = world.server
    world.simulator.faults(twilio={"rate_5xx": 1, "status_5xx": 503}, smtp={"rate_5xx": 1})
    sent = [s.send(to=[{"phone": f"+82101111000{n}"}], channels=["sms"], category="impatient", sms={"body": f"No. {n}"})
            for n in range(3)]
    sent.append(s.send(to=[{"email": "late@example.test"}], channels=["email"], category="impatient", title="Late",
                       body="x"))
    return given_up_on(world, sent)


def test_everything_accepted_is_accounted_for(world, dead, open_as):
    window = open_as("vera")
    page = window.open("")
    page.get_by_role("link", name="By channel and state").click()
    page.get_by_role("heading", name="Accountability", level=1).wait_for()
    page.get_by_text("unexplained: 0").wait_for()
    seen = world.server.get("/v1/accountability")
    row = page.get_by_role("row", name="All").inner_text().split()
    assert row[1] == f"{seen['accepted']:,}" and row[-1] == "0"
    page.get_by_role("link", name="given up").click()
    page.wait_for_url("**/#/history?view=deliveries&status=dead")


def test_all_of_a_channel_is_sent_again_with_its_progress(world, dead, open_as):
    window = open_as("sol")
    page = window.open("dead-letters")
    page.get_by_role("button", name="Send all again…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Channel").click()
    page.get_by_role("option", name="SMS").click()
    dialog.get_by_role("button", name="Send all again").click()
    window.said("It is being sent again.")
    page.get_by_text(" done, 0 refused").wait_for()
    for one in dead[:3]:
        assert world.server.wait_final(one["id"])["outcome"] == "success"
    assert world.server.notification(dead[3]["id"])["outcome"] == "failed"
    page.get_by_role("checkbox").nth(2).wait_for(state="detached")  # one for the page, one for the mail


def test_one_is_looked_into_and_goes_to_another_address(world, dead, open_as):
    window = open_as("sol")
    page = window.open("dead-letters")
    page.get_by_role("row", name="E-mail").get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Send again…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("All retries failed").wait_for()
    dialog.get_by_label("With other parameters (JSON)").fill("{")
    dialog.get_by_text("This is not a JSON object.").wait_for()
    assert dialog.get_by_role("button", name="Send again").is_disabled()
    dialog.get_by_label("With other parameters (JSON)").fill("")
    dialog.get_by_label("To another address").fill("not an address")
    dialog.get_by_role("button", name="Send again").click()
    page.get_by_text("0 of 1 done, 1 refused").wait_for()
    page.get_by_role("row", name="E-mail").get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Send again…").click()
    dialog.get_by_label("To another address").fill("right@example.test")
    dialog.get_by_role("button", name="Send again").click()
    page.get_by_text("1 of 1 done, 0 refused").wait_for()
    world.server.wait_idle()
    assert any("right@example.test" in str(message) for message in world.simulator.messages("smtp"))


@pytest.fixture(scope="module")
def unwanted(world):
    """Three mails that nobody needs any more."""
    s = world.server
    world.simulator.faults(smtp={"rate_5xx": 1})
    sent = [s.send(to=[{"email": f"gone{n}@example.test"}], channels=["email"], category="impatient", title=f"No. {n}",
                   body="x") for n in range(3)]
    return given_up_on(world, sent)


def test_one_is_looked_at_and_discarded_with_the_reason(world, unwanted, open_as):
    before = world.server.accountability()["states"]
    [delivery] = world.server.get(f"/v1/notifications/{unwanted[0]['id']}/deliveries")["data"]
    window = open_as("sol")
    page = window.open(f"history/{unwanted[0]['id']}/{delivery['id']}")
    page.get_by_role("button", name="Discard…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Discard").click()
    dialog.locator("[id$=-error]").wait_for()
    dialog.get_by_label("Reason").fill("the customer has left")
    dialog.get_by_role("button", name="Discard").click()
    page.get_by_text("1 of 1 done, 0 refused").wait_for()
    page.get_by_text("the customer has left", exact=True).first.wait_for()
    page.get_by_role("button", name="Discard…").wait_for(state="detached")
    assert world.server.accountability()["states"] == before, "it stays what it was"
    assert "delivery.discard" in {e["action"] for e in world.server.get("/v1/audit")["data"]}

    viewer = open_as("vera")
    page = viewer.open("dead-letters")
    page.get_by_text("Done with", exact=True).click()
    page.get_by_text("the customer has left · member:sol").wait_for()
    assert page.get_by_role("checkbox").count() == 0


def test_all_of_a_channel_are_discarded_with_their_progress(world, unwanted, open_as):
    window = open_as("sol")
    page = window.open("dead-letters")
    page.get_by_role("button", name="Discard all…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Channel").click()
    page.get_by_role("option", name="E-mail").click()
    dialog.get_by_label("Reason", exact=False).last.fill("an old newsletter")
    dialog.get_by_role("button", name="Discard").click()
    window.said("Discarded.")
    page.get_by_text("2 of 2 done, 0 refused").wait_for()
    page.get_by_role("row", name="E-mail").wait_for(state="detached")
    for one in unwanted:
        assert world.server.notification(one["id"])["outcome"] == "failed"
