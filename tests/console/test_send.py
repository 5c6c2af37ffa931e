"""A sender composes, sees who gets it, sends, and follows it; a viewer cannot."""
import harness
import pytest
from people import only


def choose_template(page, key):
    page.get_by_role("combobox", name="Template").click()
    page.get_by_role("option", name=key).click()


def fill_people(page, *lines):
    page.get_by_label("One recipient a line").fill("\n".join(lines))


def test_a_template_goes_to_two_people(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    fill_people(page, "mina", "jun")
    choose_template(page, "order_shipped")
    page.get_by_label("item").fill("Red scarf")
    page.get_by_text("Red scarf is on its way").first.wait_for()  # the preview, made by the server
    page.get_by_role("tab", name="SMS").click()
    page.get_by_text("Carillon shop: Red scarf").wait_for()
    page.get_by_text("GSM-7").wait_for()
    page.get_by_role("tab", name="E-mail").click()
    mail = page.frame_locator("iframe[title='Content of the mail']")
    mail.get_by_text("Red scarf").wait_for()
    page.get_by_role("button", name="Check who gets it").click()
    page.get_by_text("6 to be sent · 0 held · 0 not sent").wait_for()
    page.get_by_role("button", name="Send…").click()
    page.get_by_text("6 messages go out.").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/#/history/ntf_*")
    page.get_by_text("6 of 6 deliveries have ended").wait_for()
    sent = page.url.rsplit("/", 1)[1]
    assert world.server.notification(sent)["outcome"] == "success"
    assert "Red scarf" in only(world.simulator.messages("apns"))["content"]
    # The form is empty again, nothing asks whether to leave.
    window.open("send")
    assert page.get_by_label("One recipient a line").input_value() == ""


def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(open_as):
    window = open_as("sol")
    page = window.open("send")
    fill_people(page, "mina", "", "not-an@", "+82")
    page.get_by_text("My own text").click()
    page.get_by_label("Title", exact=True).fill("Hello")
    page.get_by_label("Text", exact=True).fill("The bells ring.")
    page.locator("label:has-text('E-mail')").last.click()
    page.get_by_role("button", name="Check who gets it").click()
    page.get_by_text("Line 3:").wait_for()
    assert page.get_by_label("Title", exact=True).input_value() == "Hello"
    page.reload()
    assert page.get_by_label("Text", exact=True).input_value() == "The bells ring."
    fill_people(page, "nobody-knows-me")
    page.get_by_role("button", name="Check who gets it").click()
    page.get_by_text("Line 1:").wait_for()
    page.get_by_text("Leave out users nobody knows").click()
    page.get_by_role("button", name="Check who gets it").click()
    page.get_by_text("0 to be sent · 0 held · 1 not sent").wait_for()
    page.get_by_role("button", name="Start over").click()
    assert page.get_by_label("One recipient a line").input_value() == ""


def test_a_table_sends_each_row_its_own_words(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    page.locator("label:has-text('Table (CSV)')").click()
    page.get_by_label("Paste a table").fill("Mail,item,note\nrow1@example.test,Cup,a\n,Nobody,b\n"
                                            "row2@example.test,Pot,c\n")
    page.get_by_text("Line 3: no user, address or device").wait_for()
    choose_template(page, "order_shipped")
    page.get_by_role("combobox", name="Column note").click()
    page.get_by_role("option", name="Leave out").click()
    page.locator("label:has-text('E-mail')").last.click()
    page.get_by_role("button", name="Send…").click()
    page.get_by_text("2 messages go out.").wait_for()
    page.get_by_role("dialog").get_by_text("These lines are left out (1)").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/#/history/ntf_*")
    page.get_by_text("2 of 2 deliveries have ended").wait_for()
    contents = " ".join(message["content"] for message in world.simulator.messages("smtp", 2))
    assert "Cup" in contents and "Pot" in contents


def test_a_draft_is_kept_and_sent_later(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    page.locator("label:has-text('Groups')").click()
    page.locator("input[aria-haspopup=listbox]").and_(page.get_by_label("Groups")).click()
    page.get_by_role("option", name="Regular customers").click()
    page.keyboard.press("Escape")
    page.get_by_text("My own text").click()
    page.get_by_label("Title", exact=True).fill("News")
    page.get_by_label("Text", exact=True).fill("We moved.")
    page.locator("label:has-text('E-mail')").last.click()
    page.get_by_role("button", name="Save as draft").click()
    page.get_by_role("button", name="Send the draft").click()
    page.get_by_text("5 of 5 deliveries have ended").wait_for()


def test_a_send_is_paused_goes_on_and_is_cancelled(world, open_as):
    world.server.post("/v1/pauses", {"scope": {"channel": "voice"}, "reason": "so that it waits"})
    sent = world.server.send(to=[{"user_id": "mina"}], channels=["voice"], voice={"text": "Later"})
    window = open_as("sol")
    page = window.open(f"history/{sent['id']}")
    page.get_by_role("button", name="Pause", exact=True).click()
    window.said("Paused.")
    page.get_by_role("button", name="Resume").click()
    window.said("It goes on.")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the send").click()
    page.get_by_role("link", name="Send again").wait_for()
    assert world.server.notification(sent["id"])["status"] == "cancelled"


def test_a_test_goes_to_oneself(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    page.get_by_text("My own text").click()
    page.get_by_label("Title", exact=True).fill("Only a test")
    page.get_by_label("Text", exact=True).fill("Hello me")
    page.locator("label:has-text('E-mail')").last.click()
    page.get_by_role("button", name="Send a test…").click()
    assert page.get_by_role("dialog").get_by_label("To").input_value() == "sol@example.test"
    page.get_by_role("button", name="Send the test").click()
    page.get_by_role("dialog").get_by_text("The test is on its way.").wait_for()
    with page.expect_popup() as opened:  # beside what is being written
        page.get_by_role("dialog").get_by_role("link").click()
    opened.value.get_by_text("1 of 1 deliveries have ended").wait_for()
    assert "Only a test" in only(world.simulator.messages("smtp"))["content"]


def test_leaving_unsaved_words_is_asked_about(open_as):
    window = open_as("sol")
    page = window.open("send")
    fill_people(page, "mina")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("link", name="History").click()
    harness.wait_until(lambda: asked, "nothing was asked")
    assert page.url.endswith("#/send") and page.get_by_label("One recipient a line").input_value() == "mina"
    page.get_by_role("button", name="Start over").click()


@pytest.mark.parametrize("path", ["send", "templates/new", "apps", "members", "audit", "integrations/new"])
def test_a_viewer_has_no_such_pages(open_as, path):
    window = open_as("vera")
    assert not {"Send", "Apps and keys", "Members", "Audit trail"} & set(window.menu())
    page = window.open(path)
    assert page.get_by_role("button", name="Send…").count() == 0
    assert page.get_by_role("button", name="Save and publish").count() == 0
    assert page.get_by_role("button", name="Save", exact=True).count() == 0


def test_a_viewer_sees_no_button_that_changes_anything(world, open_as):
    window = open_as("vera")
    sent = only(world.server.get("/v1/notifications?event_id=order-1001")["data"])["id"]
    for path in ("", "stops", f"history/{sent}", "templates/order_shipped", "users/mina", "groups/regulars",
                 "suppressions", "dead-letters", "integrations", "categories", "approvals"):
        page = window.open(path)
        buttons = page.locator("#content button, #content a[role=button], #content a.mantine-Button-root")
        words = {text.strip() for text in buttons.all_inner_texts()}
        changing = {"Stop sending…", "Lift", "Send again", "Cancel", "Edit", "Archive", "Send", "Edit the profile",
                    "Erase…", "Add", "Delete…", "Suppress an address", "Send again…", "New integration", "Test",
                    "New category", "Approve", "Reject", "Discard…", "Discard all…", "Send all again…",
                    "Set quiet hours", "Preference page…"}
        assert not words & changing, (path, words & changing)
