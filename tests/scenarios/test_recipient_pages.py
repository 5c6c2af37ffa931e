"""Whoever is written to sees and says what they want on a page of their own, without signing in."""
import datetime
import html.parser
import json
import re
import urllib.parse

import harness
import pytest
from people import ios, mail, mail_part, only, push_payload, sms_form, template

NEWS = {"name": {"en": "News", "ko": "소식"}, "kind": "marketing", "channels": ["email", "sms"],
        "default_opt_in": {"email": True, "sms": True}, "quiet_hours": "defer"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BODY = '<p>Hi</p><a href="{{links.preferences}}">Settings</a> <a href="{{links.unsubscribe}}">No more</a>'


class Page(html.parser.HTMLParser):
    """A page as a browser without script has it: forms with their fields, links, text."""

    def __init__(self, url, language="", method="GET", form=None):
        super().__init__()
        headers = {"Accept-Language": language, **(FORM if form is not None else {})}
        answer = harness.request(url, method, form, headers)
        while answer.status == 303:
            url = urllib.parse.urljoin(url, answer.headers["location"])
            answer = harness.request(url, headers={"Accept-Language": language})
        self.answer, self.status, self.url, self.language = answer, answer.status, url, language
        self.forms, self.fields, self.buttons, self.links, self.words = {}, [], [], [], []
        self.scripts, self.unlabelled = 0, []
        self._form, self._labels = None, 0
        self.feed(answer.text)

    def handle_starttag(self, tag, attributes):
        has = dict(attributes)
        if tag == "form":
            self._form = has.get("id") or f"form{len(self.forms)}"
            self.forms[self._form] = {"action": has.get("action", ""), "method": has.get("method", "get")}
        elif tag == "label":
            self._labels += 1
        elif tag == "input":
            self.fields.append({"form": self._form, **has, "checked": "checked" in has})
            if has.get("type") != "hidden" and not self._labels:
                self.unlabelled.append(has)
        elif tag == "button":
            self.buttons.append({"form": has.get("form", self._form), "name": has.get("name"),
                                 "value": has.get("value")})
        elif tag == "a":
            self.links.append(urllib.parse.urljoin(self.url, has["href"]))
        if tag == "script" or any(name.startswith("on") for name in has):
            self.scripts += 1

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "label":
            self._labels -= 1

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def box(self, value):
        return only(f for f in self.fields if f.get("type") == "checkbox" and f["value"] == value)

    def field(self, name):
        return only(f for f in self.fields if f.get("name") == name)

    def press(self, button):
        """Posts the button's form; the page that comes of it."""
        form = self.forms[button["form"]]
        fields = [(f["name"], f.get("value") or "") for f in self.fields
                  if f["form"] == button["form"] and (f.get("type") != "checkbox" or f["checked"])]
        if button["name"]:
            fields.append((button["name"], button["value"]))
        return Page(urllib.parse.urljoin(self.url, form["action"]), self.language, form["method"].upper(),
                    urllib.parse.urlencode(fields).encode())

    def save(self):
        return self.press(only(b for b in self.buttons if b["form"] != "stop"))

    def stop(self, category):
        return self.press(only(b for b in self.buttons if b["value"] == category))


@pytest.fixture
def reachable(make_server, simulator):
    server = harness.reachable(harness.connect(make_server({"server.public_listen": "127.0.0.1:0"}), simulator))
    server.put("/v1/categories/news", NEWS)
    template(server, "letter", category="news", channels=["email"], content={"en": {
        "title": "A letter", "email": {"subject": "A letter", "html": BODY, "text": "{{links.preferences}}"},
        "sms": {"body": "Settings: {{links.preferences}}"}}})
    server.put_user("mina", email="mina@example.test", phone_number="+821012345678")
    return server


def letter(server, **more):
    sent = server.send(**{"to": [{"user_id": "mina"}], "template": "letter", **more})
    return only(server.wait_final(sent["id"])["deliveries"])


def link_of(simulator, which="p"):
    """That link of the newest mail that has one."""
    parts = [mail_part(message, "html") or "" for message in simulator.messages("smtp", 20)]
    part = next(part for part in parts if f"/{which}/" in part)
    return only(set(re.findall(rf'href="([^"]+/{which}/[^"]+)"', part)))


def around_now():
    """Quiet hours that it is now, whenever the test runs: the user has no time zone, so they are in UTC."""
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    return f"{now - 2 * hour:%H:%M}", f"{now + 2 * hour:%H:%M}"


def preferences(server):
    return server.get("/v1/users/mina/preferences")


def test_a_mail_leads_to_the_page_and_the_page_is_obeyed(reachable, simulator):
    letter(reachable)
    url = link_of(simulator)
    assert mail_part(only(simulator.messages("smtp")), "plain") == url
    page = Page(url)
    assert page.status == 200 and page.scripts == 0 and not page.unlabelled
    assert "always sent" in page.text, "what is mandatory is shown as such"
    assert page.box("news/email")["checked"] and page.box("news/sms")["checked"]
    assert not [f for f in page.fields if (f.get("value") or "").startswith("security/")]
    page.box("news/email")["checked"] = False
    quiet_from, quiet_to = around_now()
    page.field("quiet_from")["value"], page.field("quiet_to")["value"] = quiet_from, quiet_to
    done = page.save()
    assert done.status == 200 and "saved" in done.text and not done.box("news/email")["checked"]
    assert done.field("quiet_from")["value"] == quiet_from
    assert only(preferences(reachable)["preferences"]) == {"channel": "email", "category": "news", "opt_in": False}
    assert preferences(reachable)["quiet_hours"] == {"from": quiet_from, "to": quiet_to}
    entry = only(reachable.all("/v1/users/mina/preferences/log"))
    assert entry["source"] == "page" and entry["actor"] == "client:mina"
    refused = letter(reachable)
    assert refused["status"] == "suppressed" and refused["reason"] == "opted_out"
    done.box("news/email")["checked"] = True
    done.save()
    assert preferences(reachable)["preferences"] == []
    sent = reachable.send(to=[{"user_id": "mina"}], template="letter", channels=["email"])
    assert only(reachable.wait_deliveries(sent["id"], "held"))["reason"] == "quiet_hours"


def test_everything_of_a_category_can_be_stopped_and_is_counted(reachable, simulator):
    delivery = letter(reachable)
    page = Page(link_of(simulator), "ko-KR,ko;q=0.9,en;q=0.5")
    assert "소식" in page.text and "알림 수신 설정" in page.text
    assert "lang=\"ko\"" in page.answer.text
    done = page.stop("news")
    assert "더 이상 보내지 않습니다" in done.text and not done.box("news/sms")["checked"]
    assert only(preferences(reachable)["preferences"]) == {"channel": "*", "category": "news", "opt_in": False}
    assert reachable.delivery(delivery["id"])["engagement"] == ["unsubscribed"]
    assert letter(reachable, channels=["sms"])["reason"] == "opted_out"
    # The link that says no at once and never ends is there too.
    asked = Page(link_of(simulator, "u"))
    assert asked.status == 200 and asked.press(only(asked.buttons)).status == 200
    everything = done.stop("*")
    assert only(preferences(reachable)["preferences"]) == {"channel": "*", "category": "*", "opt_in": False}
    security = reachable.send(to=[{"user_id": "mina"}], category="security", channels=["email"], title="x", body="y")
    assert only(reachable.wait_final(security["id"])["deliveries"])["status"] == "sent"
    assert everything.status == 200


def test_the_language_is_the_recipients(reachable, simulator):
    reachable.patch("/v1/users/mina", {"locale": "ko-KR"})
    letter(reachable)
    assert "알림 수신 설정" in Page(link_of(simulator), "en").text


def test_the_history_is_ones_own_without_what_is_sensitive(reachable, simulator):
    letter(reachable)
    template(reachable, "code", params=[{"name": "code", "type": "string", "sensitive": True}],
             content={"en": {"title": "Your code is {{code}}", "email": {"subject": "Code {{code}}", "text": "x"}}})
    coded = reachable.send(to=[{"user_id": "mina"}], channels=["email"], template="code", params={"code": "739154"})
    reset = reachable.send(to=[{"user_id": "mina"}], channels=["email"], category="security", title="Reset 4711",
                           body="x")
    reachable.put_user("other", email="other@example.test")
    other = reachable.send(to=[{"user_id": "other"}], channels=["email"], title="For the other", body="x")
    for sent in (coded, reset, other):
        reachable.wait_final(sent["id"])
    url = link_of(simulator)
    page = Page(only(link for link in Page(url).links if link.endswith("/history")))
    assert page.status == 200 and page.scripts == 0
    assert "A letter" in page.text and "Code •••" in page.text and "E-mail" in page.text and "sent" in page.text
    for never in ("739154", "4711", "For the other", "mina@example.test"):
        assert never not in page.answer.text
    assert any(link == url for link in page.links), "and back to the settings"


def test_wrong_quiet_hours_are_shown_at_the_field_and_nothing_typed_is_lost(reachable, simulator):
    letter(reachable)
    page = Page(link_of(simulator))
    page.box("news/sms")["checked"] = False
    page.field("quiet_from")["value"] = "22:00"
    wrong = page.save()
    assert wrong.status == 422 and wrong.field("quiet_to")["aria-invalid"] == "true"
    assert wrong.field("quiet_from")["value"] == "22:00" and not wrong.box("news/sms")["checked"]
    assert preferences(reachable)["preferences"] == []
    wrong.field("quiet_to")["value"] = "06:30"
    assert wrong.save().status == 200
    assert only(preferences(reachable)["preferences"])["channel"] == "sms"


def test_an_expired_link_brings_a_fresh_one_to_the_same_address(reachable, simulator):
    letter(reachable)
    old = link_of(simulator)
    reachable.advance("720h")
    expired = Page(old)
    assert expired.status == 410
    simulator.clear_log()
    asked = expired.press(only(expired.buttons))
    assert asked.status == 200
    fresh = harness.wait_until(lambda: simulator.messages("smtp"), "the fresh link")
    message = mail(only(fresh))
    assert message["To"] == "mina@example.test"
    url = only(re.findall(r"http://\S+/p/[\w-]+", mail_part(only(fresh), "plain")))
    assert url != old and Page(url).status == 200
    # What the mail says is nobody's but hers.
    seen = only(n for n in reachable.all("/v1/users/mina/notifications") if n["category"] == "security")
    assert "/p/" not in json.dumps(reachable.notification(seen["id"]))
    # Once the address is another's, the old link brings nothing and says the same.
    reachable.patch("/v1/users/mina", {"email": "new@example.test"})
    simulator.clear_log()
    again = Page(old)
    assert again.press(only(again.buttons)).answer.content == asked.answer.content
    reachable.wait_idle()
    assert simulator.messages("smtp") == []
    assert Page(url).status == 404, "nor does the one that went there"
    assert Page(old).press(only(again.buttons)).status == 200
    assert Page(old).press(only(again.buttons)).status == 429


def test_a_text_message_has_room_for_the_link(reachable, simulator):
    sent = reachable.send(to=[{"user_id": "mina"}], channels=["sms"], template="letter")
    reachable.wait_final(sent["id"])
    said = sms_form(only(simulator.messages("twilio")))["Body"]
    url = only(re.findall(r"http://\S+/p/[\w-]+", said))
    assert len(url.rsplit("/", 1)[1]) <= 54 and len(said) <= 160
    assert Page(url).status == 200


def test_an_address_of_nobody_is_led_to_where_it_can_say_no(reachable, simulator):
    letter(reachable, to=[{"email": "someone@example.test"}])
    url = link_of(simulator, "u")
    page = Page(url)
    assert page.status == 200 and page.press(only(page.buttons)).status == 200
    assert only(reachable.all("/v1/suppressions"))["reason"] == "stop"


def test_a_service_can_ask_for_a_link_and_call_all_of_them_back(reachable):
    made = reachable.post("/v1/users/mina/preferences/link", auth="app")
    assert Page(made["url"]).status == 200
    assert reachable.api("POST", "/v1/users/nobody/preferences/link", auth="app").status == 404
    reachable.delete("/v1/users/mina/tokens")
    assert Page(made["url"]).status == 404


def test_the_pages_are_served_to_the_outside_and_tell_strangers_nothing(reachable, simulator):
    letter(reachable)
    url = link_of(simulator)
    outside = reachable.wait_for_log(r"serving clients and callbacks on (http://[^\s\"]+)").group(1)
    path = urllib.parse.urlsplit(url).path
    seen = harness.request(outside + path)
    assert seen.status == 200
    assert seen.headers["cache-control"].startswith("no-store") and seen.headers["referrer-policy"] == "no-referrer"
    assert seen.headers["x-content-type-options"] == "nosniff" and "noindex" in seen.headers["x-robots-tag"]
    policy = seen.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'none'" in policy and "frame-ancestors 'none'" in policy
    gone = harness.request(outside + path[:-4] + "AAAA")
    assert gone.status == 404 and gone.headers["content-type"].startswith("text/html")
    assert gone.content == harness.request(outside + "/p/x").content
    reachable.delete("/v1/users/mina")
    assert harness.request(outside + path).content == gone.content
    for method, below in (("POST", ""), ("POST", "/stop"), ("POST", "/fresh"), ("GET", "/history")):
        assert harness.request(f"{outside}/p/x{below}", method, b"" if method == "POST" else None).status == 404


def test_a_push_can_carry_the_link_and_history_hides_it(reachable, simulator):
    ios(reachable, "ann")
    content = {"title": "Hi", "body": "x", "push": {"data": {"settings": "{{links.preferences}}"}}}
    template(reachable, "pushed", channels=["push"], content={"en": content})
    sent = reachable.send(to=[{"user_id": "ann"}], template="pushed")
    delivery = only(reachable.wait_final(sent["id"])["deliveries"])
    url = push_payload(only(simulator.messages("apns")))["settings"]
    assert Page(url).status == 200
    assert url.rsplit("/", 1)[1] not in json.dumps(reachable.delivery(delivery["id"]))


def test_an_address_that_forms_are_posted_to_leads_to_the_page(server):
    server.put_user("ann", email="ann@example.test")
    url = server.post("/v1/users/ann/preferences/link")["url"]
    for place in ("stop", "fresh"):
        page = Page(f"{url}/{place}")
        assert page.status == 200 and page.url == url and page.forms
        answer = harness.request(f"{url}x/{place}")
        assert answer.status == 404 and "text/html" in answer.headers["content-type"]
    server.advance("721h")
    assert Page(f"{url}/fresh").status == 410
