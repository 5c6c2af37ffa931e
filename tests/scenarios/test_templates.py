"""Templates say what they say: brackets that are no parameters stay, and each channel is escaped in its own way."""
from people import OK_PHONE, mail, mail_part, only, sms_form, template

PARAM = {"name": "item_name", "type": "string", "required": True}


def send(server, key, **params):
    server.put_user("mina", email="mina@example.test", phone_number=OK_PHONE)
    answer = server.send(to=[{"user_id": "mina"}], channels=["email", "sms"], template=key, params=params)
    assert server.wait_final(answer["id"])["outcome"] == "success"


def test_only_declared_names_in_brackets_are_parameters(connected, simulator):
    html = ('<!--[if mso]><table><![endif]--><style>a[href]{color:red}</style>'
            '<p>[배달의민족] [item_name] &amp; [unknown]</p>')
    template(connected, "shipped", syntax="brackets", params=[PARAM], content={"en": {
        "title": "[배달의민족] [item_name]", "email": {"subject": "[배달의민족] [item_name]", "html": html,
                                                 "text": "[배달의민족] [item_name] a[href]"},
        "sms": {"body": "[배달의민족] [item_name]"}}})
    send(connected, "shipped", item_name="떡볶이")
    message = only(simulator.messages("smtp", 5))
    assert mail(message)["subject"] == "[배달의민족] 떡볶이"
    assert mail_part(message, "plain") == "[배달의민족] 떡볶이 a[href]"
    shown = mail_part(message, "html")
    for part in ("<!--[if mso]>", "<![endif]-->", "a[href]{color:red}", "[배달의민족] 떡볶이 &amp; [unknown]"):
        assert part in shown, part
    assert sms_form(only(simulator.messages("twilio", 5)))["Body"] == "[배달의민족] 떡볶이"


def test_a_text_shows_what_html_escapes(connected, simulator):
    template(connected, "shipped", params=[PARAM], content={"en": {
        "title": "{{item_name}}", "email": {"html": "<p>{{item_name}}</p>", "text": "{{item_name}}"},
        "sms": {"body": "{{item_name}}"}}})
    send(connected, "shipped", item_name="A&B <i>")
    message = only(simulator.messages("smtp", 5))
    assert sms_form(only(simulator.messages("twilio", 5)))["Body"] == "A&B <i>"
    assert "<p>A&amp;B &lt;i&gt;</p>" in mail_part(message, "html")
    assert mail_part(message, "plain") == "A&B <i>" and mail(message)["subject"] == "A&B <i>"


def test_a_value_is_never_read_as_a_template(connected, simulator):
    template(connected, "shipped", syntax="brackets", params=[PARAM],
             content={"en": {"title": "x", "body": "[item_name]"}})
    send(connected, "shipped", item_name="{{user.email}} [item_name] \r\nBcc: all@example.test")
    body = sms_form(only(simulator.messages("twilio", 5)))["Body"]
    assert body.startswith("{{user.email}} [item_name]")


def test_a_line_break_in_a_value_adds_no_header(connected, simulator):
    template(connected, "shipped", params=[PARAM], content={"en": {"title": "{{item_name}}", "body": "b"}})
    send(connected, "shipped", item_name="x\r\nBcc: all@example.test")
    read = mail(only(simulator.messages("smtp", 5)))
    assert read["bcc"] is None and "Bcc" in read["subject"]


def test_a_dangerous_link_is_not_sent(connected, simulator):
    template(connected, "shipped", params=[{"name": "link", "type": "string"}], content={"en": {
        "title": "x", "email": {"html": "<a href=\"{{link}}\">go</a>", "text": "go"}}})
    connected.put_user("mina", email="mina@example.test")
    answer = connected.api("POST", "/v1/notifications", {
        "to": [{"user_id": "mina"}], "channels": ["email"], "template": "shipped",
        "params": {"link": "javascript:alert(1)"}}, auth="app")
    if answer.status == 202:
        assert only(connected.wait_final(answer.body["id"])["deliveries"])["reason"] == "render_failed"
    else:
        assert answer.status == 422
    assert simulator.counts()["smtp"]["accepted"] == 0


def test_the_version_is_pinned_when_the_send_is_accepted(connected, simulator):
    template(connected, "news", content={"en": {"title": "first", "body": "x"}})
    stop = connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"email": "ann@example.test"}], channels=["email"], template="news")
    template(connected, "news", content={"en": {"title": "second", "body": "x"}})
    connected.delete(f"/v1/pauses/{stop['id']}")
    connected.wait_final(sent["id"])
    assert mail(only(simulator.messages("smtp", 5)))["subject"] == "first"
    assert connected.notification(sent["id"])["template"] == {"key": "news", "version": 1}


def test_a_template_that_names_something_undeclared_is_refused(server):
    answer = server.api("PUT", "/v1/templates/broken", {
        "default_locale": "en", "content": {"en": {"title": "x", "body": "Hello {{nobody}}"}}})
    assert answer.status == 422
    assert any(e["code"] == "undeclared_name" and e["pointer"] == "/content/en/body" for e in answer.body["errors"])


def test_a_preview_shows_what_would_be_said(server):
    template(server, "shipped", params=[PARAM], content={"en": {"title": "{{item_name}}", "body": "b"}})
    shown = server.post("/v1/templates/shipped/preview", {"params": {"item_name": "A&B"}, "channel": "email"})
    assert "A&B" in str(shown)
