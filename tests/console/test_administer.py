"""Members, keys and categories are kept by administrators, and the audit trail tells who did it."""
import harness
from world import PASSWORD


def test_a_member_is_invited_and_comes_in(world, open_as, open_window):
    window = open_as("ada")
    page = window.open("members")
    page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Noah")
    dialog.get_by_label("E-mail").fill("noah@example.test")
    dialog.get_by_label("Key").fill("noah")
    dialog.get_by_role("combobox", name="Role: default").click()
    page.get_by_role("option", name="Viewer").click()
    dialog.get_by_role("button", name="Save").click()
    link = page.get_by_role("dialog", name="Invitation link").locator("code").inner_text()
    assert "/#/join?token=" in link
    newcomer = open_window()
    newcomer.page.goto(world.url + link[link.index("/#/"):])
    for n in range(2):
        newcomer.page.locator("input[type=password]").nth(n).fill(PASSWORD)
    newcomer.page.get_by_role("button", name="Set password and go on").click()
    newcomer.page.wait_for_selector("#content h1")  # the invitation signs in
    assert "Send" not in newcomer.menu()


def test_a_role_is_changed_and_a_member_removed(world, open_as):
    world.server.put("/v1/members/temp",
                     {"name": "Temp", "email": "temp@example.test", "grants": {"default": "viewer"}})
    window = open_as("ada")
    page = window.open("members")
    page.get_by_role("button", name="Edit Temp").click()
    page.get_by_role("combobox", name="Role: default").click()
    page.get_by_role("option", name="Sender").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert world.server.get("/v1/members/temp")["grants"] == {"default": "sender"}
    page.get_by_role("button", name="Edit Temp").click()
    page.locator("input[aria-haspopup=listbox]").and_(page.get_by_label("Only these apps: default")).click()
    page.get_by_role("option", name="default").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_text("default: Sender (default)").wait_for()
    assert world.server.get("/v1/members/temp")["apps"] == {"default": ["default"]}
    page.get_by_role("button", name="Remove Temp…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("temp@example.test").wait_for(state="detached")
    assert world.server.api("GET", "/v1/members/temp").status == 404


def test_a_forgotten_password_is_replaced_by_a_link(world, open_as, open_window):
    world.server.put("/v1/members/lost",
                     {"name": "Lost", "email": "lost@example.test", "grants": {"default": "viewer"}})
    world.let_in("lost")
    window = open_as("ada")
    page = window.open("members")
    page.get_by_role("button", name="New password for Lost…").click()
    page.get_by_role("dialog").get_by_role("button", name="Take away").click()
    link = page.get_by_role("dialog", name="Invitation link").locator("code").inner_text()
    theirs = open_window()
    theirs.page.goto(world.url + link[link.index("/#/"):])
    for n in range(2):
        theirs.page.locator("input[type=password]").nth(n).fill("another " + PASSWORD)
    theirs.page.get_by_role("button", name="Set password and go on").click()
    theirs.page.wait_for_selector("#content h1")


def test_a_project_is_made_and_chosen(world, open_as):
    window = open_as("ada")
    page = window.open("projects")
    page.get_by_role("button", name="New project").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key", exact=False).fill("default")
    dialog.get_by_text("There is one with this key already.").wait_for()
    dialog.get_by_label("Key", exact=False).fill("pilot")
    dialog.get_by_label("Name").fill("Pilot")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("cell", name="pilot", exact=True).wait_for()
    page.get_by_role("combobox", name="Project").click()
    page.get_by_role("option", name="Pilot").click()
    page.get_by_text("Nothing was sent yet").wait_for()


def test_an_app_gets_keys_that_work_and_are_shown_once(world, open_as):
    window = open_as("ada")
    page = window.open("apps")
    page.get_by_role("button", name="New app").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Bad Name!")
    page.get_by_role("dialog").get_by_role("button", name="New app").click()
    page.get_by_role("dialog").locator("[id$=-error]").wait_for()
    page.get_by_role("dialog").get_by_label("Name").fill("shop")
    page.get_by_role("dialog").get_by_role("button", name="New app").click()
    page.get_by_text("Keep this now").wait_for()
    shown = page.get_by_role("dialog").locator("dd code").all_inner_texts()
    key, secret = shown[0], shown[1]
    assert world.server.api("GET", "/v1/limits", auth=(key, secret)).status == 200
    page.get_by_role("button", name="I have kept it").click()
    assert secret not in page.content()
    page.get_by_role("button", name=f"Refuse the key {key}…").click()
    page.get_by_role("dialog").get_by_role("button", name="Refuse").click()
    page.get_by_role("button", name=f"Refuse the key {key}…").wait_for(state="detached")
    assert world.server.api("GET", "/v1/limits", auth=(key, secret)).status == 401


def test_a_category_is_made_and_its_mistake_told(world, open_as):
    window = open_as("ada")
    page = window.open("categories/new")
    page.get_by_label("Key", exact=False).first.fill("invoices")
    page.get_by_label("Name in Korean").fill("청구서")
    page.get_by_label("Of use for").fill("soon")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("must be a number and a unit").wait_for()
    page.get_by_label("Of use for").fill("12h")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="invoices").wait_for()
    made = world.server.get("/v1/categories/invoices")
    assert made["ttl"] == "12h" and made["name"]["ko"] == "청구서"


def test_who_changed_what_is_told(world, open_as):
    window = open_as("ada")
    world.server.put("/v1/groups/told", {"name": "Told"}, auth=world.as_member("sol"))
    page = window.open("audit")
    page.get_by_label("Who", exact=True).fill("member:sol")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("cell", name="group.put").first.wait_for()
    assert page.get_by_role("cell", name="key:first").count() == 0
    page.get_by_label("From time").fill("2031-01-01T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_text("Nothing fits.").wait_for()


def test_only_administrators_reach_them_by_the_api_too(world):
    token = world.as_member("sol")
    for path in ("/v1/audit", "/v1/members", "/v1/keys"):
        assert world.server.api("GET", path, auth=token).status == 403
    assert harness.request(world.url + "/v1/members").status == 401
