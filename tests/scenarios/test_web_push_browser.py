"""The page /sandbox subscribes a real browser with one click, and shows it a message.

Chromium's own push service is out of reach here: its PushManager hands out a subscription of the simulator, and what
the simulator took is given to the service worker by the browser's debugger.
"""
import json
import shutil

import pytest

import harness
from people import only

playwright = pytest.importorskip("playwright.sync_api", reason="pip's playwright is missing")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

# What the real one does but for asking the browser's push service.
FAKE = """
  const subscription = %s;
  PushManager.prototype.getSubscription = async function () { return null; };
  PushManager.prototype.subscribe = async function (options) {
    window.askedWith = Array.from(new Uint8Array(options.applicationServerKey));
    window.userVisibleOnly = options.userVisibleOnly;
    return {endpoint: subscription.endpoint, toJSON: () => subscription, options: options};
  };
"""


@pytest.fixture
def page():
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(permissions=["notifications"])
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        yield page
        browser.close()


def deliver(page, origin, text):
    """Hands a push message to the page's service worker, as the browser would."""
    session = page.context.new_cdp_session(page)
    found = []
    session.on("ServiceWorker.workerRegistrationUpdated",
               lambda event: found.extend(r["registrationId"] for r in event["registrations"]))
    session.send("ServiceWorker.enable")
    for _ in range(200):
        if found:
            break
        page.wait_for_timeout(20)
    session.send("ServiceWorker.deliverPushMessage",
                 {"origin": origin, "registrationId": found[0], "data": text})


def test_one_click_and_a_message_is_shown(server, simulator, page):
    harness.connect(server, simulator, "webpush")
    key = server.get("/v1/webpush/key", auth="app")["key"]
    page.context.grant_permissions(["notifications"], origin=server.url)
    page.add_init_script(FAKE % json.dumps(simulator.subscribe(key)))
    page.goto(server.url + "/sandbox")
    page.fill("input[name=name]", server.app[0])
    page.fill("input[name=word]", server.app[1])
    page.click("text=Show messages")
    page.click("#subscribe")
    page.wait_for_selector("#send", state="visible")
    device_id = page.evaluate("localStorage.getItem('carillon-device')")
    assert device_id in page.inner_text("#push-state")
    asked = bytes(page.evaluate("window.askedWith"))
    assert len(asked) == 65 and page.evaluate("window.userVisibleOnly") is True
    device = server.get(f"/v1/devices/{device_id}")
    assert device["platform"] == "web" and only(device["endpoints"])["service"] == "webpush"

    page.click("#send")
    # Not wait_for_function(): its text would be evaluated, which the page's own policy forbids.
    page.wait_for_selector("#push-state:has-text('Sent: ntf_')")
    sent = page.inner_text("#push-state").removeprefix("Sent: ").rstrip(".")
    assert only(server.wait_final(sent)["deliveries"])["status"] == "sent"

    deliver(page, server.url, only(simulator.messages("webpush"))["content"])
    page.wait_for_selector("#pushed pre")
    shown = json.loads(page.inner_text("#pushed pre"))
    assert shown["title"] == "Carillon" and shown["carillon"]["n"] == sent
    notices = page.evaluate("""async () => {
      const registration = await navigator.serviceWorker.getRegistration('/sandbox/worker.js');
      return (await registration.getNotifications()).map((n) => [n.title, n.body, n.tag]);
    }""")
    assert only(notices)[:2] == ["Carillon", "The bells ring."] and only(notices)[2].startswith("dlv_")
    assert page.problems == []
