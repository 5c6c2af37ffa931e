"""Who reads a mail, follows its link or wants no more of them is counted and heeded; a link with a secret stays."""
import re
import urllib.parse

import harness
import pytest
from people import mail, mail_part, only, template

NEWS = {"name": {"en": "News", "ko": "소식"}, "kind": "marketing", "channels": ["email", "sms"],
        "default_opt_in": {"email": True, "sms": True}, "tracking": {"opens": True, "clicks": True}}
HTML = '<p>Hi {{name}}</p><a href="https://shop.example/new?p={{name}}">New</a><a href="https://shop.example/s/{{code}}">Sign in</a>'


@pytest.fixture
def tracked(make_server, simulator):
    server = harness.reachable(harness.connect(make_server(), simulator, "smtp", "twilio"))
    server.put("/v1/categories/news", NEWS)
    template(server, "new", category="news",
             params=[{"name": "name", "type": "string"}, {"name": "code", "type": "string", "sensitive": True}],
             content={"en": {"title": "New", "email": {"subject": "New", "html": HTML, "text": "New"}}})
    server.put_user("mina", email="mina@example.test")
    return server


def send(server, **to):
    sent = server.send(to=[to or {"user_id": "mina"}], category="news", channels=["email"], template="new",
                       params={"name": "Ann & Co", "code": "s3cret"})
    return only(server.wait_final(sent["id"])["deliveries"])


def the_mail(simulator):
    taken = simulator.messages("smtp")[0]
    return mail(taken), mail_part(taken, "html")


def get(url, method="GET", **headers):
    return harness.request(url, method, headers=headers)


def engagement(server, delivery):
    return server.delivery(delivery["id"])["engagement"]


def test_opening_and_clicking_are_counted_once(tracked, simulator):
    delivery = send(tracked)
    _, html = the_mail(simulator)
    pixel = only(re.findall(r'<img src="([^"]+/t/o/[^"]+)"', html))
    link = only(re.findall(r'href="([^"]+/t/c/[^"]+)"', html))
    assert 'href="https://shop.example/s/s3cret"' in html, "a link with a secret stays"
    for _ in range(2):
        seen = get(pixel)
        assert seen.status == 200 and seen.headers["content-type"] == "image/gif"
    assert engagement(tracked, delivery) == ["opened"]
    for _ in range(2):
        gone = get(link)
        assert (gone.status, gone.headers["location"]) == (302, "https://shop.example/new?p=Ann%20&%20Co")
    assert sorted(engagement(tracked, delivery)) == ["clicked", "opened"]
    assert tracked.api("GET", "/v1/stats?by=temp").status == 422
    by = only(tracked.get("/v1/stats?by=template")["data"])
    assert by["template"] == "new" and (by["sent"], by["opened"], by["clicked"]) == (1, 1, 1)
    assert by["rates"]["open"] == 1.0 and by["rates"]["delivery"] is None and by["receipts"] == "no receipts"


def test_a_link_leads_nowhere_else(tracked, simulator):
    send(tracked)
    _, html = the_mail(simulator)
    link = only(re.findall(r'href="([^"]+/t/c/[^"]+)"', html))
    base = link.split("?")[0]
    assert get(base + "?u=" + urllib.parse.quote("https://evil.example/", safe="")).status == 404
    assert get(base).status == 404
    assert get(base[:-3] + "AAA?" + link.split("?")[1]).status == 404
    assert get(link, "HEAD").status == 302  # a scanner, not the reader


def test_a_link_in_a_text_message_is_short(tracked, simulator):
    sent = tracked.send(to=[{"phone": "+821012345678"}], category="news", channels=["sms"],
                        sms={"body": "New: https://shop.example/a/very/long/way?to=it."})
    delivery = only(tracked.wait_final(sent["id"])["deliveries"])
    form = urllib.parse.parse_qs(simulator.messages("twilio")[0]["content"])
    short = only(re.findall(r"http://\S+/t/c/[\w-]+", form["Body"][0]))
    assert get(short).headers["location"] == "https://shop.example/a/very/long/way?to=it"
    assert engagement(tracked, delivery) == ["clicked"]


def test_one_click_says_no_for_good(tracked, simulator):
    delivery = send(tracked)
    message, _ = the_mail(simulator)
    url = only(re.findall(r"<([^>]+/u/[^>]+)>", message["List-Unsubscribe"]))
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    page = get(url + "?utm_source=mail", **{"Accept-Language": "ko-KR,ko;q=0.9"})
    assert page.status == 200 and all(word in page.content.decode() for word in ("수신 거부", "소식", "<form"))
    assert tracked.get("/v1/users/mina/preferences")["preferences"] == [], "asking changes nothing"
    done = harness.request(url, "POST", b"List-Unsubscribe=One-Click",
                           {"Content-Type": "application/x-www-form-urlencoded"})
    assert done.status == 200
    assert only(tracked.get("/v1/users/mina/preferences")["preferences"]) == {
        "channel": "email", "category": "news", "opt_in": False}
    assert only(tracked.all("/v1/users/mina/preferences/log"))["source"] == "unsubscribe"
    assert engagement(tracked, delivery) == ["unsubscribed"]
    again = send(tracked)
    assert again["status"] == "suppressed" and again["reason"] == "opted_out"


def test_an_address_of_nobody_can_say_no(tracked, simulator):
    send(tracked, email="someone@example.test")
    message, _ = the_mail(simulator)
    url = only(re.findall(r"<([^>]+/u/[^>]+)>", message["List-Unsubscribe"]))
    assert harness.request(url, "POST", b"").status == 200
    assert only(tracked.all("/v1/suppressions"))["reason"] == "stop"
    again = send(tracked, email="someone@example.test")
    assert again["status"] == "suppressed" and again["reason"] == "address_suppressed"
    assert harness.request(url[:-4] + "AAAA", "POST", b"").status == 404


def test_phones_tell_of_their_own_only(tracked):
    delivery = send(tracked)
    tracked.put_user("other")
    mine = tracked.post("/v1/users/mina/tokens", {}, auth="app")["token"]
    theirs = tracked.post("/v1/users/other/tokens", {}, auth="app")["token"]
    events = {"events": [{"delivery_id": delivery["id"], "type": "converted"}]}
    assert tracked.api("POST", "/v1/track", events, auth=theirs).body == {"recorded": 0, "unknown": 1}
    assert tracked.api("POST", "/v1/me/track", events, auth=mine).body == {"recorded": 1, "unknown": 0}
    assert engagement(tracked, delivery) == ["converted"]
    wrong = tracked.api("POST", "/v1/track", {"events": [{"delivery_id": delivery["id"], "type": "sent"}]}, auth=mine)
    assert wrong.status == 422 and wrong.body["errors"][0]["pointer"] == "/events/0/type"
    assert tracked.api("POST", "/v1/track", events, auth="app").status == 403


def test_security_mail_is_never_tracked(tracked, simulator):
    category = tracked.get("/v1/categories/security")
    tracked.put("/v1/categories/security", {k: v for k, v in category.items() if k in ("kind", "mandatory")}
                | {"tracking": {"opens": True, "clicks": True}, "kind": "security", "mandatory": True})
    sent = tracked.send(to=[{"user_id": "mina"}], category="security", channels=["email"], title="x",
                        email={"html": '<a href="https://shop.example/reset">Reset</a>'})
    tracked.wait_final(sent["id"])
    message, html = the_mail(simulator)
    assert "/t/" not in html and message["List-Unsubscribe"] is None
