"""What the history shows is taken along as a file: by a job, with the filters in force, also by who only looks."""
import csv


def rows_of(download):
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def make(page):
    page.get_by_role("button", name="Export as CSV…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make the file").click()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").first.click()
    return rows_of(download)


def test_deliveries_with_the_filters_in_force(world, open_as):
    window = open_as("vera")
    page = window.open("history?view=deliveries&channel=sms")
    page.get_by_role("button", name="Export as CSV…").click()
    page.get_by_role("dialog").get_by_text("SMS", exact=True).wait_for()
    page.keyboard.press("Escape")
    rows = make(page)
    wanted = world.server.get("/v1/deliveries?channel=sms&limit=200")["data"]
    assert {row["id"] for row in rows} == {one["id"] for one in wanted} and rows
    assert {row["channel"] for row in rows} == {"sms"}
    # It is still there for whoever closed the page too early.
    page.reload()
    page.get_by_role("button", name="Export as CSV…").click()
    page.get_by_role("dialog").get_by_text("Files made before").first.click()
    with page.expect_download() as again:
        page.get_by_role("dialog").get_by_role("button", name="Download").first.click()
    assert rows_of(again) == rows


def test_notifications_of_one_user(world, open_as):
    window = open_as("sol")
    page = window.open("history?user_id=jun")
    rows = make(page)
    wanted = world.server.get("/v1/notifications?user_id=jun&limit=200")["data"]
    assert {row["id"] for row in rows} == {one["id"] for one in wanted} and rows
