"""A template is written, corrected where the server says so, published, changed and compared."""
from playwright.sync_api import expect


def test_a_new_template_from_the_first_word_to_the_first_send(world, open_as):
    window = open_as("sol")
    page = window.open("templates")
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Key", exact=False).first.fill("greeting")
    page.get_by_role("button", name="Add a parameter").click()
    page.get_by_label("Name", exact=True).fill("name")
    page.get_by_label("Sample name").fill("Kim")
    page.get_by_label("Title", exact=True).fill("Hello {{nme}}")
    page.get_by_label("Text", exact=True).fill("Good to see you.")
    page.get_by_role("button", name="Save and publish").click()
    page.get_by_text('"nme" is not a declared parameter', exact=True).wait_for()
    assert page.get_by_label("Text", exact=True).input_value() == "Good to see you."
    page.get_by_label("Title", exact=True).fill("Hello {{name}}")
    page.get_by_label("Language code").fill("ko")
    page.get_by_role("button", name="Add a language").click()
    page.get_by_role("tabpanel", name="ko").get_by_label("Title", exact=True).fill("{{name}} 님, 안녕하세요")
    page.get_by_role("button", name="Save and publish").click()
    page.wait_for_url("**/#/templates/greeting")
    page.get_by_text("Hello Kim").first.wait_for()
    page.locator("label:has-text('ko')").click()
    page.get_by_text("Kim 님, 안녕하세요").first.wait_for()
    page.get_by_role("link", name="Send", exact=True).last.click()
    page.get_by_label("name", exact=False).last.wait_for()
    expect(page.get_by_role("combobox", name="Template")).to_have_value("greeting")
    page.get_by_role("button", name="Start over").click()


def test_a_draft_is_compared_and_then_used(world, open_as):
    world.server.put("/v1/templates/terms?publish=true", {"default_locale": "en", "content": {"en": {
        "title": "Terms", "body": "Old words"}}})
    window = open_as("sol")
    page = window.open("templates/terms/edit")
    page.get_by_label("Text", exact=True).fill("New words")
    page.get_by_role("button", name="Save as draft").click()
    window.said("Saved as version 2.")
    page.get_by_role("button", name="2", exact=True).click()
    page.get_by_text("Version 2 against 1").wait_for()
    changes = page.inner_text("#content")
    assert "/content/en/body" in changes and "Old words" in changes and "New words" in changes
    assert world.server.get("/v1/templates/terms")["version"] == 1
    page.get_by_role("button", name="Use this version").click()
    window.said("Version 2 is in use from now on.")
    assert world.server.get("/v1/templates/terms")["version"] == 2


def test_an_older_version_is_taken_back_into_use_and_who_uses_it_is_told(world, open_as):
    for words in ("First words", "Second words"):
        world.server.put("/v1/templates/rolled?publish=true", {"default_locale": "en", "content": {"en": {
            "title": "Rolled", "body": words}}})
    world.server.put("/v1/schedules/uses-rolled", {"cron": "0 9 * * mon", "enabled": False, "notification": {
        "to": [{"user_id": "mina"}], "channels": ["email"], "template": "rolled"}})
    window = open_as("sol")
    page = window.open("templates/rolled")
    page.get_by_text("uses-rolled").wait_for()
    page.get_by_text("Second words").first.wait_for()
    page.get_by_role("button", name="1", exact=True).click()
    page.get_by_text("First words").first.wait_for()
    page.get_by_role("button", name="Use this version").click()
    window.said("Version 1 is in use from now on.")
    assert world.server.get("/v1/templates/rolled")["content"]["en"]["body"] == "First words"


def test_languages_are_written_side_by_side_and_seen_at_once(world, open_as):
    window = open_as("sol")
    page = window.open("templates/order_shipped/edit")
    page.get_by_label("Languages side by side").check()
    english, korean = page.get_by_role("group", name="en", exact=True), page.get_by_role("group", name="ko", exact=True)
    english.get_by_label("Title", exact=True).fill("{{item}} left the house")
    assert korean.get_by_label("Title", exact=True).input_value() == "{{item}} 출발했습니다"
    page.get_by_text("Blue kettle left the house").first.wait_for()
    page.get_by_text("It arrives on December 1, 2026.").first.wait_for()  # by the server, in the words of the language
    page.get_by_text("Blue kettle 출발했습니다").first.wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="History").click()
    page.get_by_role("heading", name="History", level=1).wait_for()


def test_what_the_form_does_not_know_stays(world, open_as):
    content = {"en": {"title": "Hi", "body": "There", "push": {"data": {"screen": "home"}},
                      "chat": {"text": "Hi there"}}}
    world.server.put("/v1/templates/rich?publish=true", {"default_locale": "en", "content": content})
    window = open_as("sol")
    page = window.open("templates/rich/edit")
    page.get_by_label("Title", exact=True).fill("Hello")
    page.get_by_role("button", name="Save and publish").click()
    page.wait_for_url("**/#/templates/rich")
    content["en"]["title"] = "Hello"
    assert world.server.get("/v1/templates/rich")["content"] == content


def test_a_template_is_archived_and_taken_back(world, open_as):
    world.server.put("/v1/templates/old?publish=true", {"default_locale": "en", "content": {"en": {"title": "x",
                                                                                                   "body": "y"}}})
    window = open_as("sol")
    page = window.open("templates/old")
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Take back into use").click()
    page.get_by_role("button", name="Archive").wait_for()
    assert not world.server.get("/v1/templates/old").get("archived")


def test_a_viewer_reads_it_as_it_will_look(open_as):
    window = open_as("vera")
    page = window.open("templates/order_shipped")
    page.get_by_text("Blue kettle is on its way").first.wait_for()
    assert page.get_by_role("link", name="Edit").count() == 0
