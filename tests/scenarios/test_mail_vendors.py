"""E-mail by the vendors' own APIs: what arrives is what they document, and what goes wrong is put right."""
import base64
import email
import email.policy
import http.server
import json
import threading

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import harness
from people import only, sent_one

VENDORS = ("sendgrid", "mailchimp", "ses")
SECRET = {"sendgrid": "api_key", "mailchimp": "api_key", "ses": "secret_access_key"}
LETTER = {"channels": ["email"], "title": "Bells", "body": "They ring.",
          "email": {"subject": "안녕하세요", "html": "<p>They <b>ring</b>.</p>", "preheader": "Listen:",
                    "reply_to": "help@example.test", "headers": {"X-Season": "spring"}}}


@pytest.fixture(params=VENDORS)
def vendor(request, server, simulator):
    harness.connect(server, simulator, request.param)
    return request.param


def as_sendgrid(content):
    body = json.loads(content)
    one = only(body["personalizations"])
    parts = {part["type"]: part["value"] for part in body["content"]}
    assert one["headers"]["Message-ID"].startswith(f"<{one['custom_args']['carillon_delivery']}-0@")
    assert body["tracking_settings"]["click_tracking"]["enable"] is False
    return {"to": only(one["to"])["email"], "from": body["from"]["email"], "name": body["from"]["name"],
            "subject": body["subject"], "text": parts["text/plain"], "html": parts["text/html"],
            "reply_to": body["reply_to"]["email"], "header": one["headers"]["X-Season"],
            "delivery": one["custom_args"]["carillon_delivery"]}


def as_mailchimp(content):
    body = json.loads(content)
    message = body["message"]
    assert body["async"] is False and message["preserve_recipients"] is False
    return {"to": only(message["to"])["email"], "from": message["from_email"], "name": message["from_name"],
            "subject": message["subject"], "text": message["text"], "html": message["html"],
            "reply_to": message["headers"]["Reply-To"], "header": message["headers"]["X-Season"],
            "delivery": only(message["recipient_metadata"])["values"]["carillon_delivery"]}


def as_ses(content):
    mail = email.message_from_string(content, policy=email.policy.default)
    sender = mail["From"].addresses[0]
    return {"to": mail["To"], "from": sender.addr_spec, "name": sender.display_name, "subject": mail["Subject"],
            "text": mail.get_body(("plain",)).get_content().strip(), "html": mail.get_body(("html",)).get_content(),
            "reply_to": mail["Reply-To"], "header": mail["X-Season"], "delivery": mail["X-Carillon-Delivery"]}


READ = {"sendgrid": as_sendgrid, "mailchimp": as_mailchimp, "ses": as_ses}


def test_a_letter_arrives_as_the_vendor_documents_it(server, simulator, vendor):
    delivery = sent_one(server, to=[{"email": "ann@example.test"}], **LETTER)
    assert delivery["status"] == "sent", delivery
    taken = only(simulator.messages(vendor, 5))
    seen = READ[vendor](taken["content"])
    assert "Listen:" in seen["html"] and "<p>They <b>ring</b>.</p>" in seen.pop("html")
    assert seen == {"to": "ann@example.test", "from": "bells@example.test", "name": "Carillon",
                    "subject": "안녕하세요", "text": "They ring.", "reply_to": "help@example.test", "header": "spring",
                    "delivery": delivery["id"]}
    assert taken["delivery"] == delivery["id"]


def test_a_wrong_credential_is_told_before_it_is_stored(server, simulator, vendor):
    body = harness.integrations(simulator)[vendor]
    body["settings"][SECRET[vendor]] = "wrong"
    refused = server.api("PUT", f"/v1/integrations/{vendor}", body)
    assert refused.status == 422 and refused.body["code"] == "integration_test_failed"
    assert server.post(f"/v1/integrations/{vendor}/test")["ok"] is True, "the settings that work were replaced"
    server.put(f"/v1/integrations/{vendor}?test=false", body)  # as if it had been revoked since
    sent = server.send(to=[{"email": "ann@example.test"}], **LETTER)
    held = only(server.wait_deliveries(sent["id"], "held"))
    assert held["reason"] == "integration_paused" and held["attempts"] == 0
    server.put(f"/v1/integrations/{vendor}", harness.integrations(simulator)[vendor])
    server.post(f"/v1/integrations/{vendor}/resume")
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] == "sent"


def test_an_address_the_vendor_refuses_is_not_written_to_again(server, simulator, vendor):
    assert sent_one(server, to=[{"email": "ann@nowhere.invalid"}], **LETTER)["status"] == "failed"
    again = sent_one(server, to=[{"email": "ann@nowhere.invalid"}], **LETTER)
    assert again["status"] == "suppressed" and again["reason"] == "address_suppressed"
    assert simulator.counts()[vendor]["accepted"] == 0


def test_a_callers_strange_sender_does_not_stop_the_others(server, simulator, vendor):
    server.put("/v1/senders/elsewhere", {"domain": "elsewhere.example"})  # allowed here, and unknown to the vendor
    mine = sent_one(server, to=[{"email": "ann@example.test"}], **{**LETTER, "from": {"email": "me@elsewhere.example"}})
    assert mine["status"] == "failed"
    assert not server.get(f"/v1/integrations/{vendor}")["paused"]
    assert sent_one(server, to=[{"email": "ann@example.test"}], **LETTER)["status"] == "sent"


@pytest.fixture(params=VENDORS)
def reporting(request, make_server, simulator):
    """A server with one vendor that calls it back; its name beside it."""
    server = harness.reachable(harness.connect(make_server(), simulator, request.param))
    simulator.report_to(**{request.param: f"{server.url}/v1/callbacks/{request.param}/{request.param}"})
    return server, request.param


def becomes(server, delivery_id, status):
    return harness.wait_until(lambda: (d := server.delivery(delivery_id))["status"] == status and d,
                              lambda: f"not {status}: {json.dumps(server.delivery(delivery_id))}")


def test_what_became_of_it_is_told_later(reporting):
    server, vendor = reporting
    delivery = sent_one(server, to=[{"email": "ok@sandbox.carillon.test"}], **LETTER)
    delivery = becomes(server, delivery["id"], "delivered")
    assert {r["kind"] for r in delivery["receipts"]} >= {"sent", "delivered"}
    assert all(r["integration"] == vendor for r in delivery["receipts"])


def test_a_mailbox_that_is_gone_is_not_written_to_again(reporting):
    server, _ = reporting
    bounced = {"to": [{"email": "bounce@sandbox.carillon.test"}], **LETTER}
    assert becomes(server, sent_one(server, **bounced)["id"], "failed")["reason"] == "bounced"
    assert only(server.all("/v1/suppressions"))["reason"] == "hard_bounce"
    assert sent_one(server, **bounced)["reason"] == "address_suppressed"


def test_who_complains_gets_no_more(reporting):
    server, _ = reporting
    unwanted = {"to": [{"email": "complaint@sandbox.carillon.test"}], **LETTER}
    sent = sent_one(server, **unwanted)
    harness.wait_until(lambda: "complained" in server.delivery(sent["id"])["engagement"], "no complaint came")
    assert only(server.all("/v1/suppressions"))["reason"] == "complaint"
    assert sent_one(server, **unwanted)["reason"] == "address_suppressed"


def test_a_forged_report_is_refused(reporting):
    server, vendor = reporting
    sent = sent_one(server, to=[{"email": "ann@example.test"}], **LETTER)
    becomes(server, sent["id"], "delivered")
    body = json.dumps([{"email": "ann@example.test", "event": "bounce", "type": "bounce",
                        "carillon_delivery": sent["id"]}]).encode()
    answer = server.api("POST", f"/v1/callbacks/{vendor}/{vendor}", body, auth=None)
    assert answer.status == 403 and answer.body["code"] == "forged_callback"
    assert server.delivery(sent["id"])["status"] == "delivered"
    assert server.all("/v1/suppressions") == []


def test_mandrill_finds_the_address_before_it_signs(server, simulator):
    harness.connect(server, simulator, "mailchimp")
    assert server.api("HEAD", "/v1/callbacks/mailchimp/mailchimp", auth=None).status == 200


def test_secrets_are_not_read_back(server, simulator, vendor):
    text = server.api("GET", f"/v1/integrations/{vendor}").text
    assert simulator.description[vendor][SECRET[vendor]] not in text


def test_a_campaign_leaves_sendgrid_in_few_requests_and_one_bad_address_harms_nobody(server, simulator):
    harness.connect(server, simulator, "sendgrid")
    people = [f"p{i}" for i in range(300)]
    for person in people:
        address = f"{person}@nowhere.invalid" if person == "p7" else f"{person}@example.test"
        server.put_user(person, email=address)
    server.put("/v1/groups/all", {"name": "All"})
    server.post("/v1/groups/all/members", {"user_ids": people})
    sent = server.send(to=[{"group": "all"}], **LETTER)
    ended = server.wait_final(sent["id"])
    assert sorted(d["status"] for d in ended["deliveries"]) == ["failed"] + ["sent"] * 299
    assert {m["recipient"] for m in simulator.log("sendgrid")} == {f"{p}@example.test" for p in people if p != "p7"}
    assert simulator.counts()["sendgrid"]["accepted"] == 299, "nobody twice"
    # The content is kept with the last of each request.
    taken = [m["content"] for m in simulator.messages("sendgrid", 64) if m["content"]]
    sizes = [len(json.loads(content)["personalizations"]) for content in taken]
    assert max(sizes) > 20, sizes


def test_the_signature_of_ses_is_the_one_of_amazons_library(server, simulator):
    taken = []

    class Amazon(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, self.headers, body))
            answer = b'{"MessageId":"1"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    amazon = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Amazon)
    threading.Thread(target=amazon.serve_forever, daemon=True).start()
    try:
        integration = harness.integrations(simulator)["ses"]
        integration["settings"]["endpoint"] = f"http://127.0.0.1:{amazon.server_port}"
        server.put("/v1/integrations/ses?test=false", integration)
        assert sent_one(server, to=[{"email": "ann@example.test"}], **LETTER)["status"] == "sent"
    finally:
        amazon.shutdown()
    path, headers, body = only(taken)
    said = simulator.description["ses"]
    auth = SigV4Auth(Credentials(said["access_key_id"], said["secret_access_key"]), "ses", said["region"])
    request = AWSRequest("POST", f"http://{headers['Host']}{path}", data=body,
                         headers={name: headers[name] for name in ("Content-Type", "Host", "X-Amz-Date")})
    request.context["timestamp"] = headers["X-Amz-Date"]
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert headers["Authorization"].endswith(f"Signature={wanted}")
    raw = json.loads(body)["Content"]["Raw"]["Data"]
    assert b"X-Carillon-Delivery: " + json.loads(body)["EmailTags"][0]["Value"].encode() in base64.b64decode(raw)
