"""A layout frames every e-mail of its templates; the brand is said in one place."""
import pytest

from people import dead_letters, mail, mail_part, only, template

FRAME = ('<html><body style="border-color:{{brand.color}}">'
         '{{#preheader}}<div class="pre">{{preheader}}</div>{{/preheader}}'
         '<img src="{{brand.logo_url}}"><main>{{{content}}}</main>'
         '<p>&copy; {{brand.name}}, for {{user.name}}</p></body></html>')
BRAND = {"name": "Bells & Co", "color": "#0a7d4b", "logo_url": "https://cdn.example.test/logo.png"}


def layout(server, key="main", query="", **body):
    return server.put(f"/v1/layouts/{key}{query}", {"html": FRAME, "text": "{{content}}\n-- \n{{brand.name}}", **body})


def order(server, **more):
    return template(server, "order", layout="main", params=[{"name": "item", "required": True, "sample": "mug"}],
                    content={"en": {"title": "Your {{item}}", "email": {
                        "preheader": "It is {{item}}", "html": "<h1>{{item}}</h1>",
                        "text": "Your {{item}} is here."}}}, **more)


@pytest.fixture
def branded(connected):
    connected.patch("/v1/settings", {"brand": BRAND})
    connected.put_user("mina", email="mina@example.test", name="Mina <3")
    layout(connected)
    order(connected)
    return connected


def send(server, item="mug"):
    answer = server.send(to=[{"user_id": "mina"}], channels=["email"], template="order", params={"item": item})
    assert server.wait_final(answer["id"])["outcome"] == "success"
    return answer


def test_an_email_is_framed(branded, simulator):
    send(branded, "A&B <mug>")
    message = only(simulator.messages("smtp", 5))
    html = mail_part(message, "html")
    assert "<main><h1>A&amp;B &lt;mug&gt;</h1></main>" in html
    assert "&copy; Bells &amp; Co, for Mina &lt;3" in html
    assert 'border-color:#0a7d4b' in html and 'src="https://cdn.example.test/logo.png"' in html
    assert html.count("It is A&amp;B &lt;mug&gt;") == 1, "the frame shows the preheader, so nobody else does"
    assert mail_part(message, "plain") == "Your A&B <mug> is here.\n-- \nBells & Co"
    assert mail(message)["subject"] == "Your A&B <mug>"


def test_what_was_accepted_keeps_its_layout(branded, simulator):
    stop = branded.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = branded.send(to=[{"user_id": "mina"}], channels=["email"], template="order", params={"item": "mug"})
    branded.advance("1s")
    layout(branded, html="<b>new</b>{{{content}}}")
    branded.delete(f"/v1/pauses/{stop['id']}")
    branded.wait_final(sent["id"])
    assert "<main>" in mail_part(only(simulator.messages("smtp", 5)), "html")
    later = send(branded)
    assert "<b>new</b><h1>mug</h1>" in mail_part(simulator.messages("smtp", 1)[0], "html")
    # History shows each as it went out.
    shown = [branded.delivery(only(branded.deliveries(n["id"]))["id"])["content"]["html"] for n in (sent, later)]
    assert "<main>" in shown[0] and shown[1].startswith("<b>new</b>")


def test_a_draft_of_a_layout_is_not_used(branded, simulator):
    draft = layout(branded, query="?publish=false", html="<i>draft</i>{{{content}}}")
    assert (draft["version"], draft["published"]) == (2, False)
    send(branded)
    assert "<main>" in mail_part(only(simulator.messages("smtp", 5)), "html")
    branded.advance("1s")
    assert branded.post("/v1/layouts/main/versions/2/publish")["published"]
    send(branded)
    assert "<i>draft</i>" in mail_part(simulator.messages("smtp", 1)[0], "html")
    assert [v["version"] for v in branded.get("/v1/layouts/main/versions")["data"]] == [2, 1]
    assert "<main>" in branded.get("/v1/layouts/main/versions/1")["html"]


def test_a_layout_in_use_cannot_be_removed(branded):
    refused = branded.api("DELETE", "/v1/layouts/main")
    assert refused.status == 409 and refused.body["code"] == "in_use" and "'order'" in refused.body["detail"]
    branded.delete("/v1/templates/order")
    branded.delete("/v1/layouts/main")
    assert branded.api("GET", "/v1/layouts/main").status == 404
    refused = branded.api("PUT", "/v1/templates/order", {
        "layout": "main", "content": {"en": {"title": "x", "body": "y"}}})
    assert refused.status == 422 and refused.body["errors"][0]["pointer"] == "/layout"
    assert refused.body["errors"][0]["code"] == "unknown_layout"


def test_a_preview_shows_the_frame_and_every_language(branded):
    order(branded, default_locale="en")
    shown = branded.post("/v1/templates/order/preview", {"channel": "email", "user_id": "mina", "locales": ["*"]})
    assert shown["layout"] == {"key": "main", "version": 1}
    assert "<main><h1>mug</h1></main>" in shown["content"]["email"]["html"]
    assert "for Mina &lt;3" in shown["locales"]["en"]["email"]["html"]


@pytest.mark.parametrize("body, pointer, code", [
    ({"html": "<p>nothing</p>"}, "/html", "invalid_template"),
    ({"html": "{{{content}}} {{{content}}}"}, "/html", "invalid_template"),
    ({"html": "<a href='{{{content}}}'>"}, "/html", "invalid_template"),
    ({"html": "{{{content}}}{{item}}"}, "/html", "undeclared_name"),
    ({"html": "{{{content}}}<script>{{user.name}}</script>"}, "/html", "invalid_template"),
    ({"html": "{{{content}}}", "text": "nothing"}, "/text", "invalid_template"),
    ({"text": "{{content}}"}, "/html", "required"),
])
def test_a_layout_that_cannot_work_is_refused(server, body, pointer, code):
    refused = server.api("PUT", "/v1/layouts/main", body)
    assert refused.status == 422, refused
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in refused.body["errors"]]


def test_a_template_that_leaves_a_tag_open_is_not_framed(branded):
    refused = branded.api("PUT", "/v1/templates/open", {"layout": "main", "content": {"en": {
        "title": "x", "email": {"html": "<script>"}}}})
    assert refused.status == 422 and refused.body["errors"][0]["pointer"] == "/content/en/email/html"


def test_an_archived_template_sends_nothing_new(branded, simulator):
    stop = branded.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = branded.send(to=[{"user_id": "mina"}], channels=["email"], template="order", params={"item": "mug"})
    assert branded.post("/v1/templates/order/archive")["archived"]
    for named in ("order", {"key": "order", "version": 1}):
        refused = branded.api("POST", "/v1/notifications", {
            "to": [{"user_id": "mina"}], "channels": ["email"], "template": named,
            "params": {"item": "x"}}, auth="app")
        assert refused.status == 422 and refused.body["code"] == "template_archived", refused
        assert "'order'" in refused.body["detail"] and refused.body["errors"][0]["pointer"] == "/template"
    branded.delete(f"/v1/pauses/{stop['id']}")
    assert branded.wait_final(sent["id"])["outcome"] == "success"
    assert order(branded)["archived"], "a new version does not bring it back"
    assert only(branded.get("/v1/templates")["data"])["archived"]
    assert "archived" not in branded.post("/v1/templates/order/unarchive")
    send(branded)
    assert dead_letters(branded) == []


def test_a_version_shows_what_it_changed(branded):
    template(branded, "order", layout="main", params=[{"name": "item", "required": True, "sample": "mug"}],
             content={"en": {"title": "Your {{item}}!", "email": {
                 "preheader": "It is {{item}}", "html": "<h1>{{item}}</h1>\n<p>Thank you.</p>",
                 "text": "Your {{item}} is here."}}})
    diff = branded.get("/v1/templates/order/versions/2/diff")
    assert (diff["version"], diff["against"]) == (2, 1)
    assert diff["changes"] == [
        {"pointer": "/content/en/title", "before": "Your {{item}}", "after": "Your {{item}}!"},
        {"pointer": "/content/en/email/html", "before": "<h1>{{item}}</h1>",
         "after": "<h1>{{item}}</h1>\n<p>Thank you.</p>",
         "diff": "@@ -1,1 +1,2 @@\n <h1>{{item}}</h1>\n+<p>Thank you.</p>\n"}]
    back = branded.get("/v1/templates/order/versions/1/diff?against=2")["changes"]
    assert back[0]["after"] == "Your {{item}}"
    assert branded.get("/v1/templates/order/versions/2/diff?against=2")["changes"] == []
    assert branded.api("GET", "/v1/templates/order/versions/1/diff").status == 422
    assert branded.api("GET", "/v1/templates/order/versions/2/diff?against=9").status == 404


def test_brand_variables_are_checked(server):
    refused = server.api("PATCH", "/v1/settings", {"brand": {"0x": "a"}})
    assert refused.status == 422 and refused.body["errors"][0]["pointer"] == "/brand/0x"
    assert server.api("PATCH", "/v1/settings", {"brand": {"name": 1}}).status == 400
    server.patch("/v1/settings", {"brand": {"name": "Bells"}})
    assert server.patch("/v1/settings", {"locale": "ko"})["brand"] == {"name": "Bells"}
    assert "brand" not in server.patch("/v1/settings", {"brand": {}})


def preview(server, html=FRAME, **more):
    body = {"layout": {"html": html, "text": "{{content}} #"}, **more}
    return server.expect(200, "POST", "/v1/layouts/preview", body)


def test_a_layout_is_looked_at_before_it_is_stored(branded):
    mail = preview(branded)["content"]["email"]
    assert "Bells &amp; Co" in mail["html"] and "<main>" in mail["html"] and mail["text"].endswith(" #")
    assert mail["subject"] == "Your order is on its way"
    korean = preview(branded, locales=["ko", "en"])["locales"]
    assert korean["ko"]["email"]["subject"] == "주문하신 상품이 출발했습니다"
    framed = preview(branded, "<i>new</i>{{{content}}}", template="order", params={"item": "cup"}, user_id="mina")
    assert framed["content"]["email"]["html"].startswith("<i>new</i><h1>cup</h1>")
    assert framed["key"] == "order" and framed["layout"]["version"] == 0
    shown = branded.get("/v1/layouts/main")
    again = branded.expect(200, "POST", "/v1/layouts/preview", {"layout": shown})
    assert "<main>" in again["content"]["email"]["html"], "what an answer shows may be sent back"
    assert [row["key"] for row in branded.get("/v1/layouts")["data"]] == ["main"], "nothing is stored"


def test_what_is_wrong_with_a_layout_being_written_is_named(branded):
    for body, pointer, code in (
            ({"layout": {"html": "<b>no place</b>"}}, "/layout/html", "invalid_template"),
            ({"layout": {"html": "{{{content}}}{{nothing}}"}}, "/layout/html", "undeclared_name"),
            ({"layout": {"html": "{{{content}}}", "text": "{{#x"}}, "/layout/text", "invalid_template"),
            ({"layout": {}}, "/layout/html", "required"), ({}, "/layout", "required"),
            ({"layout": {"html": "{{{content}}}"}, "template": "none"}, "/template", "unknown_template"),
            ({"layout": {"html": "{{{content}}}"}, "template": "order", "version": 9}, "/template",
             "unknown_template"),
            ({"layout": {"html": "{{{content}}}"}, "user_id": "nobody"}, "/user_id", "unknown_user"),
            ({"layout": {"html": "{{{content}}}"}, "channel": "sms"}, "/channel", "unknown_field")):
        answer = branded.api("POST", "/v1/layouts/preview", body)
        assert (answer.body["errors"][0]["pointer"], answer.body["errors"][0]["code"]) == (pointer, code), answer
    template(branded, "text", content={"en": {"sms": {"body": "x"}}})
    answer = branded.api("POST", "/v1/layouts/preview", {"layout": {"html": "{{{content}}}"}, "template": "text"})
    assert answer.body["code"] == "missing_content", answer


def test_a_layout_may_be_called_preview(branded):
    layout(branded, "preview")
    assert branded.get("/v1/layouts/preview")["key"] == "preview"
    assert "email" in preview(branded)["content"]
    branded.delete("/v1/layouts/preview")
