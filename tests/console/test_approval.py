"""A large send waits for the word of somebody else."""
from people import only


def submit(page, title):
    page.locator("label:has-text('Groups')").click()
    page.locator("input[aria-haspopup=listbox]").and_(page.get_by_label("Groups")).click()
    page.get_by_role("option", name="Regular customers").click()
    page.keyboard.press("Escape")
    page.get_by_text("My own text").click()
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Text", exact=True).fill("Half price.")
    page.locator("input[aria-haspopup=listbox]").and_(page.get_by_label("Category")).click()
    page.get_by_role("option", name="offers").click()
    page.get_by_role("button", name="Send…").click()
    page.get_by_text("messages go out").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("This send waits for approval.").wait_for()


def test_the_sender_cannot_approve_and_an_administrator_can(world, open_as):
    sender = open_as("sol")
    submit(sender.open("send"), "Spring sale")
    sender.page.get_by_role("link", name="See the approval").click()
    sender.page.get_by_text("somebody else has to decide").wait_for()
    assert sender.page.get_by_role("button", name="Approve").count() == 0

    boss = open_as("ada")
    page = boss.open("")
    page.get_by_role("link", name="1 send waits for approval").click()
    page.locator("tbody a").first.click()
    page.get_by_text("4 to be sent").wait_for()  # Ann said no to offers
    page.get_by_text("of 3 without asking").wait_for()
    page.get_by_text("5 of 5 recipients").wait_for()
    assert page.get_by_text("Takes", exact=True).count() == 1
    assert "The recipient said no" in page.inner_text("#content")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    boss.said("Approved.")
    page.get_by_role("link", name="ntf_").click()
    page.get_by_text("5 of 5 deliveries have ended").wait_for()


def test_another_sender_does_not_decide(world, open_as):
    world.server.put("/v1/members/sue", {"name": "Sue", "email": "sue@example.test", "grants": {"default": "sender"}})
    world.let_in("sue")
    sender = open_as("sol")
    submit(sender.open("send"), "Winter sale")
    approval = only(world.server.get("/v1/approvals")["data"])
    page = open_as("sue").open(f"approvals/{approval['id']}")
    page.get_by_text("Winter sale").first.wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0
    path = f"/v1/approvals/{approval['id']}/approve"
    assert world.server.api("POST", path, auth=world.as_member("sue")).status == 403
    world.server.post(f"/v1/approvals/{approval['id']}/reject", {"reason": "not now"})


def test_a_rejection_needs_a_reason_and_tells_it(world, open_as):
    sender = open_as("sol")
    submit(sender.open("send"), "Summer sale")
    approval = only(world.server.get("/v1/approvals")["data"])
    boss = open_as("ada")
    page = boss.open(f"approvals/{approval['id']}")
    page.get_by_role("button", name="Reject").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Reject").click()
    dialog.locator("[id$=-error]").wait_for()
    dialog.get_by_label("Reason").fill("the price is wrong")
    dialog.get_by_role("button", name="Reject").click()
    page.get_by_text("the price is wrong").wait_for()
    sender.page.get_by_text("rejected").first.wait_for()
    assert world.server.get(f"/v1/approvals/{approval['id']}")["status"] == "rejected"


def test_a_viewer_only_looks(world, open_as):
    sender = open_as("sol")
    submit(sender.open("send"), "Autumn sale")
    approval = only(world.server.get("/v1/approvals")["data"])
    window = open_as("vera")
    page = window.open(f"approvals/{approval['id']}")
    page.get_by_text("member:sol").wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0


def test_a_change_makes_the_request_void(world, open_as):
    sender = open_as("sol")
    submit(sender.open("send"), "Winter sale")
    approval = only(world.server.get("/v1/approvals")["data"][:1])
    page = sender.page
    page.get_by_role("button", name="Edit…").click()
    page.get_by_text("becomes void").wait_for()
    box = page.get_by_label("What is sent (JSON)")
    box.fill(box.input_value().replace("Winter sale", "Winter sale!"))
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    sender.said("Saved")
    page.get_by_role("dialog").wait_for(state="detached")
    assert world.server.get(f"/v1/approvals/{approval['id']}")["status"] == "void"
    page.get_by_text("This send waits for approval.").wait_for()
    fresh = only(world.server.get("/v1/approvals")["data"][:1])
    assert fresh["id"] != approval["id"] and fresh["notification_id"] == approval["notification_id"]
