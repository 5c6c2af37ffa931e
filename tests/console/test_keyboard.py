"""Everything is reached without a mouse."""
import harness


def focused(page):
    return page.evaluate("(document.activeElement.textContent || document.activeElement.tagName).trim()")


def test_the_first_link_skips_the_menu(open_as):
    window = open_as("sol")
    page = window.open("history")
    assert page.locator("a, button, input").first.inner_text() == "Skip to content"
    page.locator("a").first.focus()
    assert page.locator("a").first.bounding_box()["y"] >= 0, "it is seen while it has the focus"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    assert page.url.endswith("#/history"), "it leads to no other page"


def test_a_page_come_to_has_the_focus_on_its_title(open_as):
    window = open_as("sol")
    page = window.open("history")
    page.get_by_role("link", name="Users").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Users", level=1).wait_for()
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert page.title() == "Users · Carillon"


def test_a_dialog_holds_the_focus_and_gives_it_back(open_as):
    window = open_as("sol")
    page = window.open("groups")
    page.get_by_role("button", name="New group").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New group")
    dialog.wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('[role=dialog]').contains(document.activeElement)")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    harness.wait_until(lambda: focused(page) == "New group", lambda: f"the focus is on {focused(page)!r}")


def test_a_send_is_composed_with_keys_alone(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    page.get_by_label("One recipient a line").focus()
    page.keyboard.type("mina")
    page.get_by_role("radio", name="A template").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Title", exact=True).focus()
    page.keyboard.type("Keys")
    page.keyboard.press("Tab")
    page.keyboard.type("only")
    page.get_by_role("checkbox", name="E-mail").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Send…").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 messages go out.").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 of 1 deliveries have ended").wait_for()
