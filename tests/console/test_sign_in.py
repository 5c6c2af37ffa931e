"""People come in by a link, by password and by a second factor; they look after their own account."""
import re

from world import PASSWORD, email_of

import harness


def test_an_invitation_leads_to_the_console(world, open_window):
    world.server.put("/v1/members/joan", {"name": "Joan", "email": email_of("joan"), "grants": {"default": "viewer"}})
    link = world.invite("joan")
    window = open_window()
    page = window.page
    page.goto(link)
    page.get_by_label("Password", exact=False).nth(0).wait_for()
    page.locator("input[type=password]").nth(0).fill("short")
    page.locator("input[type=password]").nth(1).fill("different")
    page.get_by_role("button", name="Set password and go on").click()
    page.get_by_text("The two passwords differ.").first.wait_for()
    page.locator("input[type=password]").nth(1).fill("short")
    page.get_by_role("button", name="Set password and go on").click()
    page.locator("form [id$=-error]").first.wait_for()  # what the server says, at the field
    for n in range(2):
        page.locator("input[type=password]").nth(n).fill(PASSWORD)
    page.get_by_role("button", name="Set password and go on").click()
    page.wait_for_selector("#content h1")
    # The link works once.
    again = open_window()
    again.page.goto(link)
    again.page.get_by_text("This link does not work any more.").wait_for()
    again.sign_in("joan")


def test_a_wrong_password_keeps_what_was_typed(open_window):
    window = open_window()
    page = window.page
    page.goto(window.world.url)
    page.fill("input[type=email]", email_of("vera"))
    page.fill("input[type=password]", "not hers at all")
    page.keyboard.press("Enter")
    page.get_by_text("E-mail or password is wrong.").wait_for()
    assert page.input_value("input[type=email]") == email_of("vera")
    page.fill("input[type=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#content h1")


def test_language_and_colours_are_chosen_and_kept(open_as):
    window = open_as("vera")
    page = window.page
    page.get_by_role("button", name="Language: English").click()
    page.get_by_role("menuitemradio", name="한국어").click()
    page.get_by_role("heading", name="현황").wait_for()
    assert page.get_attribute("html", "lang") == "ko"
    page.get_by_role("button", name=re.compile("화면 색")).click()
    page.get_by_role("menuitemradio", name="어둡게").click()
    assert page.get_attribute("html", "data-mantine-color-scheme") == "dark"
    page.reload()
    page.get_by_role("heading", name="현황").wait_for()
    assert page.get_attribute("html", "data-mantine-color-scheme") == "dark"


def test_other_sessions_are_seen_and_ended(world, open_as):
    elsewhere = open_as("sol")
    window = open_as("sol")
    page = window.open("account")
    page.get_by_text("this one").wait_for()
    buttons = page.get_by_role("button", name=re.compile("^End the session"))
    while buttons.count():
        before = buttons.count()
        buttons.first.click()
        harness.wait_until(lambda: buttons.count() < before, "the session is still listed")
    elsewhere.page.reload()
    elsewhere.page.wait_for_selector("input[type=email]")


def test_a_password_is_changed(open_as):
    elsewhere = open_as("sol")
    window = open_as("sol")
    page = window.open("account")
    page.get_by_label("Present password").fill("not it at all")
    page.get_by_label("New password", exact=False).first.fill("another long password")
    page.get_by_label("New password again").fill("another long password")
    page.get_by_role("button", name="Change password").click()
    page.locator("form [id$=-error]").first.wait_for()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    window.said("Your password is changed")
    elsewhere.page.reload()
    elsewhere.page.wait_for_selector("input[type=email]")
    elsewhere.sign_in("sol", "another long password")


def test_a_second_factor_is_set_up_and_asked_for(world, open_as, open_window):
    window = open_as("vera")
    page = window.open("account")
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("img", name=re.compile("QR code")).wait_for()
    secret = page.locator("code").first.inner_text()
    page.get_by_label("Code the app shows now").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    page.locator("form [id$=-error]").first.wait_for()
    page.get_by_label("Code the app shows now").fill(world.totp(secret))
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("dialog", name="Recovery codes").wait_for()
    assert page.locator("[role=dialog] li").count() >= 8
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("button", name="Turn off").wait_for()

    other = open_window()
    other.page.goto(world.url)
    other.page.fill("input[type=email]", email_of("vera"))
    other.page.fill("input[type=password]", PASSWORD)
    other.page.keyboard.press("Enter")
    code = other.page.get_by_label("Code from your authenticator app")
    code.fill("999999")
    other.page.get_by_role("button", name="Sign in").click()
    other.page.get_by_text("This code is wrong").wait_for()
    code.fill(world.next_totp(secret))
    other.page.get_by_role("button", name="Sign in").click()
    other.page.wait_for_selector("#content h1")


def test_signing_out_leaves_nothing_behind(world, open_as):
    window = open_as("ada")
    page = window.open("members")
    page.get_by_role("button", name="Ada Park", exact=True).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_selector("input[type=email]")
    assert "Vera" not in page.inner_text("body")
    page.goto(world.url + "/#/members")
    page.wait_for_selector("input[type=email]")


def test_the_policy_lets_no_foreign_script_in(world):
    answer = harness.request(world.url + "/")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert re.findall(r"<script(?![^>]*\ssrc=)", answer.text) == []


def test_one_project_is_not_another(world, open_as):
    window = open_as("ada")
    page = window.page
    page.get_by_role("combobox", name="Project").click() if page.get_by_role("combobox", name="Project").count() \
        else page.get_by_label("Project").first.click()
    page.get_by_role("option", name="Staging").click()
    window.open("users")
    page.get_by_text("Nobody is registered yet.").wait_for()
    page.reload()
    page.get_by_text("Nobody is registered yet.").wait_for()
