"""Pictures of pushes and MMS are fetched by others: by a URL that works for a while and cannot be made up."""
import json

import pytest

import harness
from people import PHONE, android, only, push_payload, sent_one, sms_form, template
from uploads import png, s3_settings, upload

PUSH = {"channels": ["push"], "title": "Bells", "body": "They ring."}


@pytest.fixture
def public(make_server, simulator):
    server = harness.reachable(harness.connect(make_server(), simulator))
    android(server, "ann")
    return server


def image_of_push(simulator):
    return push_payload(only(simulator.messages("fcm", 1)))["message"]["notification"]["image"]


def test_a_push_shows_an_uploaded_picture(public, simulator):
    made = upload(public, png(50_000), "bell.png", "image/png")
    assert sent_one(public, to=[{"user_id": "ann"}], **PUSH, image=made["id"])["status"] == "sent"
    url = image_of_push(simulator)
    assert url.startswith(f"{public.url}/o/") and made["id"] not in url
    answer = harness.request(url)
    assert answer.status == 200 and answer.content == png(50_000)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "max-age=" in answer.headers["cache-control"]
    head = harness.request(url, "HEAD")
    assert head.status == 200 and head.headers["content-length"] == str(len(png(50_000))) and not head.content


def test_its_url_works_for_a_while(public, simulator):
    made = upload(public, png(), "bell.png")
    sent_one(public, to=[{"user_id": "ann"}], **PUSH, image=made["id"])
    url = image_of_push(simulator)
    public.advance("23h")
    assert harness.request(url).status == 200
    public.advance("2h")
    gone = harness.request(url)
    assert gone.status == 410 and gone.body["code"] == "link_expired"


def test_a_url_cannot_be_made_up(public, simulator):
    made = upload(public, png(), "bell.png")
    sent_one(public, to=[{"user_id": "ann"}], **PUSH, image=made["id"])
    url = image_of_push(simulator)
    place, token = url.rsplit("/", 1)
    for forged in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[1:], token + "A", "x", "a" * 600,
                   ("B" if token[0] != "B" else "C") + token[1:]):
        answer = harness.request(f"{place}/{forged}")
        assert answer.status == 404, (forged, answer)


def test_the_public_address_shows_pictures_and_no_objects(make_server, simulator):
    server = make_server({"server.public_listen": "127.0.0.1:0"})
    port = server.wait_for_log(r"serving clients and callbacks on (http://[^\s\"]+)").group(1)
    assert harness.request(port + "/o/nothing").body["code"] == "not_found"
    assert harness.request(port + "/v1/objects").body["code"] == "unknown_path"


def test_an_mms_carries_an_uploaded_picture(make_server, simulator):
    server = make_server({"server.public_url": "https://bells.example.test"})  # vendors fetch from https only
    settings = harness.integrations(simulator)["twilio"]
    settings["settings"]["mms"] = True
    server.put("/v1/integrations/twilio?test=false", settings)
    made = upload(server, png(1000), "bell.png")
    assert sent_one(server, to=[{"phone": PHONE}], channels=["sms"], body="Bells", image=made["id"])["status"] == "sent"
    url = sms_form(only(simulator.messages("twilio", 1)))["MediaUrl"]
    assert url.startswith("https://bells.example.test/o/")
    assert harness.request(url.replace("https://bells.example.test", server.url)).content == png(1000)


def test_a_template_shows_an_uploaded_picture(public, simulator):
    made = upload(public, png(77), "bell.png")
    template(public, "bells", channels=["push"],
             content={"en": {"title": "Bells", "body": "They ring.", "image": made["id"]}})
    assert sent_one(public, to=[{"user_id": "ann"}], template="bells")["status"] == "sent"
    assert harness.request(image_of_push(simulator)).content == png(77)


def test_with_s3_the_picture_comes_from_there(make_server, simulator):
    with s3_settings() as settings:
        server = harness.connect(make_server(settings), simulator)
        android(server, "ann")
        made = upload(server, png(500), "bell.png", "image/png")
        assert sent_one(server, to=[{"user_id": "ann"}], **PUSH, image=made["id"])["status"] == "sent"
        url = image_of_push(simulator)
        assert "X-Amz-Signature=" in url and url.startswith(settings["objects.url"].split("endpoint=")[1])
        answer = harness.request(url)
        assert answer.status == 200 and answer.content == png(500) and answer.headers["content-type"] == "image/png"
        assert harness.request(url.replace(made["id"], "obj_0000000000000")).status == 403


@pytest.mark.parametrize("image, code", [("obj_0000000000000", "unknown_object"), ("obj_x", "invalid_url"),
                                         ("http://example.com/a.png", "invalid_url")])
def test_a_picture_that_is_none_is_refused(public, image, code):
    refused = public.api("POST", "/v1/notifications", {"to": [{"user_id": "ann"}], **PUSH, "image": image}, auth="app")
    assert refused.status == 422 and refused.pointers == ["/image"] and refused.body["code"] == code, refused


def test_what_is_no_picture_is_refused(public):
    made = upload(public, b"A note.", "note.txt", "text/plain")
    refused = public.api("POST", "/v1/notifications",
                         {"to": [{"user_id": "ann"}], **PUSH, "image": made["id"]}, auth="app")
    assert refused.status == 422 and refused.body["code"] == "invalid_object" and refused.pointers == ["/image"]


def test_without_a_public_address_nobody_could_fetch_it(server):
    made = upload(server, png(), "bell.png")
    android(server, "ann")
    request = {"to": [{"user_id": "ann"}], **PUSH, "image": made["id"]}
    refused = server.api("POST", "/v1/notifications", request, auth="app")
    assert refused.status == 422 and refused.body["code"] == "public_url_missing" and refused.pointers == ["/image"]
    sent = server.send(auth="test", **request)  # a test key ends in the sandbox, where nobody fetches it
    server.wait_final(sent["id"])
    assert made["id"] in json.dumps(server.sandbox_messages())
