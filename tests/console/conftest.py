"""Fixtures of the console's stories: the real binary, a real Chromium, and people of each role.

    world       a small company with content and a history (world.py), one for each file of stories
    open_as     open_as("sol") is a browser in which Sol is signed in; more than one at a time is fine

They need a binary built with the console, chromium and pip's playwright (tools/install_dependencies.sh test).

While the console is written, nobody waits for C++: with CARILLON_CONSOLE=web/dist the browser gets the pages from
there (npm --prefix web run build) and everything else from the binary, under the binary's own policy for pages.
"""
import json
import os
import pathlib
import shutil
import sys
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "console"), str(ROOT / "tests" / "scenarios")]
sys.path.append(str(ROOT / "build" / "python"))

import harness  # noqa: E402  (found by the lines above)
from world import PASSWORD, World, email_of  # noqa: E402

CHROMIUM = shutil.which("chromium")
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "build" / "console-pictures"
FRESH = os.environ.get("CARILLON_CONSOLE")  # a folder with a console that is not in the binary yet
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

# What a browser reports of answers that the pages expect: nobody is signed in yet, there is no stream.
EXPECTED = (*(f"the server responded with a status of {status}" for status in (400, 401, 404, 409, 410, 422)),
            "net::ERR_")


def pytest_collection_modifyitems(items):
    missing = [] if CHROMIUM else ["chromium"]
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        missing.append("pip's playwright")
    if missing:
        reason = f"missing: {', '.join(missing)}"
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world")).content().history()
    yield made
    try:
        seen = made.server.accountability()
        assert seen["exact"], f"accepted is not the sum of the states: {seen}"
    finally:
        made.end()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as tool:
        started = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def serve_from(folder, context, url):
    """Has the console's files answered from `folder`, with the headers that the binary gives its own page."""
    policy = {name: value for name, value in harness.request(url + "/").headers.items()
              if name.startswith(("content-security", "x-", "referrer", "permissions", "cross-origin"))}

    def answer(route):
        path = urllib.parse.urlsplit(route.request.url).path
        file = folder / (path.lstrip("/") or "index.html")
        route.fulfill(path=file, headers={**policy, "content-type": TYPES[file.suffix]})
    files = {"/" + str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} | {"/"}
    context.route(lambda asked: asked.startswith(url) and urllib.parse.urlsplit(asked).path in files, answer)


class Console:
    """A browser window; `page` is Playwright's."""

    def __init__(self, browser, world, language="en", scheme="light", width=1280):
        self.world = world
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme,
                                           locale=language, timezone_id="Asia/Seoul", accept_downloads=True)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        if FRESH:
            serve_from(pathlib.Path(FRESH).resolve(), self.context, world.url)
        self.page = self.context.new_page()
        self.page.set_default_timeout(harness.PATIENCE_S * 1000)
        self.problems = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, said):
        if said.type == "error" and not any(expected in said.text for expected in EXPECTED):
            self.problems.append(f"{said.text} {said.location.get('url', '')}")

    def sign_in(self, key, password=PASSWORD):
        self.page.goto(self.world.url + "/")
        self.page.wait_for_selector("input[type=email], #content h1")
        if self.page.locator("#content h1").count():
            return self  # an invitation may have signed in already
        self.page.fill("input[type=email]", email_of(key))
        self.page.fill("input[type=password]", password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#content h1")
        return self

    def open(self, path):
        """Goes to #/path and waits for its title."""
        self.page.goto(f"{self.world.url}/#/{path}")
        self.page.wait_for_selector("#content h1")
        self.settle()
        return self.page

    def settle(self):
        """Waits until nothing is on its way any more."""
        self.page.wait_for_selector("#content .mantine-Loader-root", state="detached")

    def menu(self):
        return self.page.locator("nav a").all_inner_texts()

    def said(self, text):
        """Waits for a notice that says this."""
        self.page.wait_for_selector(f".mantine-Notification-root:has-text({json.dumps(text)})")

    def axe(self):
        """Findings of axe on what is shown, without the minor ones: [(impact, rule, first node)]."""
        session = self.context.new_cdp_session(self.page)
        # By the debugger: the page's own policy lets no other script in.
        session.send("Runtime.evaluate", {"expression": AXE.read_text()})
        run = ("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
               ".then((seen) => JSON.stringify(seen.violations.map((v) => [v.impact, v.id, v.nodes[0].html])))")
        answer = session.send("Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True})
        found = json.loads(answer["result"]["value"])
        return [tuple(one) for one in found if one[0] in ("serious", "critical")]

    def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def close(self):
        self.context.close()


@pytest.fixture
def open_window(browser, world):
    windows = []

    def make(**how):
        window = Console(browser, world, **how)
        windows.append(window)
        return window
    yield make
    for window in windows:
        problems = list(window.problems)
        window.close()
        assert problems == [], f"the page reported: {problems}"


@pytest.fixture
def open_as(open_window):
    return lambda key, **how: open_window(**how).sign_in(key)
