#!/usr/bin/env python3
"""make demo: a server, a simulator of the vendors, and one notification of every kind.

Starts both with fresh data, configures APNs, FCM, Twilio and SMTP, registers users and devices, sends,
prints what became of each, and ends with 0 only if all ended as they must. Takes a few seconds.
"""
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

import harness  # noqa: E402  (found by the line above)

BOLD, GREEN, RED, DIM, PLAIN = ("\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m") \
    if sys.stdout.isatty() else ("", "", "", "", "")
TIME = slice(11, 23)  # HH:MM:SS.mmm of an instant
PHONE = "+999000000001"  # reserved (CONTRACT §6): the simulator takes it, no carrier ever sees it


class Demo:
    def __init__(self, server, simulator):
        self.server = server
        self.simulator = simulator
        self.wrong = []
        self.accepted = 0  # deliveries

    def step(self, text):
        print(f"\n{BOLD}{text}{PLAIN}")

    def expect(self, is_right, text):
        print(f"  {GREEN}✓{PLAIN} {text}" if is_right else f"  {RED}✗ {text}{PLAIN}")
        if not is_right:
            self.wrong.append(text)

    def timeline(self, delivery_id):
        delivery = self.server.delivery(delivery_id)
        where = delivery.get("platform") or delivery["channel"]
        print(f"  {delivery['id']}  {where}  {delivery.get('user_id') or ''}")
        for entry in delivery["timeline"]:
            print(f"    {DIM}{entry['at'][TIME]}{PLAIN}  {entry['event']:<18} {entry.get('detail', '')}")

    def send_and_show(self, what, wanted, **notification):
        """Sends, waits for the end, prints the timeline of the one delivery and returns it."""
        self.step(what)
        answer = self.server.send(**notification)
        self.accepted += 1
        [delivery] = self.server.wait_final(answer["id"])["deliveries"]
        self.timeline(delivery["id"])
        reason = f" ({delivery['reason']})" if delivery["reason"] else ""
        self.expect(delivery["status"] in wanted, f"{delivery['status']}{reason}")
        return delivery

    def at_vendor(self, vendor, text):
        latest = self.simulator.messages(vendor)
        self.expect(bool(latest) and text in latest[0]["content"], f"the {vendor} simulator has it: “{text}”")

    # ---- the story

    def prepare(self):
        self.step("Four integrations, three recipients, a template")
        harness.connect(self.server, self.simulator)
        for key in ("apns", "fcm", "twilio", "smtp"):
            report = self.server.post(f"/v1/integrations/{key}/test")
            self.expect(report["ok"], f"{key}: {report.get('detail') or report.get('message') or 'works'}")
        self.server.put_user("mina", name="Mina", email="mina@example.test", phone_number=PHONE, locale="ko-KR")
        self.server.put("/v1/users/mina/devices/mina-iphone",
                        {"platform": "ios", "endpoints": [{"service": "apns", "token": "a1" * 32}]})
        self.server.put_user("jun", name="Jun")
        self.server.put("/v1/users/jun/devices/jun-galaxy",
                        {"platform": "android", "endpoints": [{"service": "fcm", "token": "jun-galaxy:APA91b-demo"}]})
        self.server.put_user("ann", name="Ann", email="ann@example.test")
        self.server.patch("/v1/users/ann/preferences",
                          {"preferences": [{"channel": "email", "category": "*", "opt_in": False}]})
        self.server.put("/v1/categories/impatient", {"retry": ["1s", "1s"]})
        self.server.put("/v1/templates/order_shipped?publish=true", {
            "default_locale": "en", "syntax": "brackets",
            "params": [{"name": "item_name", "type": "string", "required": True}],
            "content": {"en": {"title": "[item_name] is on its way", "body": "It arrives today."},
                        "ko": {"title": "[종소리] [item_name] 출발", "body": "오늘 도착합니다."}}})

    def every_channel(self):
        push = {"title": "The bells ring", "body": "Your order left."}
        self.send_and_show("An iOS push", {"sent"}, to=[{"user_id": "mina"}], channels=["push"], **push)
        self.at_vendor("apns", "The bells ring")
        self.send_and_show("An Android push", {"sent"}, to=[{"user_id": "jun"}], channels=["push"], **push)
        self.at_vendor("fcm", "The bells ring")
        self.send_and_show("A text message", {"sent", "delivered"}, to=[{"user_id": "mina"}], channels=["sms"],
                           sms={"body": "Your code is 1234"})
        self.at_vendor("twilio", "1234")
        self.send_and_show("A mail from a template, in the recipient's language", {"sent"}, to=[{"user_id": "mina"}],
                           channels=["email"], template="order_shipped", params={"item_name": "떡볶이"})
        self.expect(self.simulator.counts()["smtp"]["accepted"] == 1, "the smtp simulator has it")

    def a_no_is_a_no(self):
        self.send_and_show("To somebody who said no", {"suppressed"}, to=[{"user_id": "ann"}], channels=["email"],
                           title="News", body="News")

    def the_same_event_twice(self):
        self.step("The same event twice")
        body = {"event_id": "order-17", "to": [{"email": "jun@example.test"}], "channels": ["email"],
                "title": "Order 17", "body": "It left."}
        first = self.server.api("POST", "/v1/notifications", body, auth="app")
        again = self.server.api("POST", "/v1/notifications", body, auth="app")
        self.accepted += 1
        [delivery] = self.server.wait_final(first.body["id"])["deliveries"]
        self.timeline(delivery["id"])
        self.expect((first.status, again.status) == (202, 200) and again.body["id"] == first.body["id"]
                    and again.body["duplicate"], f"the second answer is the first notification, {again.body['id']}")
        self.expect(self.simulator.counts()["smtp"]["accepted"] == 2, "one mail")

    def a_provider_that_fails(self):
        self.simulator.faults(twilio={"rate_5xx": 1, "status_5xx": 503})
        delivery = self.send_and_show("A provider that fails, retried after 1 s and 1 s", {"dead"},
                                      to=[{"user_id": "mina"}], channels=["sms"], category="impatient",
                                      sms={"body": "Better late"})
        letters = self.open_letters()
        self.expect([letter["delivery_id"] for letter in letters] == [delivery["id"]], "it is a dead letter")
        self.step("The fault is lifted and the dead letter replayed")
        self.simulator.faults()
        self.server.post("/v1/dead-letters/replay", {"ids": [letters[0]["id"]]})
        self.server.wait_deliveries(delivery["notification_id"], "sent", "delivered")
        self.timeline(delivery["id"])
        self.at_vendor("twilio", "Better")
        self.expect(not self.open_letters(), "no dead letter is left")

    def open_letters(self):
        return [letter for letter in self.server.get("/v1/dead-letters")["data"] if not letter["closed"]]

    def the_account(self):
        self.step("The account")
        account = self.server.accountability()
        states = ", ".join(f"{n} {name}" for name, n in account["states"].items() if n)
        self.expect(account["exact"] and account["accepted"] == self.accepted,
                    f"{account['accepted']} accepted = {states}")

    def tell(self):
        """One notification of every kind, from the integrations to the account."""
        self.prepare()
        self.every_channel()
        self.a_no_is_a_no()
        self.the_same_event_twice()
        self.a_provider_that_fails()

    def verdict(self, took_s):
        """Says how it went; the exit code."""
        took = f"{took_s:.1f} s"
        if self.wrong:
            print(f"\n{RED}{len(self.wrong)} of the above did not end as they must{PLAIN} ({took})")
            return 1
        print(f"\n{GREEN}All ended as they must{PLAIN} ({took})")
        return 0


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="carillon-demo-") as folder:
        server = harness.Server(pathlib.Path(folder) / "server")
        simulator = harness.Simulator(pathlib.Path(folder) / "simulator")
        try:
            simulator.start()
            server.start()
            demo = Demo(server, simulator)
            demo.tell()
            demo.the_account()
            server.stop()
        finally:
            server.end()
            simulator.end()
    return demo.verdict(time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
