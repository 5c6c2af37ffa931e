"""Every page, in both languages, light and dark: axe finds nothing serious, no text is missing, no script fails.

The pictures are in build/console-pictures/ afterwards.
"""
import re

import pytest
from people import only

PATHS = ["", "send", "history", "history?view=deliveries", "engagement", "engagement?by=channel&span=week",
         "approvals", "templates", "templates/order_shipped", "templates/order_shipped/edit", "templates/new",
         "layouts", "layouts/new", "categories", "categories/offers", "users", "users/mina", "groups",
         "groups/regulars", "suppressions", "schedules", "schedules/new", "rules", "rules/new", "routes", "settings",
         "stops", "accountability", "dead-letters", "integrations", "integrations/new", "integrations/edit/twilio",
         "senders",
         "senders/new", "webhooks", "webhooks/new", "alerts", "sandbox", "apps", "members", "projects", "audit",
         "account",
         "no-such-page"]


def name_of(path):
    return re.sub(r"\W+", "-", path).strip("-") or "overview"


@pytest.fixture(scope="module")
def ids(world):
    world.server.send(auth="test", to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="Hi", body="x")
    waiting = world.server.expect(202, "POST", "/v1/notifications", {
        "to": [{"group": "regulars"}], "category": "offers", "template": "order_shipped", "params": {"item": "Tea"}},
        auth=world.as_member("sol"))
    dead = only(world.server.get("/v1/deliveries?status=dead")["data"])
    mail = world.server.get("/v1/deliveries?user_id=mina&channel=email")["data"][-1]
    return [f"history/{mail['notification_id']}", f"history/{mail['notification_id']}/{mail['id']}",
            f"history/{dead['notification_id']}/{dead['id']}", f"approvals/{waiting['approval_id']}"]


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark"), ("ko", "light"), ("en", "dark")])
def test_nothing_serious(world, ids, open_window, language, scheme):
    window = open_window(language=language, scheme=scheme)
    window.page.goto(world.url)
    window.page.wait_for_selector("form")
    found = [("sign-in", finding) for finding in window.axe()]
    window.picture(f"{language}-{scheme}-sign-in")
    window.sign_in("ada")
    for path in PATHS + ids:
        page = window.open(path)
        found += [(path, finding) for finding in window.axe()]
        kind = re.sub(r"(ntf|dlv|apr)_\w+", r"\1", path)
        window.picture(f"{language}-{scheme}-{name_of(kind)}{'-dead' if path == ids[2] else ''}")
        text = page.inner_text("body")
        for broken in ("undefined", "[object Object]", "NaN", "Invalid Date"):
            assert broken not in text, (path, broken)
        if language == "ko" and path != "no-such-page":
            assert re.search("[가-힣]", page.inner_text("h1") + page.inner_text("nav")), path
    assert found == []


def test_dialogs_have_nothing_serious(open_as):
    window = open_as("ada")
    found = []
    for path, button in (("", "Stop sending…"), ("users", "New user"), ("users", "Import a file…"),
                         ("groups", "New group"), ("members", "Invite somebody"), ("apps", "New app"),
                         ("suppressions", "Suppress an address"), ("users/mina", "Erase…"),
                         ("history", "Export as CSV…"), ("dead-letters", "Send all again…"),
                         ("dead-letters", "Discard all…"), ("routes", "New route"),
                         ("projects", "New project"), ("users/mina", "Preference page…")):
        page = window.open(path)
        page.get_by_role("button", name=button).click()
        page.get_by_role("dialog").wait_for()
        page.wait_for_timeout(300)  # until it is opaque: axe takes a half transparent one for pale
        found += [(path, button, finding) for finding in window.axe()]
        page.keyboard.press("Escape")
    assert found == []


def test_a_narrow_screen_shows_all_and_scrolls_down_only(world, ids, open_window):
    window = open_window(width=360)
    window.sign_in("ada")
    for path in PATHS + ids:
        page = window.open(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (path, wide)
    page.get_by_role("button", name="Open or close the menu").click()
    page.get_by_role("link", name="Audit trail").click()
    page.get_by_role("heading", name="Audit trail").wait_for()
