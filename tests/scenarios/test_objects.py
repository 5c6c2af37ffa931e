"""Large content is uploaded once and named by its id: in a folder or in S3, and never lost half-way."""
import hashlib
import pathlib

import pytest

import harness
from people import die_at, only
from uploads import PDF, content, png, s3_settings, upload

MAIL = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "Bells", "body": "They ring."}
LARGE = 20 * 1024 * 1024
MAY_GROW = 12e6  # bytes of memory, whatever the size of an object


@pytest.fixture(params=["file", "s3"])
def place(request, make_server):
    """A server, once for each place objects can be in."""
    if request.param == "file":
        yield make_server()
        return
    with s3_settings() as settings:
        yield make_server(settings)


def files_of(server):
    return [file for file in (pathlib.Path(server.data) / "objects").rglob("*") if file.is_file()]


def attach(server, object_id, status=202, auth="app", **more):
    return server.expect(status, "POST", "/v1/notifications",
                         {**MAIL, "attachments": [{"object_id": object_id, **more}]}, auth=auth)


def test_what_was_uploaded_is_given_back_as_it_was(place):
    made = upload(place, PDF, "March.pdf", "application/pdf")
    assert made["type"] == "application/pdf" and made["filename"] == "March.pdf" and made["size"] == len(PDF)
    assert made["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert place.get(f"/v1/objects/{made['id']}", auth="app") == made
    assert content(place, made["id"]) == PDF
    head = place.api("HEAD", f"/v1/objects/{made['id']}/content", auth="app")
    assert head.status == 200 and head.headers["content-length"] == str(len(PDF)) and not head.content
    assert head.headers["content-type"] == "application/pdf"
    assert head.headers["content-disposition"] == 'inline; filename="March.pdf"'
    place.delete(f"/v1/objects/{made['id']}", auth="app")
    assert place.api("GET", f"/v1/objects/{made['id']}", auth="app").status == 404
    assert place.api("GET", f"/v1/objects/{made['id']}/content", auth="app").status == 404
    assert "object.delete" in [entry["action"] for entry in place.all("/v1/audit")]


def test_a_large_object_passes_without_being_held_in_memory(place):
    small = upload(place, png(300_000), kind="image/png")  # what is needed anyway is there
    content(place, small["id"])
    bytes_ = png(LARGE - 1000)
    before = place.metric("process_resident_memory_bytes")
    made = upload(place, bytes_, "large.png", "image/png")
    assert content(place, made["id"]) == bytes_
    grown = place.metric("process_resident_memory_bytes") - before
    assert grown < MAY_GROW, f"{grown / 1e6:.0f} MB more"


def test_objects_are_listed_newest_first_and_each_app_sees_its_own(server):
    ids = [upload(server, png(i), f"{i}.png")["id"] for i in range(5)]
    other = server.cli("app", "create", "other", "--json").json
    other = (other["app_key"], other["app_secret"])
    mine = upload(server, b"a note", kind="text/plain", auth=other)["id"]
    assert [o["id"] for o in server.all("/v1/objects", auth="app")] == ids[::-1]
    page = server.get("/v1/objects?limit=2", auth="app")
    assert [o["id"] for o in page["data"]] == [ids[4], ids[3]] and page["page"]["next"]
    assert [o["id"] for o in server.all("/v1/objects", auth=other)] == [mine]
    assert {o["id"] for o in server.all("/v1/objects")} == {*ids, mine}
    assert server.api("GET", f"/v1/objects/{mine}", auth="app").status == 404
    assert server.api("DELETE", f"/v1/objects/{mine}", auth="app").status == 404
    refused = attach(server, mine, 422)
    assert only(refused["errors"])["pointer"] == "/attachments/0/object_id" and refused["code"] == "unknown_object"


@pytest.mark.parametrize("body, kind, query, status, code", [
    (b"", None, {}, 422, "required"),
    (png(), "image/jpeg", {}, 415, "type_mismatch"),
    (b"<html><script>", "image/png", {}, 415, "type_mismatch"),
    (b"text", "text", {}, 415, "type_mismatch"),
    (b"--x", "multipart/form-data; boundary=x", {}, 415, "type_mismatch"),
    (b"text", None, {"filename": "../etc/passwd"}, 422, "invalid_filename"),
    (b"text", None, {"filename": "a\r\nb"}, 422, "invalid_filename"),
    (b"text", None, {"ttl": "soon"}, 422, "invalid_duration"),
    (b"text", None, {"ttl": "1s"}, 422, "out_of_range"),
    (b"text", None, {"colour": "red"}, 400, "unknown_parameter"),
])
def test_what_cannot_be_kept_is_refused_with_what_is_wrong(server, body, kind, query, status, code):
    refused = upload(server, body, kind=kind, status=status, **query)
    assert refused["code"] == code, refused
    assert not server.all("/v1/objects") and not files_of(server)


def test_an_object_over_the_limit_is_refused(make_server):
    server = make_server({"objects.size_max": "1MB"})
    refused = upload(server, png(1024 * 1024), status=413)
    assert refused["code"] == "object_too_large" and "1000000" in refused["detail"]
    try:  # beyond what any server takes: the head is enough to say no
        assert upload(server, bytes(33 * 1024 * 1024), status=413)["code"] == "body_too_large"
    except (BrokenPipeError, ConnectionResetError):
        pass  # while the rest was still on its way
    assert not server.all("/v1/objects") and not files_of(server)


def test_nobody_uploads_without_a_credential(server):
    assert server.api("POST", "/v1/objects", png(1_000_000), auth=None).status == 401
    assert not files_of(server)


def test_an_upload_that_is_repeated_is_one_object(server):
    bytes_ = png(500_000)
    first = upload(server, bytes_, headers={"Idempotency-Key": "k1"})
    assert upload(server, bytes_, headers={"Idempotency-Key": "k1"})["id"] == first["id"]
    other = upload(server, png(500_001), headers={"Idempotency-Key": "k1"}, status=422)
    assert other["code"] == "idempotency_key_reused"
    assert [o["id"] for o in server.all("/v1/objects")] == [first["id"]]


def test_an_expired_object_is_refused_and_goes(server):
    made = upload(server, PDF, ttl="2h")
    attach(server, made["id"])
    server.advance("3h")
    refused = attach(server, made["id"], 422)
    assert refused["code"] == "object_expired" and only(refused["errors"])["pointer"] == "/attachments/0/object_id"
    server.advance("25h")  # as long as a URL of it may work
    harness.wait_until(lambda: not files_of(server), "its bytes are still there")
    harness.wait_until(lambda: not server.all("/v1/objects"), "it is still listed")
    assert attach(server, made["id"], 422)["code"] == "unknown_object"


def test_an_object_stays_while_a_notification_needs_it(server):
    made = upload(server, PDF, "a.pdf", ttl="1h")
    later = server.send(**MAIL, attachments=[{"object_id": made["id"]}], draft=True)
    refused = server.api("DELETE", f"/v1/objects/{made['id']}", auth="app")
    assert refused.status == 409 and refused.body["code"] == "in_use" and later["id"] in refused.body["detail"]
    server.advance("48h")
    server.wait_idle()
    assert content(server, made["id"]) == PDF
    server.post(f"/v1/notifications/{later['id']}/cancel")
    server.advance("2h")
    harness.wait_until(lambda: not server.all("/v1/objects"), "it is still there")


def test_an_upload_that_breaks_off_leaves_nothing(server):
    """kill -9 after the bytes are written and before the row is: nobody was told an id."""
    die_at(server, "objects.after_put", lambda: upload(server, PDF))
    assert only(files_of(server)).read_bytes() == PDF
    server.start()
    assert not server.all("/v1/objects")
    server.advance("2h")
    harness.wait_until(lambda: not files_of(server), "the bytes of nobody are still there")
    assert upload(server, PDF)["size"] == len(PDF)


def test_an_upload_outlives_a_crash(server):
    made = upload(server, PDF, "a.pdf")
    server.restart(kill=True)
    assert content(server, made["id"]) == PDF
    sent = attach(server, made["id"])
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] == "sent"


def test_the_command_line_does_the_same(server, tmp_path):
    file = tmp_path / "Rechnung März.pdf"
    file.write_bytes(PDF)
    made = server.cli("object", "put", file, "--json").json
    assert made["filename"] == "Rechnung März.pdf" and made["type"] == "application/pdf"
    head = server.api("HEAD", f"/v1/objects/{made['id']}/content")
    assert head.headers["content-disposition"] == (
        "inline; filename=\"Rechnung M__rz.pdf\"; filename*=UTF-8''Rechnung%20M%C3%A4rz.pdf")
    back = tmp_path / "back.pdf"
    server.cli("object", "get", made["id"], "--output", back)
    assert back.read_bytes() == PDF
    assert made["id"] in server.cli("object", "list").out
    assert made["sha256"] in server.cli("object", "show", made["id"]).out
    server.cli("object", "rm", made["id"])
    assert server.cli("object", "list", "--json").json["data"] == []
    server.stop()
    stopped = server.cli("object", "put", file, "--json").json  # on the stopped store itself
    server.cli("object", "get", stopped["id"], "--output", back)
    assert back.read_bytes() == PDF
    server.start()
    assert content(server, stopped["id"], auth="token") == PDF
