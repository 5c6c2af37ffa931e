"""Our own servers are told what happens: a webhook is made, corrected, tested, looked into, repaired and removed."""
import hooks
import pytest
from world import World

MAIL = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "Hello", "body": "x"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"), hooks.HERE).content()
    yield made
    made.end()


@pytest.fixture
def receiver():
    with hooks.receiver() as made:
        yield made


def subscribe(world, receiver, key):
    return world.server.expect(201, "PUT", f"/v1/webhooks/{key}", {"url": receiver.url, "events": ["delivery.*"]})


def confirm(page, button):
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").wait_for(state="detached")


def test_one_is_made_its_mistake_told_and_its_secret_shown_once(world, receiver, open_as):
    window = open_as("ada")
    page = window.open("webhooks")
    page.get_by_text("Nobody is told anything.").wait_for()
    page.get_by_role("link", name="New webhook").first.click()
    page.get_by_role("textbox", name="Key").fill("shop")
    page.get_by_label("Address (URL)").fill("ftp://shop.example.test/")
    page.get_by_role("checkbox", name="All of deliveries").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("give event types").wait_for()
    page.get_by_label("Address (URL)").fill(receiver.url)
    page.get_by_role("checkbox", name="delivery.sent").check()
    page.get_by_role("checkbox", name="engagement.clicked").check()
    page.get_by_role("button", name="Save").click()
    secret = page.get_by_role("dialog", name="Keep this now").locator("dd code").inner_text()
    assert secret.startswith("whsec_")
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("heading", name="shop", level=1).wait_for()
    assert secret not in page.content()
    assert world.server.get("/v1/webhooks/shop")["events"] == ["delivery.sent", "engagement.clicked"]
    page.get_by_role("button", name="Test").click()
    page.get_by_text("The test arrived:").wait_for()
    headers, raw = receiver.got[0]
    assert hooks.signed(secret, headers, raw)
    window.open("webhooks/new")
    page.get_by_role("textbox", name="Key").fill("shop")
    page.get_by_text("There is one with this key already.").wait_for()
    assert page.get_by_role("button", name="Save").is_disabled()


def test_a_failed_event_is_looked_into_and_told_again(world, receiver, open_as):
    receiver.answer = 503
    subscribe(world, receiver, "crm")
    world.server.send(**MAIL)
    receiver.wait("delivery.sent")
    window = open_as("ada")
    page = window.open("webhooks/crm")
    page.get_by_role("cell", name="it answered 503").wait_for()
    page.get_by_role("region", name="What it was told").get_by_role("link").first.click()
    page.get_by_role("heading", name="delivery.sent", level=1).wait_for()
    page.get_by_role("cell", name="said so").first.wait_for()
    assert '"status": "sent"' in page.inner_text("pre")
    receiver.answer = 204
    page.get_by_role("button", name="Tell it this again").click()
    page.get_by_text("1 of 1 done, 0 refused").wait_for()
    page.get_by_text("delivered").first.wait_for()
    window.open("webhooks/crm?status=delivered")
    page.get_by_role("checkbox", name="Choose evt_").first.check()
    page.get_by_role("button", name="Tell it again… (1 chosen)").click()
    before = len(receiver.got)
    confirm(page, "Tell it again")
    page.get_by_text("1 of 1 done, 0 refused").wait_for()
    page.get_by_role("button", name="Tell it again…").click()
    page.get_by_role("radio", name="All that is kept").check()
    confirm(page, "Tell it again")
    page.get_by_text("completed", exact=True).wait_for()
    assert len({event["id"] for event in receiver.events("delivery.sent")}) == 1 and len(receiver.got) > before
    window.open("webhooks/crm?status=failed")
    page.get_by_text("Nothing fits.").wait_for()


def test_it_is_paused_resumed_edited_gets_a_new_secret_and_goes(world, receiver, open_as):
    old = subscribe(world, receiver, "erp")["secret"]
    window = open_as("ada")
    page = window.open("webhooks/erp")
    page.get_by_role("button", name="Pause…").click()
    page.get_by_label("Reason").fill("moving house")
    confirm(page, "Pause")
    page.get_by_text("moving house").wait_for()
    page.get_by_role("button", name="Resume").click()
    window.said("It is told again.")
    page.get_by_role("button", name="New secret…").click()
    page.get_by_role("combobox", name="The old one signs for").click()
    page.get_by_role("option", name="not at all").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    fresh = page.get_by_role("dialog", name="Keep this now").locator("dd code").inner_text()
    assert fresh.startswith("whsec_") and fresh != old
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Description").fill("The books")
    page.get_by_label("Events at a time").fill("900")
    page.get_by_role("button", name="Save").click()
    page.locator("[id$=-error]").first.wait_for()
    assert page.get_by_label("Description").input_value() == "The books"
    page.get_by_label("Events at a time").fill("4")
    page.get_by_role("checkbox", name="Everything there is and will be").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="erp", level=1).wait_for()
    kept = world.server.get("/v1/webhooks/erp")
    assert (kept["events"], kept["max_in_flight"], kept["description"]) == (["*"], 4, "The books")
    page.get_by_role("button", name="Remove…").click()
    confirm(page, "Remove")
    page.get_by_role("heading", name="Webhooks", level=1).wait_for()
    assert world.server.api("GET", "/v1/webhooks/erp").status == 404


def test_a_viewer_looks_and_changes_nothing(world, receiver, open_as):
    subscribe(world, receiver, "seen")
    window = open_as("vera")
    page = window.open("webhooks/seen")
    page.get_by_text("It was told nothing yet.").wait_for()
    assert page.locator("#content").get_by_role("button").count() == 0
    page = window.open("webhooks")
    assert page.get_by_role("link", name="New webhook").count() == 0
    assert world.server.api("PUT", "/v1/webhooks/x", {"url": receiver.url, "events": ["*"]},
                            auth=world.as_member("vera")).status == 403


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark")])
def test_its_pages_have_nothing_serious(world, receiver, open_as, language, scheme):
    receiver.answer = 500
    key = f"look-{language}"
    subscribe(world, receiver, key)
    world.server.send(**MAIL)
    receiver.wait("delivery.sent")
    window = open_as("ada", language=language, scheme=scheme)
    event = world.server.get(f"/v1/webhooks/{key}/deliveries")["data"][0]["id"]
    found = []
    for name, path in (("webhooks", "webhooks"), ("webhook", f"webhooks/{key}"), ("webhook-new", "webhooks/new"),
                       ("webhook-event", f"webhooks/{key}/{event}")):
        window.open(path)
        found += [(path, finding) for finding in window.axe()]
        window.picture(f"{language}-{scheme}-{name}")
    assert found == []
