"""E-mail with attachments and pictures in its text: what arrives is, byte for byte, what was uploaded."""
import base64
import email
import email.policy
import hashlib
import json
import re
import subprocess

import pytest

import harness
from people import only, sent_one, tags
from uploads import PDF, content, png, s3_settings, upload

aiosmtpd = pytest.importorskip("aiosmtpd.controller", reason="pip's aiosmtpd is missing")

HTML = '<p>Your invoice.</p><img src="cid:logo">'
LETTER = {"channels": ["email"], "title": "Invoice", "body": "Your invoice.", "email": {"html": HTML}}
NAME = "Rechnung März — 안녕.pdf"
MIB = 1024 * 1024


class Mailbox:
    """Takes every mail, as its bytes were."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((list(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 Ok: queued as 1"


class Controller(aiosmtpd.Controller):
    """On a port of the system's choice."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox():
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=0, data_size_limit=64 * MIB, decode_data=False)
    controller.start()
    box.url = f"smtp://127.0.0.1:{controller.port}"
    yield box
    controller.stop()


def with_smtp(server, mailbox, **settings):
    server.put("/v1/integrations/smtp?test=false", {"provider": "smtp", "settings": {
        "endpoint": mailbox.url, "from_email": "bells@example.test", **settings}})
    return server


def parts_of(raw):
    """(mail, {file name or content id: part})"""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    parts = {}
    for part in mail.walk():
        if part.get_content_disposition():
            key = part.get_filename() or part["Content-ID"]
            assert key not in parts
            parts[key] = part
    return mail, parts


def invoice(server, **more):
    """Two files and a picture in the text, as a request names them."""
    pdf = upload(server, PDF, NAME, "application/pdf")["id"]
    logo = upload(server, png(100_000), "logo.png", "image/png")["id"]
    note = upload(server, b".\r\n..\r\nA note.\r\n.\r\n", "note.txt", "text/plain")["id"]
    return {**LETTER, "attachments": [
        {"object_id": pdf}, {"object_id": logo, "disposition": "inline", "content_id": "logo"},
        {"object_id": note, "filename": "other name.txt"}], **more}


@pytest.mark.parametrize("place", ["file", "s3"])
def test_a_mail_carries_its_files_and_shows_its_pictures(make_server, mailbox, place):
    if place == "file":
        return check_the_mail(with_smtp(make_server(), mailbox), mailbox)
    with s3_settings() as settings:
        check_the_mail(with_smtp(make_server(settings), mailbox), mailbox)


def check_the_mail(server, mailbox):
    delivery = sent_one(server, to=[{"email": "ann@example.org"}], **invoice(server))
    assert delivery["status"] == "sent", delivery
    recipients, raw = only(mailbox.mails)
    assert recipients == ["ann@example.org"]
    mail, parts = parts_of(raw)
    assert not mail.defects and all(not part.defects for part in mail.walk())
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998 and raw.isascii()
    assert mail.get_content_type() == "multipart/mixed"
    assert set(parts) == {NAME, "logo.png", "other name.txt"}
    assert parts[NAME].get_content() == PDF and parts[NAME].get_content_type() == "application/pdf"
    assert parts[NAME].get_content_disposition() == "attachment"
    logo = parts["logo.png"]
    assert logo.get_content() == png(100_000) and logo.get_content_type() == "image/png"
    assert logo.get_content_disposition() == "inline" and logo["Content-ID"] == "<logo>"
    assert parts["other name.txt"].get_payload(decode=True) == b".\r\n..\r\nA note.\r\n.\r\n"
    assert mail.get_body(("html",)).get_content().strip() == HTML
    assert mail.get_body(("plain",)).get_content().strip() == "Your invoice."
    # The picture belongs to the HTML: mail programs look for it there.
    related = only(part for part in mail.walk() if part.get_content_type() == "multipart/related")
    assert [part.get_content_type() for part in related.iter_parts()] == ["text/html", "image/png"]


def test_a_signed_mail_is_signed_with_its_attachments(make_server, mailbox, tmp_path):
    key = tmp_path / "dkim.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    server = with_smtp(make_server(), mailbox, dkim_domain="example.test", dkim_selector="s1",
                       dkim_private_key=key.read_text())
    assert sent_one(server, to=[{"email": "ann@example.org"}], **invoice(server))["status"] == "sent"
    raw = only(mailbox.mails)[1]
    mail, parts = parts_of(raw)
    assert parts[NAME].get_content() == PDF
    body = raw.split(b"\r\n\r\n", 1)[1]
    # RFC 6376 §3.4.4: runs of blanks are one, none stands at the end of a line.
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    relaxed = b"".join(line + b"\r\n" for line in lines)
    assert tags(str(mail["DKIM-Signature"]))["bh"] == base64.b64encode(hashlib.sha256(relaxed).digest()).decode()


def test_as_much_as_is_allowed_arrives(make_server, mailbox):
    server = with_smtp(make_server(), mailbox)
    files = [upload(server, png(5 * MIB - 200), f"{i}.png")["id"] for i in range(4)]
    before = server.metric("process_resident_memory_bytes")
    sent = server.send(to=[{"email": f"u{i}@example.org"} for i in range(4)], **LETTER,
                       attachments=[{"object_id": i} for i in files])
    assert all(d["status"] == "sent" for d in server.wait_final(sent["id"], 60)["deliveries"])
    assert len(mailbox.mails) == 4
    for _, raw in mailbox.mails:
        assert [part.get_content() for part in parts_of(raw)[1].values()] == [png(5 * MIB - 200)] * 4
    # Their bytes once for all four, not four times and in base64 besides.
    assert server.metric("process_resident_memory_bytes") - before < 60e6


# ---- the vendors' own APIs

def from_sendgrid(text):
    return {a["filename"]: (base64.b64decode(a["content"]), a["type"], a["disposition"], a.get("content_id"))
            for a in json.loads(text)["attachments"]}


def from_mailchimp(text):
    message = json.loads(text)["message"]
    files = {a["name"]: (base64.b64decode(a["content"]), a["type"], "attachment", None) for a in message["attachments"]}
    return files | {"logo.png": (base64.b64decode(a["content"]), a["type"], "inline", a["name"])
                    for a in message["images"]}


def from_ses(text):
    return {name: (part.get_payload(decode=True), part.get_content_type(), part.get_content_disposition(),
                   part["Content-ID"] and part["Content-ID"].strip("<>"))
            for name, part in parts_of(text.encode())[1].items()}


@pytest.mark.parametrize("vendor, read", [("sendgrid", from_sendgrid), ("mailchimp", from_mailchimp),
                                          ("ses", from_ses)])
def test_each_vendor_gets_them_as_it_documents(server, simulator, vendor, read):
    harness.connect(server, simulator, vendor)
    delivery = sent_one(server, to=[{"email": "ann@example.test"}], **invoice(server))
    assert delivery["status"] == "sent", delivery
    assert read(only(simulator.messages(vendor, 5))["content"]) == {
        NAME: (PDF, "application/pdf", "attachment", None),
        "logo.png": (png(100_000), "image/png", "inline", "logo"),
        "other name.txt": (b".\r\n..\r\nA note.\r\n.\r\n", "text/plain", "attachment", None)}


def test_sendgrid_still_takes_many_recipients_in_a_request(server, simulator):
    harness.connect(server, simulator, "sendgrid")
    sent = server.send(to=[{"email": f"u{i}@example.test"} for i in range(200)], **invoice(server))
    assert all(d["status"] == "sent" for d in server.wait_final(sent["id"])["deliveries"])
    assert len({m["delivery"] for m in simulator.log("sendgrid")}) == 200
    requests = [json.loads(m["content"]) for m in simulator.messages("sendgrid", 500) if m["content"]]
    assert len(requests) <= 8, f"{len(requests)} requests for 200 recipients"
    assert all(len(r["attachments"]) == 3 for r in requests)


# ---- what is refused, and where

@pytest.mark.parametrize("attachment, pointer, code", [
    ({"object_id": "obj_0000000000000"}, "/attachments/0/object_id", "unknown_object"),
    ({"object_id": "https://example.com/a.pdf"}, "/attachments/0/object_id", "invalid_object_id"),
    ({"filename": "a.pdf"}, "/attachments/0/object_id", "required"),
    ({"object_id": "{id}", "filename": "a/b"}, "/attachments/0/filename", "invalid_filename"),
    ({"object_id": "{id}", "filename": "a\r\nBcc: x"}, "/attachments/0/filename", "invalid_filename"),
    ({"object_id": "{id}", "disposition": "shown"}, "/attachments/0/disposition", "invalid_choice"),
    ({"object_id": "{id}", "content_id": "a b"}, "/attachments/0/content_id", "invalid_text"),
    ({"object_id": "{id}", "disposition": "attachment", "content_id": "a"}, "/attachments/0/content_id",
     "conflicting_fields"),
    ({"object_id": "{id}", "colour": "red"}, "/attachments/0/colour", "unknown_field"),
])
def test_a_wrong_attachment_is_refused_where_it_is_wrong(server, attachment, pointer, code):
    made = upload(server, PDF)["id"]
    attachment = {k: v.replace("{id}", made) for k, v in attachment.items()}
    refused = server.api("POST", "/v1/notifications", {"to": [{"email": "a@example.org"}], **LETTER,
                                                       "attachments": [attachment]}, auth="app")
    assert refused.status in (400, 422), refused
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in refused.body["errors"]], refused


def test_too_many_and_too_large_are_refused(server):
    made = upload(server, png(7 * MIB), "7.png")["id"]

    def send(count, **more):
        return server.api("POST", "/v1/notifications", {
            "to": [{"email": "ok@sandbox.carillon.test"}], **LETTER,
            "attachments": [{"object_id": made}] * count, **more}, auth="app")
    over = send(4)
    assert over.status == 422 and over.body["code"] == "attachments_too_large"
    assert over.pointers == ["/attachments/2/object_id"]
    assert send(11).body["code"] == "too_many"
    assert send(2).status == 202
    elsewhere = send(1, channels=["push"])
    assert elsewhere.status == 422 and elsewhere.pointers == ["/attachments"]
    twice = server.api("POST", "/v1/notifications", {
        "to": [{"email": "a@example.org"}], **LETTER,
        "attachments": [{"object_id": made, "content_id": "x"}] * 2}, auth="app")
    assert twice.status == 422 and twice.pointers == ["/attachments/1/content_id"]
    assert server.post("/v1/notifications/explain", {"to": [{"email": "a@example.org"}], **LETTER,
                                                     "attachments": [{"object_id": made}]}, auth="app")


def test_what_is_gone_at_a_replay_is_said(server):
    """Final is final: an object is not kept for a dead letter that may be sent again."""
    made = upload(server, PDF, "a.pdf", ttl="1h")["id"]
    server.put("/v1/categories/once", {"retry": ["1s"]})
    sent = server.send(to=[{"email": "tempfail@sandbox.carillon.test"}], category="once", **LETTER,
                       attachments=[{"object_id": made}])
    server.wait_deliveries(sent["id"], "retrying")
    server.advance("5s")
    delivery = only(server.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "dead"
    server.advance("30h")
    harness.wait_until(lambda: not server.all("/v1/objects"), "it is still there")
    server.post("/v1/dead-letters/replay", {"ids": [delivery["id"]]})

    def look():
        now = server.delivery(delivery["id"])
        return now if now["reason"] == "render_failed" else None
    failed = harness.wait_until(look, lambda: json.dumps(server.delivery(delivery["id"])))
    assert failed["status"] == "failed" and made in json.dumps(failed)


def test_a_bucket_that_does_not_answer_is_asked_again(make_server):
    with s3_settings() as settings:
        server = make_server(settings)
        made = upload(server, PDF, "a.pdf")["id"]
    sent = server.send(to=[{"email": "ok@sandbox.carillon.test"}], **LETTER, attachments=[{"object_id": made}])
    delivery = server.delivery(only(server.wait_deliveries(sent["id"], "retrying"))["id"])
    assert "object store" in only(delivery["attempt_log"])["detail"]
    assert upload(server, PDF, status=503)["code"] == "objects_unavailable"
    assert only(server.wait_final(server.send(to=[{"email": "ok@sandbox.carillon.test"}], **LETTER)["id"])
                ["deliveries"])["status"] == "sent"  # others go on


def test_a_draft_keeps_what_it_names(server):
    made = upload(server, PDF, "a.pdf", ttl="1h")["id"]
    draft = server.send(to=[{"email": "ok@sandbox.carillon.test"}], **LETTER, draft=True,
                        attachments=[{"object_id": made}])
    server.advance("72h")
    server.wait_idle()
    assert content(server, made) == PDF
    server.post(f"/v1/notifications/{draft['id']}/submit")
    assert only(server.wait_final(draft["id"])["deliveries"])["status"] == "sent"


def test_what_is_sensitive_keeps_its_attachments(make_server, mailbox):
    """The request is sealed until it is sent, and names its files all the same."""
    server = with_smtp(make_server(), mailbox)
    server.put("/v1/categories/secret", {"sensitive": True})
    delivery = sent_one(server, to=[{"email": "ann@example.org"}], **invoice(server, category="secret"))
    assert delivery["status"] == "sent", delivery
    assert set(parts_of(only(mailbox.mails)[1])[1]) == {NAME, "logo.png", "other name.txt"}
    assert NAME not in json.dumps(server.delivery(delivery["id"]))
