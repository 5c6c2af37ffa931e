"""The pages of recipients in a real browser: in both languages, light and dark, on a phone, by keyboard."""
import pytest

LOOKS = [("en", "light", 1280), ("ko", "dark", 1280), ("ko", "light", 360), ("en", "dark", 360)]


def link(world):
    """Of somebody whose language nobody knows: the browser's decides."""
    world.server.put_user("reader", email="reader@example.test", phone_number="+999000000001")
    return world.server.post("/v1/users/reader/preferences/link")["url"]


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_nothing_serious(world, open_window, language, scheme, width):
    window = open_window(language=language, scheme=scheme, width=width)
    url, found = link(world), []
    for name, path in (("settings", url), ("saved", url + "?done=saved"), ("history", url + "/history"),
                       ("gone", world.url + "/p/x")):
        window.page.goto(path)
        found += [(name, finding) for finding in window.axe()]
        wide = window.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        found += [(name, "scrolls sideways")] if wide else []
        window.picture(f"recipient-{language}-{scheme}-{width}-{name}")
    window.page.goto(url)
    window.page.fill("input[name=quiet_from]", "22:00")
    window.page.locator("form").last.locator("button:not([form])").click()
    assert window.page.locator("[role=alert]").is_visible()
    found += [("wrong", finding) for finding in window.axe()]
    window.picture(f"recipient-{language}-{scheme}-{width}-wrong")
    assert found == []


def test_by_keyboard_alone(world, open_window):
    window = open_window()
    page = window.page
    page.goto(link(world))
    box = page.locator("input[value='general/email']")
    was = box.is_checked()
    for _ in range(60):
        page.keyboard.press("Tab")
        if box.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("Space")
    page.locator("input[name=quiet_from]").focus()
    page.keyboard.press("Enter")  # saves, and stops nothing
    page.wait_for_selector("[role=status]")
    assert page.locator("input[value='general/email']").is_checked() != was
    said = world.server.get("/v1/users/reader/preferences")["preferences"]
    assert [p for p in said if p["category"] == "*" or p["channel"] == "*"] == []


def test_an_expired_one_has_nothing_serious(world, open_window):
    url = link(world)
    world.server.advance("720h")
    window = open_window(language="ko")
    window.page.goto(url)
    assert window.axe() == []
    window.picture("recipient-expired")
    window.page.click("button")
    window.page.wait_for_url("**/fresh")
    assert window.axe() == []
