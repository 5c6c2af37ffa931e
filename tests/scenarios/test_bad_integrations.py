"""What cannot work is refused where it is configured, with the field that is to blame."""
import json

import pytest

import harness


@pytest.mark.parametrize("key, setting, value", [
    ("apns", "private_key", "hello"),
    ("fcm", "service_account", "{}"),
    ("fcm", "service_account", "hello"),
    ("webpush", "subject", "ops"),
    ("webpush", "icon", "ftp://x"),
    ("vonage_voice", "private_key", "hello"),
    ("twilio", "from", ""),
    ("smtp", "endpoint", "ftp://x"),
    ("smtp", "from_email", "nobody"),
    ("smtp", "dkim_domain", "example.test"),
    ("ses", "region", "EU West"),
    ("sendgrid", "from_email", "nobody"),
    ("sendgrid", "webhook_public_key", "hello"),
    ("mailchimp", "endpoint", "nowhere"),
    ("hms", "token_url", "nowhere"),
    ("hms", "receipt_key", ""),
    ("hms", "ca_file", "/no/such/file"),
    ("webhook", "signing_secret", "hello"),
    ("jpush", "timeout", "soon"),
    ("jpush", "colour", "red"),
])
def test_a_malformed_setting_is_named(server, simulator, key, setting, value):
    body = json.loads(json.dumps(harness.integrations(simulator)[key]))
    body["settings"][setting] = value
    if (key, setting) == ("smtp", "dkim_domain"):
        body["settings"]["dkim_selector"] = "s"
    answer = server.api("PUT", f"/v1/integrations/{key}", body)
    pointer = "/settings/receipt_user" if setting == "receipt_key" else f"/settings/{setting}"
    assert answer.status in (400, 422) and answer.pointers == [pointer], answer
    assert server.get("/v1/integrations")["data"] == []


def test_what_the_vendor_refuses_points_at_the_settings(server, simulator):
    body = json.loads(json.dumps(harness.integrations(simulator)["sendgrid"]))
    body["settings"]["api_key"] = "SG.wrong"
    answer = server.api("PUT", "/v1/integrations/mail", body)
    assert (answer.status, answer.body["code"], answer.pointers) == (422, "integration_test_failed", ["/settings"])


@pytest.mark.parametrize("match, chain, pointer, code", [
    ({"channel": "sms"}, ["apns"], "/chain/0/integration", "leads_nowhere"),
    ({"channel": "push"}, ["apns", "twilio"], "/chain/1/integration", "leads_nowhere"),
    ({"channel": "push", "platform": "android"}, ["apns"], "/chain/0/integration", "leads_nowhere"),
    ({"platform": "android"}, ["fcm", "smtp"], "/chain/1/integration", "leads_nowhere"),
    ({"channel": "push"}, ["apns", "fcm", "apns"], "/chain/2/integration", "leads_nowhere"),
    ({"channel": "push"}, ["nobody"], "/chain/0/integration", "unknown_integration"),
    ({"channel": "push"}, [], "/chain", "required"),
    ({"channel": "push", "category": "nothing"}, ["apns"], "/match/category", "unknown_category"),
    ({"channel": "push", "app": "nobody"}, ["apns"], "/match/app", "leads_nowhere"),
])
def test_a_route_that_leads_nowhere_is_refused(connected, match, chain, pointer, code):
    answer = connected.api("PUT", "/v1/routes/r", {
        "match": match, "chain": [{"integration": key} for key in chain]})
    assert answer.status == 422 and answer.pointers == [pointer] and answer.body["code"] == code, answer
    assert connected.get("/v1/routes")["data"] == []


def test_a_route_for_all_names_whom_it_likes(connected):
    connected.put("/v1/routes/all", {"match": {}, "chain": [
        {"integration": key} for key in ("smtp", "fcm", "apns", "twilio")]})
    connected.put("/v1/routes/shop", {"match": {"app": "default", "category": "general"},
                                      "chain": [{"integration": "smtp"}]})
    assert [route["key"] for route in connected.get("/v1/routes")["data"]] == ["all", "shop"]


def test_a_provider_type_says_where_its_vendor_is(server):
    types = {each["name"]: each for each in server.get("/v1/provider-types")["data"]}
    for name, endpoint in {"fcm": "https://fcm.googleapis.com", "sendgrid": "https://api.sendgrid.com",
                           "jpush": "https://api.jpush.cn", "smtp": ""}.items():
        setting = next(s for s in types[name]["settings"] if s["name"] == "endpoint")
        assert setting["default"] == endpoint
