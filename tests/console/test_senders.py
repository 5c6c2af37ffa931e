"""Whom messages may be from is allowed, narrowed, and allowed no more; only an administrator does it."""
import pytest

MAIL = {"to": [{"user_id": "ann"}], "channels": ["email"], "title": "x", "body": "y",
        "from": {"email": "news@shop.example"}}


def sent(world):
    return world.server.api("POST", "/v1/notifications/explain", MAIL).status


def test_one_is_allowed_corrected_narrowed_and_removed(world, open_as):
    assert sent(world) == 422
    window = open_as("ada")
    page = window.open("senders")
    page.get_by_text("No sender is allowed").wait_for()
    page.get_by_role("link", name="New sender").first.click()
    page.get_by_label("Key").fill("shop")
    page.get_by_role("combobox", name="What it is").click()
    page.get_by_role("option", name="Every address of a domain").click()
    page.get_by_label("From").fill("not a domain")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("give a domain such as example.com").wait_for()
    assert page.get_by_label("From").input_value() == "not a domain"
    page.get_by_label("From").fill("Shop.Example")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("cell", name="shop.example").wait_for()
    page.get_by_role("cell", name="every integration").wait_for()
    assert sent(world) == 200
    page.get_by_role("link", name="shop", exact=True).click()
    page.get_by_role("combobox", name="Who may carry it").click()
    page.get_by_role("option", name="smtp").click()
    page.keyboard.press("Escape")  # closes the list, which covers the button
    page.get_by_role("button", name="Save").click()
    page.get_by_role("cell", name="smtp", exact=True).wait_for()
    assert world.server.get("/v1/senders/shop")["integrations"] == ["smtp"]
    page.get_by_role("button", name="Remove shop…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("No sender is allowed").wait_for()
    assert sent(world) == 422


def test_others_look_only(world, open_as):
    world.server.put("/v1/senders/bells", {"alphanumeric": "Bells"})
    for who in ("sol", "vera"):
        page = open_as(who).open("senders")
        page.get_by_role("cell", name="Bells", exact=True).wait_for()
        assert page.locator("#content").get_by_role("button").count() == 0
        assert page.get_by_role("link", name="New sender").count() == 0
    assert world.server.api("PUT", "/v1/senders/x", {"alphanumeric": "X"}, auth=world.as_member("sol")).status == 403


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("ko", "light")])
def test_its_pages_have_nothing_serious(world, open_as, language, scheme):
    world.server.put("/v1/senders/bells", {"alphanumeric": "Bells"})
    world.server.put("/v1/senders/news", {"email": "news@shop.example", "name": "The shop", "integrations": ["smtp"]})
    window = open_as("ada", language=language, scheme=scheme)
    found = []
    for name, path in (("senders", "senders"), ("sender-new", "senders/new"), ("sender", "senders/edit/news")):
        window.open(path)
        found += [(path, finding) for finding in window.axe()]
        window.picture(f"{language}-{scheme}-{name}")
    assert found == []
