"""What recipients did is told in rates: by template, category and channel, over time; "no receipts" is not 0 %."""
import pytest


def table(page, by):
    return page.get_by_role("region", name=f"Rates by {by}")


def test_rates_are_those_of_the_api_and_no_receipts_is_said(world, open_as):
    window = open_as("vera")
    page = window.open("engagement")
    page.get_by_role("img", name="Over time").locator("svg").wait_for()
    table(page, "Template").get_by_role("link", name="order_shipped").wait_for()
    page.get_by_role("radiogroup", name="By", exact=True).get_by_text("Channel").click()
    rows = {row["channel"]: row for row in world.server.get("/v1/stats?by=channel")["data"]}
    mail = table(page, "Channel").get_by_role("row").filter(has_text="E-mail")
    mail.wait_for()
    assert rows["email"]["receipts"] == "no receipts", "SMTP reports nothing"
    assert "no receipts" in mail.inner_text() and str(max(rows["email"]["sent"], 0)) in mail.inner_text()
    page.get_by_text("Over time, as a table").click()
    page.get_by_role("columnheader", name="When").wait_for()
    assert page.url.count("by=channel") == 1


def test_it_is_narrowed_and_the_view_is_a_link(world, open_as):
    window = open_as("vera")
    page = window.open("engagement")
    page.get_by_text("7 days", exact=True).click()
    page.get_by_role("combobox", name="Template").click()
    page.get_by_role("option", name="login_code").click()
    harness_row = table(page, "Template").get_by_role("row").filter(has_text="login_code")
    harness_row.wait_for()
    page.get_by_role("link", name="order_shipped").wait_for(state="detached")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    harness_row.wait_for()
    assert page.get_by_role("link", name="order_shipped").count() == 0
    page = window.open("engagement?template=nobody")
    page.get_by_text("Nothing was sent in this span of time.").wait_for()


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark")])
def test_it_has_nothing_serious(world, open_as, language, scheme):
    window = open_as("vera", language=language, scheme=scheme)
    page = window.open("engagement?by=channel")
    page.locator("svg[xmlns]").first.wait_for()
    assert window.axe() == []
    window.picture(f"{language}-{scheme}-engagement")
