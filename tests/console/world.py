"""A small company's notifications: what the console's tests and pictures look at.

    python3 tests/console/world.py        starts it and waits; prints the address and who may sign in
"""
import base64
import hmac
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "scenarios"), str(ROOT / "tests" / "console")]

import harness  # noqa: E402  (found by the line above)

PASSWORD = "correct horse battery"
PEOPLE = {"ada": ("Ada Park", {"*": "administrator"}), "sol": ("Sol Kim", {"default": "sender"}),
          "vera": ("Vera Lee", {"default": "viewer"})}
USERS = [("mina", "김미나", "mina@example.test", "+821012345678", "ko-KR", "Asia/Seoul"),
         ("jun", "Jun Seo", "jun@example.test", "+821087654321", "ko-KR", "Asia/Seoul"),
         ("ann", "Ann Miller", "ann@example.test", "+14155550100", "en-US", "America/New_York"),
         ("bo", "Bo Larsen", "bo@example.test", None, "da", "Europe/Copenhagen"),
         ("ok", "Olga Kern", "ok@sandbox.carillon.test", "+999000000001", "en", "UTC")]


def email_of(key):
    return f"{key}@example.test"


class World:
    """A server with the simulator's vendors, members of each role, content, users and a history."""

    def __init__(self, folder, settings=None):
        folder = pathlib.Path(folder)
        self.simulator = harness.Simulator(folder / "simulator").start()
        self.server = harness.Server(folder / "server", settings).start()
        harness.connect(self.server, self.simulator)
        self.url = self.server.url
        for key, (name, grants) in PEOPLE.items():
            self.server.put(f"/v1/members/{key}", {"name": name, "email": email_of(key), "grants": grants})
            self.let_in(key)

    def invite(self, key):
        """The link with which a member chooses a password."""
        link = self.server.post(f"/v1/members/{key}/invite")["url"]
        return self.url + link[link.index("/#/"):]

    def let_in(self, key):
        token = self.invite(key).rsplit("token=", 1)[1]
        answer = harness.request(self.url + "/v1/invitations/accept", "POST", {"token": token, "password": PASSWORD},
                                 {"Origin": self.url})
        assert 200 <= answer.status < 300, answer

    def totp(self, secret, steps_ahead=0):
        """The code an authenticator shows (RFC 6238: SHA-1, 30 s, 6 digits)."""
        key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        digest = hmac.digest(key, (int(time.time()) // 30 + steps_ahead).to_bytes(8, "big"), "sha1")
        at = digest[-1] & 15
        return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7fffffff) % 1_000_000:06d}"

    def next_totp(self, secret):
        """A code that was not used yet."""
        return self.totp(secret, 1)

    def as_member(self, key):
        """A bearer token with which that member calls the API."""
        return self.server.post(f"/v1/members/{key}/tokens", {"name": f"test-{time.monotonic_ns()}"})["token"]

    def end(self):
        self.server.end()
        self.simulator.end()

    # ---- what is in it

    def content(self):
        s = self.server
        s.put("/v1/projects/staging", {"name": "Staging"})
        s.put("/v1/categories/order_updates", {"name": {"en": "Order updates", "ko": "주문 알림"},
                                               "channels": ["push", "email"], "ttl": "24h"})
        s.put("/v1/categories/offers", {"name": {"en": "Offers", "ko": "혜택 안내"}, "kind": "transactional",
                                        "channels": ["email"], "priority": "bulk", "approval_over": 3})
        s.put("/v1/templates/order_shipped?publish=true", {
            "category": "order_updates", "default_locale": "en", "channels": ["push", "email", "sms"],
            "params": [{"name": "item", "type": "string", "required": True, "sample": "Blue kettle"},
                       {"name": "arrives", "type": "date", "sample": "2026-12-01"},
                       {"name": "express", "type": "boolean", "default": False}],
            "content": {
                "en": {"title": "{{item}} is on its way", "body": "It arrives on {{arrives}}.",
                       "email": {"subject": "Your {{item}} left us", "html":
                                 "<h1>On its way</h1><p>Your <b>{{item}}</b> arrives on {{arrives}}.</p>"},
                       "sms": {"body": "Carillon shop: {{item}} arrives on {{arrives}}."}},
                "ko": {"title": "{{item}} 출발했습니다", "body": "{{arrives}}에 도착합니다.",
                       "email": {"subject": "{{item}} 배송이 시작되었습니다", "html":
                                 "<h1>배송 시작</h1><p><b>{{item}}</b>, {{arrives}} 도착 예정입니다.</p>"},
                       "sms": {"body": "[종소리상점] {{item}} {{arrives}} 도착 예정"}}}})
        s.put("/v1/templates/login_code?publish=true", {
            "category": "security", "default_locale": "en", "channels": ["sms"],
            "params": [{"name": "code", "type": "string", "required": True, "sensitive": True, "sample": "123456"}],
            "content": {"en": {"sms": {"body": "Your code is {{code}}"}},
                        "ko": {"sms": {"body": "인증번호는 {{code}}입니다"}}}})
        for key, name, email, phone, locale, zone in USERS:
            s.put_user(key, name=name, email=email, locale=locale, time_zone=zone,
                       **({"phone_number": phone} if phone else {}))
        s.put("/v1/users/mina/devices/mina-iphone",
              {"platform": "ios", "endpoints": [{"service": "apns", "token": "a1" * 32}], "app_version": "4.2.0"})
        s.put("/v1/users/jun/devices/jun-galaxy",
              {"platform": "android", "endpoints": [{"service": "fcm", "token": "jun-galaxy:APA91b-world"}]})
        s.patch("/v1/users/ann/preferences",
                {"preferences": [{"channel": "email", "category": "offers", "opt_in": False}]})
        s.put("/v1/groups/regulars", {"name": "Regular customers"})
        s.post("/v1/groups/regulars/members", {"user_ids": [key for key, *_ in USERS]})
        s.post("/v1/suppressions", {"channel": "email", "address": "gone@example.test", "reason": "hard bounce"})
        return self

    def history(self):
        s = self.server
        params = {"item": "Blue kettle", "arrives": "2026-12-01"}
        sent = [s.send(event_id=f"order-{n}", to=[{"user_id": user}], template="order_shipped", params=params,
                       tags=["shop"], metadata={"order": str(n)})
                for n, user in enumerate(("mina", "jun", "ann", "bo", "ok"), 1001)]
        sent.append(s.send(event_id="code-1", to=[{"user_id": "mina"}], template="login_code",
                           params={"code": "482913"}))
        sent.append(s.send(event_id="news-1", to=[{"group": "regulars"}], category="order_updates",
                           channels=["push", "email"], title="We moved", body="Find us in Mapo now."))
        for answer in sent:
            s.wait_final(answer["id"])
        s.put("/v1/categories/impatient", {"name": {"en": "Impatient", "ko": "짧은 재시도"}, "retry": ["1s"]})
        self.simulator.faults(twilio={"rate_5xx": 1, "status_5xx": 503})
        dead = s.send(event_id="late-1", to=[{"user_id": "jun"}], channels=["sms"], category="impatient",
                      sms={"body": "Better late than never"})
        s.wait_deliveries(dead["id"], "retrying", "dead")
        s.advance("2s")
        s.wait_final(dead["id"])
        self.simulator.faults()
        return self


def main():
    with tempfile.TemporaryDirectory(prefix="carillon-console-") as folder:
        world = World(folder).content().history()
        try:
            print(f"{world.url}  as {', '.join(map(email_of, PEOPLE))} with “{PASSWORD}”; server {world.server.url}",
                  flush=True)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
        finally:
            world.end()


if __name__ == "__main__":
    main()
