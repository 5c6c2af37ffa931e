"""A server that goes away and comes back: the page says so, keeps what was typed and goes on by itself."""


def test_a_lost_connection_says_so_and_resumes(world, open_as):
    window = open_as("sol")
    page = window.open("send")
    page.get_by_label("One recipient a line").fill("mina")
    page.get_by_text("My own text").click()
    page.get_by_label("Title", exact=True).fill("Written before the storm")
    page.get_by_label("Text", exact=True).fill("And still here.")
    page.locator("label:has-text('E-mail')").last.click()
    world.server.kill()
    page.get_by_role("button", name="Check who gets it").click()
    page.get_by_text("The connection to the server is lost.").wait_for()
    page.get_by_text("What you entered is kept").wait_for()
    assert page.get_by_label("Title", exact=True).input_value() == "Written before the storm"
    world.server.start()
    page.get_by_text("Connected again.").wait_for(timeout=30_000)
    page.get_by_text("The connection to the server is lost.").wait_for(state="detached")
    page.get_by_role("button", name="Check who gets it").click()
    page.get_by_text("1 to be sent").wait_for()
    page.get_by_role("button", name="Start over").click()


def test_a_page_that_is_open_loads_again_by_itself(world, open_as):
    window = open_as("vera")
    page = window.open("history")
    world.server.kill()
    page.get_by_text("The connection to the server is lost.").wait_for(timeout=20_000)
    world.server.start()
    world.server.send(event_id="after-the-storm", to=[{"user_id": "ann"}], channels=["email"], title="x", body="y")
    page.get_by_text("after-the-storm").wait_for(timeout=30_000)


def test_without_its_stream_the_page_says_so_asks_and_finds_back(world, open_as):
    window = open_as("vera")
    page = window.open("history")
    said = "Live updates are interrupted."
    send = {"to": [{"user_id": "ann"}], "channels": ["email"], "title": "x", "body": "y"}
    assert page.get_by_text(said).count() == 0
    window.context.route("**/v1/stream", lambda route: route.abort())
    page.reload()
    page.get_by_text(said).wait_for(timeout=20_000)
    world.server.send(event_id="asked-for", **send)
    page.get_by_text("asked-for").wait_for(timeout=20_000)
    window.context.unroute("**/v1/stream")
    page.get_by_text(said).wait_for(state="detached", timeout=60_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    world.server.send(event_id="told-of", **send)
    page.get_by_text("told-of").wait_for()
    assert asked, "the server told that there is something, the page loaded it"
