"""What was sent is found again, page by page, and every delivery says why it is where it is."""
import time

import pytest
from people import only


def test_filters_are_in_the_address(open_as):
    window = open_as("vera")
    page = window.open("history")
    page.get_by_label("Event id").fill("order-1003")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**event_id=order-1003**")
    page.locator("tbody tr").nth(1).wait_for(state="detached")
    page.locator("tbody tr").first.wait_for()
    assert page.locator("tbody tr").count() == 1
    other = open_as("vera")
    other.page.goto(page.url)
    other.page.get_by_text("order-1003").first.wait_for()
    assert other.page.get_by_label("Event id").input_value() == "order-1003"
    page.get_by_role("link", name="Clear all").click()
    page.get_by_text("order-1001").wait_for()


def test_a_wrong_filter_is_told_at_its_field(open_as):
    window = open_as("vera")
    page = window.open("history?from=yesterday")
    page.get_by_text("write RFC 3339").first.wait_for()
    assert page.get_by_label("From").get_attribute("aria-invalid") == "true"


def test_one_delivery_says_everything(world, open_as):
    window = open_as("vera")
    page = window.open("history?view=deliveries&status=dead")
    page.locator("tbody a").first.click()
    page.get_by_role("heading", name="SMS → jun").wait_for()
    window.settle()
    text = page.inner_text("#content")
    for said in ("given up", "All retries failed", "Attempt failed, will be repeated", "503 20503",
                 "Better late than never", "Preference", "the category's default"):
        assert said in text, said


def test_content_of_a_sensitive_category_is_hidden(world, open_as):
    window = open_as("ada")
    sent = only(world.server.get("/v1/notifications?event_id=code-1")["data"])["id"]
    page = window.open(f"history/{sent}")
    page.locator("tbody a").first.click()
    page.get_by_role("heading", name="Content").wait_for()
    window.settle()
    assert "482913" not in page.inner_text("body")


def test_not_reaching_somebody_is_explained(open_as):
    window = open_as("vera")
    page = window.open("history?view=deliveries&status=suppressed")
    page.get_by_text("No address for this channel").first.wait_for()


@pytest.fixture(scope="module")
def many(world):
    """1,000 more notifications, each with one delivery."""
    for begin in range(0, 1000, 500):
        body = {"notifications": [{"event_id": f"many-{n}", "to": [{"email": "ok@sandbox.carillon.test"}],
                                   "channels": ["email"], "title": f"No. {n}", "body": "x"}
                                  for n in range(begin, begin + 500)]}
        answer = world.server.expect(202, "POST", "/v1/notifications/batch", body, auth="app", timeout_s=60)
        assert answer["summary"]["accepted"] == 500
    world.server.wait_idle()
    return world


def test_a_long_list_is_read_page_by_page(many, open_as):
    window = open_as("vera")
    page = window.open("history")
    seen = set()
    for number in range(1, 6):
        page.locator("nav[aria-label=Pages]").get_by_text(str(number), exact=True).wait_for()
        page.locator("[data-stale]").wait_for(state="detached")
        rows = page.locator("tbody tr")
        assert rows.count() == 50, "a page holds fifty rows, however many there are"
        fresh = set(page.locator("tbody tr a").evaluate_all("(links) => links.map((a) => a.getAttribute('href'))"))
        assert not fresh & seen, "no row twice"
        seen |= fresh
        page.get_by_role("button", name="Older").click()
    page.get_by_role("button", name="Newer").click()
    began = time.monotonic()
    page.get_by_role("button", name="Older").click()
    page.locator("nav[aria-label=Pages]").get_by_text("6", exact=True).wait_for()
    assert time.monotonic() - began < 2
