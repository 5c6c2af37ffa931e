#!/usr/bin/env python3
"""Makes the pictures of docs/guides/console.md anew: python3 tests/console/pictures.py

Needs what the console's stories need (conftest.py), and a Korean font (fonts-nanum or fonts-noto-cjk).
"""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from conftest import CHROMIUM, Console, ROOT  # noqa: E402  (found by the line above)
import hooks  # noqa: E402  (found by conftest)
from world import World  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
HOURLY = (3, 5, 2, 6, 9, 12, 8, 4)


def a_day(world):
    """Some hours of ordinary business, so that the charts have something to show."""
    for hour, count in enumerate(HOURLY):
        for n in range(count):
            user = ("mina", "jun", "ann", "bo", "ok")[n % 5]
            world.server.send(event_id=f"day-{hour}-{n}", to=[{"user_id": user}], template="order_shipped",
                              params={"item": "Blue kettle", "arrives": "2026-12-01"}, tags=["shop"])
        world.server.wait_idle()
        read(world, hour)
        world.simulator.advance("1h")  # else vendors refuse what is signed an hour ahead of them
        world.server.advance("1h")


def read(world, hour):
    """Some of those who were sent something open it, some of them follow its link."""
    for n, user in enumerate(("mina", "jun", "ann", "bo")):
        sent = world.server.get(f"/v1/deliveries?user_id={user}&status=sent&limit=3")["data"]
        token = world.server.post(f"/v1/users/{user}/tokens", {})["token"]
        kinds = ["opened"] * (n != hour % 4) + ["clicked"] * (n == (hour + 1) % 4)
        events = [{"delivery_id": one["id"], "type": kind} for one in sent for kind in kinds]
        if events:
            world.server.expect(200, "POST", "/v1/track", {"events": events}, auth=token)


def fill_send(page):
    page.get_by_label("한 줄에 한 명씩 입력").fill("mina\njun\nann@example.test")
    page.get_by_role("combobox", name="템플릿").click()
    page.get_by_role("option", name="order_shipped").click()
    page.get_by_label("item").fill("파란 주전자")
    page.get_by_role("button", name="누가 받는지 확인").click()
    page.locator("#content li details").first.wait_for()


def main():
    from playwright.sync_api import sync_playwright
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="carillon-pictures-") as folder, sync_playwright() as tool:
        world = World(folder, hooks.HERE).content().history()
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def shoot(name, path, who="ada", act=None, height=860, **how):
            window = Console(browser, world, **how)
            window.sign_in(who)
            page = window.open(path)
            if act:
                act(page)
            page.set_viewport_size({"width": 1280, "height": height})
            page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
            page.wait_for_timeout(500)
            page.screenshot(path=PICTURES / f"console-{name}.png")
            window.close()
        try:
            with hooks.receiver() as receiver:
                receiver.answer = lambda event: 503 if event["type"] == "notification.completed" else 204
                world.server.put("/v1/webhooks/shop", {"url": receiver.url, "description": "The shop's orders",
                                                       "events": ["delivery.*", "notification.completed"]})
                for n, user in enumerate(("mina", "ann", "bo")):
                    world.server.send(event_id=f"told-{n}", to=[{"user_id": user}], template="order_shipped",
                                      params={"item": "Blue kettle"}, tags=["shop"])
                receiver.wait("notification.completed", 3)
                shoot("webhook", "webhooks/shop")
            a_day(world)
            sent = world.server.expect(202, "POST", "/v1/notifications", {
                "to": [{"group": "regulars"}], "category": "offers", "template": "order_shipped",
                "params": {"item": "Blue kettle"}}, auth=world.as_member("sol"))
            dead = world.server.get("/v1/deliveries?status=dead")["data"][0]
            shoot("overview", "")
            shoot("send", "send", who="sol", act=fill_send, language="ko", height=980)
            shoot("delivery", f"history/{dead['notification_id']}/{dead['id']}", scheme="dark")
            shoot("template", "templates/order_shipped/edit", height=1180)
            shoot("engagement", "engagement?by=channel", height=1080)
            shoot("approval", f"approvals/{sent['approval_id']}", language="ko")
        finally:
            browser.close()
            world.end()


if __name__ == "__main__":
    main()
