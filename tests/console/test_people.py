"""Users, their wishes, groups, and files of them."""
import json


def find(page, text):
    page.get_by_label("Find", exact=False).first.fill(text)
    page.keyboard.press("Enter")


def test_somebody_is_found_by_id(world, open_as):
    window = open_as("vera")
    page = window.open("users")
    find(page, "nobody-here")
    page.get_by_text("There is no user “nobody-here”.").wait_for()
    find(page, "mina")
    page.get_by_role("heading", name="김미나").wait_for()
    page.get_by_text("mina-iphone").wait_for()


def test_somebody_is_found_by_address_whole_or_in_part(world, open_as):
    world.server.send(to=[{"email": "guest@example.test"}], channels=["email"], title="Hi", body="Hi")
    window = open_as("vera")
    page = window.open("users")
    find(page, "mina@Example.test")
    page.get_by_role("link", name="mina", exact=True).wait_for()
    page.get_by_role("link", name="jun", exact=True).wait_for(state="detached")
    find(page, "+82 10-8765-4321")
    page.get_by_role("link", name="jun", exact=True).wait_for()
    page.get_by_role("link", name="mina", exact=True).wait_for(state="detached")
    find(page, "+8210*")
    page.get_by_role("link", name="mina", exact=True).wait_for()
    page.get_by_role("link", name="ann", exact=True).wait_for(state="detached")
    find(page, "ann@")  # no id, and less than an address
    page.locator("[id$=-error]").wait_for()
    find(page, "ann")
    page.get_by_role("heading", name="Ann Miller").wait_for()
    page = window.open("users")
    find(page, "ann.")
    page.get_by_text("There is no user “ann.”.").wait_for()
    find(page, "jun@ex*")
    page.get_by_role("link", name="jun", exact=True).wait_for()
    find(page, "guest@example.test")
    page.get_by_text("Nobody has this address.").wait_for()
    page.get_by_role("link", name="What was sent to the address itself").click()
    page.wait_for_url("**/#/history?view=deliveries&email=guest%40example.test")
    page.get_by_role("cell", name="address").wait_for()


def test_a_new_user_with_a_mistake(world, open_as):
    window = open_as("sol")
    page = window.open("users")
    page.get_by_role("button", name="New user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("User id").fill("nora")
    dialog.get_by_label("Phone").fill("12")
    dialog.get_by_label("Attributes").fill("{")
    dialog.get_by_text("This is not a JSON object.").wait_for()
    dialog.get_by_label("Attributes").fill('{"plan": "gold"}')
    dialog.get_by_role("button", name="Save").click()
    dialog.locator("[id$=-error]").wait_for()
    dialog.get_by_label("Phone").fill("+821011112222")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="nora").wait_for()
    assert world.server.get("/v1/users/nora")["attributes"] == {"plan": "gold"}


def test_a_no_is_set_and_taken_back(world, open_as):
    window = open_as("sol")
    page = window.open("users/bo")
    page.get_by_role("button", name="Set", exact=True).click()
    page.get_by_text("does not want").first.wait_for()
    assert world.server.get("/v1/users/bo/preferences")["preferences"] == [
        {"channel": "*", "category": "*", "opt_in": False}]
    page.get_by_role("button", name="Forget what was said of every channel, every category").click()
    page.get_by_text("The user said nothing so far.").wait_for()
    page.get_by_role("cell", name="member:sol").first.wait_for()  # the log says who


def test_quiet_hours_are_set_and_given_up(world, open_as):
    window = open_as("sol")
    page = window.open("users/jun")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_label("until", exact=True).fill("08:00")
    page.get_by_role("button", name="Set quiet hours").click()
    page.get_by_role("button", name="None of their own").wait_for()
    assert world.server.get("/v1/users/jun/preferences")["quiet_hours"] == {"from": "22:00", "to": "08:00"}
    page.get_by_role("button", name="None of their own").click()
    page.get_by_role("button", name="None of their own").wait_for(state="detached")
    assert world.server.get("/v1/users/jun/preferences")["quiet_hours"] is None


def test_a_link_to_the_preference_page_is_handed_out(world, open_as, open_window):
    window = open_as("sol")
    page = window.open("users/mina")
    page.get_by_role("cell", name="order_shipped").first.wait_for()  # what it was that was sent
    page.get_by_role("button", name="Preference page…").click()
    link = page.get_by_role("dialog").locator("code").inner_text()
    theirs = open_window(language="ko")
    theirs.page.goto(world.url + link[link.index("/p/"):])
    theirs.page.get_by_text("주문 알림").first.wait_for()


def test_all_that_is_kept_is_handed_out_and_forgotten(world, open_as):
    world.server.put_user("zoe", name="Zoe", email="zoe@example.test")
    window = open_as("sol")
    page = window.open("users/zoe")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    kept = json.loads(open(download.value.path(), encoding="utf-8").read())
    assert kept["user"]["email"] == "zoe@example.test"
    page.get_by_role("button", name="Erase…").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Erase").is_disabled()
    dialog.get_by_label("Type the user id to confirm").fill("zoe")
    dialog.get_by_role("button", name="Erase").click()
    window.said("The user is being erased.")
    page.get_by_role("link", name="zoe").wait_for(state="detached")
    assert world.server.api("GET", "/v1/users/zoe").status == 404


def test_a_group_is_made_filled_and_emptied(world, open_as):
    window = open_as("sol")
    page = window.open("groups")
    page.get_by_role("button", name="New group").click()
    page.get_by_label("Key", exact=False).fill("testers")
    page.get_by_label("Name").last.fill("Testers")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Testers").wait_for()
    page.get_by_role("textbox", name="Add").fill("mina, jun\nann")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Members (3)").wait_for()
    page.get_by_role("button", name="Remove jun").click()
    page.get_by_text("Members (2)").wait_for()
    assert {m["user_id"] for m in world.server.get("/v1/groups/testers/members")["data"]} == {"mina", "ann"}
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("link", name="regulars").wait_for()
    assert world.server.api("GET", "/v1/groups/testers").status == 404


def test_a_file_of_users_is_mapped_imported_and_its_bad_row_told(world, open_as):
    window = open_as("sol")
    page = window.open("users")
    page.get_by_role("button", name="Import a file…").click()
    rows = ("ID,Mail,plan,internal\nimp1,imp1@example.test,gold,x\nimp2,not-an-address,free,y\n"
            "imp3,imp3@example.test,free,z\n")
    page.set_input_files("input[type=file]", {"name": "people.csv", "mimeType": "text/csv", "buffer": rows.encode()})
    dialog = page.get_by_role("dialog")
    page.locator("input[aria-haspopup=listbox]").and_(dialog.get_by_label("internal")).click()
    page.get_by_role("option", name="leave out").click()
    dialog.get_by_role("button", name="Import").click()
    dialog.get_by_text("2 of 3 done, 1 refused").wait_for()
    dialog.get_by_text("Line 3:").wait_for()
    assert world.server.get("/v1/users/imp1")["attributes"] == {"plan": "gold"}
    assert world.server.api("GET", "/v1/users/imp2").status == 404


def test_a_group_is_filled_from_a_file_with_its_bad_rows_told_and_exported(world, open_as):
    world.server.put("/v1/groups/beta", {"name": "Beta"})
    window = open_as("sol")
    page = window.open("groups/beta")
    page.get_by_role("button", name="Import a file…").click()
    rows = f"Customer,Plan\nmina,gold\n{'x' * 129},free\njun,gold\n"
    page.set_input_files("input[type=file]", {"name": "beta.csv", "mimeType": "text/csv", "buffer": rows.encode()})
    dialog = page.get_by_role("dialog")
    page.locator("input[aria-haspopup=listbox]").and_(dialog.get_by_label("Customer")).click()
    page.get_by_role("option", name="user_id").click()
    dialog.get_by_role("button", name="Import").click()
    dialog.get_by_text("2 of 3 done, 1 refused").wait_for()
    dialog.get_by_text("Line 3:").wait_for()
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_text("Members (2)").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    assert download.value.suggested_filename == "beta.csv"
    assert open(download.value.path(), encoding="utf-8").read().split() == ["user_id", "jun", "mina"]


def test_an_address_is_suppressed_looked_up_and_allowed(world, open_as):
    window = open_as("sol")
    page = window.open("suppressions")
    page.get_by_role("button", name="Suppress an address").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Address").fill("no@example.test")
    dialog.get_by_role("button", name="Suppress an address").click()
    window.said("Suppressed.")
    world.server.put_user("nono", name="No No", email="no@example.test")
    window.open("users/nono")
    page.get_by_text("suppressed: E-mail").wait_for()
    window.open("suppressions")
    page.get_by_role("button", name="Is it suppressed?").click()
    dialog.get_by_label("Address").fill("no@example.test")
    dialog.get_by_role("button", name="Search").click()
    dialog.get_by_text("Yes, this address is suppressed.").wait_for()
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Allow again").click()
    dialog.get_by_label("Address").fill("no@example.test")
    dialog.get_by_role("button", name="Allow again").click()
    window.said("Allowed again.")
    assert world.server.get("/v1/suppressions?channel=email&address=no@example.test")["data"] == []
