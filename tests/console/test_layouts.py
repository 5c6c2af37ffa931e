"""A frame for e-mails is written while it is looked at, kept as a draft, used, taken back and removed."""
import pytest

FRAME = "<html><body><header>{{brand.name}}</header><main>{{{content}}}</main></body></html>"


def shown(page):
    return page.frame_locator("iframe").locator("body")


def test_one_is_written_seen_used_and_taken_back(world, open_as):
    world.server.patch("/v1/settings", {"brand": {"name": "Bells & Co"}})
    window = open_as("sol")
    page = window.open("layouts")
    page.get_by_text("There is no layout yet.").wait_for()
    page.get_by_role("link", name="New layout").first.click()
    page.get_by_label("Key").fill("main")
    page.get_by_label("HTML").fill("<p>{{brand.name}} {{nobody}}</p>")
    page.get_by_text('"nobody" is not a declared parameter').first.wait_for()
    page.get_by_role("button", name="Save and publish").click()
    page.locator("[id$=-error]").first.wait_for()
    page.get_by_label("HTML").fill("<p>no content</p>")
    page.get_by_role("button", name="Save and publish").click()
    page.get_by_text("put {{{content}}} where").wait_for()
    page.get_by_label("HTML").fill(FRAME)
    page.get_by_role("combobox", name="Around").click()
    page.get_by_role("option", name="order_shipped").click()
    shown(page).get_by_role("heading", name="On its way").wait_for()
    shown(page).get_by_text("Blue kettle").wait_for()
    page.get_by_role("button", name="Save and publish").click()
    window.said("Version 1 is in use from now on.")
    page.get_by_role("heading", name="main", level=1).wait_for()
    shown(page).get_by_text("Bells & Co").wait_for()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("HTML").fill(FRAME.replace("header", "footer"))
    page.get_by_role("button", name="Save as draft").click()
    window.said("Saved as version 2.")
    page.get_by_role("button", name="2", exact=True).click()
    page.get_by_role("button", name="Use this version").click()
    window.said("Version 2 is in use from now on.")
    page.get_by_role("button", name="2 · in use").wait_for()
    assert world.server.get("/v1/layouts/main")["version"] == 2


def test_one_in_use_stays_and_says_by_whom(world, open_as):
    world.server.put("/v1/layouts/worn", {"html": FRAME})
    order = world.server.get("/v1/templates/order_shipped")
    world.server.put("/v1/templates/framed?publish=true", {**{k: order[k] for k in ("category", "default_locale",
                     "channels", "params", "content")}, "layout": "worn"})
    window = open_as("sol")
    page = window.open("layouts/worn")
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("the layout is used by the template 'framed'").wait_for()
    page.keyboard.press("Escape")
    world.server.put("/v1/layouts/spare", {"html": FRAME})
    window.open("layouts/spare")
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_role("heading", name="Layouts", level=1).wait_for()
    assert world.server.api("GET", "/v1/layouts/spare").status == 404


def test_a_viewer_looks_only(world, open_as):
    world.server.put("/v1/layouts/seen", {"html": FRAME})
    window = open_as("vera")
    page = window.open("layouts/seen")
    shown(page).get_by_text("this is where the text of an e-mail stands").wait_for()
    assert page.get_by_role("button", name="Remove…").count() == 0
    assert page.get_by_role("link", name="Edit").count() == 0
    assert page.evaluate("document.querySelector('iframe').getAttribute('sandbox')") == ""


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark")])
def test_its_pages_have_nothing_serious(world, open_as, language, scheme):
    world.server.put("/v1/layouts/look", {"html": FRAME, "text": "{{content}}"})
    window = open_as("ada", language=language, scheme=scheme)
    found = []
    for name, path in (("layouts", "layouts"), ("layout", "layouts/look"), ("layout-edit", "layouts/look/edit"),
                       ("layout-new", "layouts/new")):
        window.open(path)
        found += [(path, finding) for finding in window.axe()]
        window.picture(f"{language}-{scheme}-{name}")
    assert found == []
