"""Everybody reads it in their own language, with their own numbers, money and clock."""
import pytest

from people import OK_PHONE, ios, mail, mail_part, only, push_payload, sms_form, template

PARAMS = [{"name": "total", "type": "money", "required": True}, {"name": "count", "type": "number", "default": 1234.5},
          {"name": "day", "type": "date", "default": "2026-12-01"},
          {"name": "at", "type": "datetime", "required": True},
          {"name": "order", "type": "integer", "default": 1234567}]
VALUES = {"total": {"amount": "1234.50", "currency": "EUR"}, "at": "2026-12-01T23:30:00Z"}
TEXT = "{{total}} | {{count}} | {{day}} | {{at}} | {{at.time}} | {{order}} | {{total.raw}} | {{at.raw}}"


def text_to(server, simulator, user, **profile):
    server.put_user(user, phone_number=OK_PHONE, **profile)
    answer = server.send(to=[{"user_id": user}], channels=["sms"], template="bill", params=VALUES)
    assert server.wait_final(answer["id"])["outcome"] == "success"
    return sms_form(simulator.messages("twilio", 1)[0])["Body"]


def test_values_are_shown_as_the_recipient_writes_them(connected, simulator):
    template(connected, "bill", params=PARAMS, content={"en": {"title": "t", "body": TEXT}, "de": {"body": TEXT},
                                                        "ko": {"body": TEXT}})
    raw = "1234567 | 1234.50 EUR | 2026-12-01T23:30:00Z"
    assert text_to(connected, simulator, "ann", locale="en-US", time_zone="America/New_York") == \
        f"€1,234.50 | 1,234.5 | December 1, 2026 | December 1, 2026 at 6:30 PM | 6:30 PM | {raw}"
    assert text_to(connected, simulator, "kim", locale="ko-KR", time_zone="Asia/Seoul") == \
        f"€1,234.50 | 1,234.5 | 2026년 12월 1일 | 2026년 12월 2일 오전 8:30 | 오전 8:30 | {raw}"
    assert text_to(connected, simulator, "max", locale="de", time_zone="Europe/Berlin") == \
        f"1.234,50 € | 1.234,5 | 1. Dezember 2026 | 2. Dezember 2026 um 00:30 | 00:30 | {raw}"
    # No text in their language: the words stay English, the rest is as at home.
    assert text_to(connected, simulator, "eva", locale="nl-NL", time_zone="Europe/Amsterdam").startswith(
        "€ 1.234,50 | 1.234,5 | 1 December 2026 | 2 December 2026")


def test_what_machines_read_stays_as_it_is(connected, simulator):
    ios(connected, "kim", locale="ko-KR", email="kim@example.test")
    template(connected, "bill", params=PARAMS, content={"en": {
        "title": "{{total}}", "body": "{{day}}", "push": {"data": {"total": "{{total}}", "day": "{{day}}"}},
        "email": {"html": "<a href=\"https://example.test/?day={{day}}&at={{at}}\">{{day}}</a>",
                  "headers": {"X-Day": "{{day}}"}}}})
    answer = connected.send(to=[{"user_id": "kim"}], channels=["push", "email"], template="bill", params=VALUES)
    assert connected.wait_final(answer["id"])["outcome"] == "success"
    payload = push_payload(only(simulator.messages("apns", 5)))
    assert payload["total"] == "1234.50 EUR" and payload["day"] == "2026-12-01"
    assert payload["aps"]["alert"]["body"] == "December 1, 2026"
    message = only(simulator.messages("smtp", 5))
    html = mail_part(message, "html")
    assert "?day=2026-12-01&at=2026-12-01T23:30:00Z" in html and ">December 1, 2026</a>" in html
    assert mail(message)["X-Day"] == "2026-12-01"


def test_each_block_falls_back_on_its_own(connected, simulator):
    ios(connected, "kim", locale="ko-KR", email="kim@example.test")
    template(connected, "hello", content={
        "en": {"title": "Hello", "body": "English", "email": {"subject": "Hello", "text": "English mail"}},
        "ko": {"push": {"title": "안녕", "body": "한국어"}}})
    answer = connected.send(to=[{"user_id": "kim"}], channels=["push", "email"], template="hello")
    connected.wait_final(answer["id"])
    assert push_payload(only(simulator.messages("apns", 5)))["aps"]["alert"]["title"] == "안녕"
    assert mail(only(simulator.messages("smtp", 5)))["subject"] == "Hello"


@pytest.mark.parametrize("given, wanted", [
    ({}, "project"),
    ({"user": "de-AT"}, "user"),
    ({"user": "de", "device": "fr-FR"}, "device"),
    ({"user": "de", "device": "fr", "request": "ko-KR"}, "request"),
    ({"user": "de", "device": "fr", "request": "ko-KR", "entry": "ja"}, "entry"),
    ({"user": "xx", "device": "yy"}, "project"),
])
def test_the_nearest_language_wins(connected, simulator, given, wanted):
    connected.patch("/v1/settings", {"locale": "it-IT"})
    template(connected, "who", content={code: {"title": who, "body": "b"} for code, who in (
        ("en", "default"), ("it", "project"), ("de", "user"), ("fr", "device"), ("ko", "request"), ("ja", "entry"))})
    token = ios(connected, "kim", **({"locale": given["user"]} if "user" in given else {}))
    if "device" in given:
        connected.put("/v1/users/kim/devices/kim-iphone", {
            "platform": "ios", "locale": given["device"], "endpoints": [{"service": "apns", "token": token}]})
    more = {"locale": given["request"]} if "request" in given else {}
    entry = {"locale": given["entry"]} if "entry" in given else {}
    answer = connected.send(to=[{"user_id": "kim", **entry}], channels=["push"], template="who", **more)
    delivery = only(connected.wait_final(answer["id"])["deliveries"])
    assert push_payload(only(simulator.messages("apns", 5)))["aps"]["alert"]["title"] == wanted
    assert connected.delivery(delivery["id"])["content"]["title"] == wanted, "history chooses as the send did"


@pytest.mark.parametrize("params, pointer, code", [
    ({}, "/params/total", "missing_parameter"),
    ({"total": {"amount": "12,50", "currency": "EUR"}}, "/params/total", "invalid_parameter"),
    ({"total": {"amount": "12.50", "currency": "euro"}}, "/params/total", "invalid_parameter"),
    ({"total": "12.50"}, "/params/total", "invalid_parameter"),
    ({"at": "tomorrow"}, "/params/at", "invalid_parameter"),
    ({"day": "2026-02-30"}, "/params/day", "invalid_parameter"),
    ({"order": 1.5}, "/params/order", "invalid_parameter"),
    ({"count": "7"}, "/params/count", "invalid_parameter"),
    ({"nobody": 1}, "/params/nobody", "undeclared_parameter"),
])
def test_a_wrong_value_is_refused_and_named(server, params, pointer, code):
    template(server, "bill", params=PARAMS, content={"en": {"title": "t", "body": TEXT}})
    given = {**VALUES, **params} if params else {"at": VALUES["at"]}
    refused = server.api("POST", "/v1/notifications", {
        "to": [{"phone": OK_PHONE}], "channels": ["sms"], "template": "bill", "params": given}, auth="app")
    assert refused.status == 422, refused
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in refused.body["errors"]]


def test_a_parameter_may_come_from_the_user(connected, simulator):
    template(connected, "tier", params=[{"name": "since", "type": "date", "from": "user.attributes.member.since",
                                         "required": True}],
             content={"en": {"title": "t", "body": "Member since {{since}}"}})
    connected.put_user("ann", phone_number=OK_PHONE, locale="en-GB", attributes={"member": {"since": "2020-02-29"}})
    answer = connected.send(to=[{"user_id": "ann"}], channels=["sms"], template="tier")
    assert connected.wait_final(answer["id"])["outcome"] == "success"
    assert sms_form(only(simulator.messages("twilio", 5)))["Body"] == "Member since 29 February 2020"
    shown = connected.post("/v1/templates/tier/preview", {"channel": "sms", "user_id": "ann", "locale": "en-US"})
    assert shown["content"]["sms"]["body"] == "Member since February 29, 2020"


def test_sensitive_values_and_categories_are_not_shown_again(connected, simulator):
    template(connected, "code", params=[{"name": "code", "sensitive": True, "required": True}],
             content={"en": {"title": "t", "body": "Your code is {{code}}"}})
    for category in ("general", "security"):
        answer = connected.send(to=[{"phone": OK_PHONE}], channels=["sms"], category=category, template="code",
                                params={"code": "918273"})
        delivery = only(connected.wait_final(answer["id"])["deliveries"])
        assert "918273" in sms_form(simulator.messages("twilio", 1)[0])["Body"]
        shown = connected.delivery(delivery["id"])
        assert "918273" not in str(shown) and "918273" not in str(connected.notification(answer["id"]))
        assert shown["content"] is None if category == "security" else "•••" in shown["content"]["body"]


def test_no_email_goes_without_a_subject(connected, simulator):
    """A translation that left the title out takes that of the default language."""
    template(connected, "half", content={"en": {"title": "It has shipped", "body": "On its way."},
                                         "ko": {"body": "배송이 시작되었습니다."}, "de": {"title": "Nur ein Titel"}})
    connected.put_user("mina", email="mina@example.test", phone_number="+821012345678")
    sent = connected.send(to=[{"user_id": "mina", "locale": "ko"}], channels=["email"], template="half")
    assert connected.wait_final(sent["id"])["outcome"] == "success"
    assert mail(only(simulator.messages("smtp")))["Subject"] == "It has shipped"
    sent = connected.send(to=[{"user_id": "mina", "locale": "de"}], channels=["sms"], template="half")
    assert connected.wait_final(sent["id"])["outcome"] == "success"
    assert sms_form(only(simulator.messages("twilio")))["Body"] == "On its way."
