"""People by the file: users and members of groups come as jobs, a broken row costs itself only, a crash nothing."""
import json
import socket
import threading

import harness
import pytest
from people import die_at, only

CSV = {"Content-Type": "text/csv"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NDJSON = {"Content-Type": "application/x-ndjson"}


def users_csv(count, broken=()):
    """count rows; those of the (0-based) indexes in `broken` have no usable e-mail address."""
    rows = ["user_id,name,email,locale,time_zone,attributes.plan"]
    for i in range(count):
        email = "nobody" if i in broken else f"u{i:05}@example.test"
        rows.append(f'u{i:05},"Person, {i}",{email},ko-KR,Asia/Seoul,pro')
    return ("\r\n".join(rows) + "\r\n").encode()


def begin(server, path, content, headers=CSV, **more):
    return server.expect(202, "POST", path, content, headers=headers, **more)


def wait_job(server, job, **more):
    seen = {}

    def look():
        seen["job"] = server.get(f"/v1/jobs/{job['id']}", **more)
        return seen["job"] if seen["job"]["state"] not in ("queued", "running") else None
    return harness.wait_until(look, lambda: f"the job has no end: {seen}", 90)


def run(server, path, content, headers=CSV):
    return wait_job(server, begin(server, path, content, headers))


def files(server):
    return sorted(path.name for path in (server.data / "jobs").iterdir())


def wait_no_files(server):
    """A job is over a moment before its file goes."""
    harness.wait_until(lambda: files(server) == [], lambda: files(server))


def test_twenty_thousand_users_with_three_broken_rows_and_a_kill_9(make_server):
    server = make_server()
    content = users_csv(20_000, broken={10, 9_999, 19_999})
    server.environment = {"CARILLON_FAILPOINTS": "import.after_step:kill:60"}
    server.restart()
    job = begin(server, "/v1/imports/users", content)
    assert job["state"] == "queued" and job["total"] == 20_000 and job["done"] == 0
    seen = []

    def look():
        try:
            seen.append(server.get(f"/v1/jobs/{job['id']}")["done"])
        except (OSError, harness.http.client.HTTPException, AssertionError):
            pass
        return not server.is_running()
    harness.wait_until(look, lambda: f"it does not come to the place where it dies: {seen}")
    server.kill()
    assert files(server) == [job["id"]]
    server.environment = {}
    server.start()
    after = server.get(f"/v1/jobs/{job['id']}")
    assert 0 < after["done"] and after["done"] >= max(seen)
    done = wait_job(server, job)
    assert (done["state"], done["done"], done["failed"]) == ("completed", 19_997, 3)
    assert len(set(seen)) > 2 and seen == sorted(seen)
    errors = server.all(done["errors_url"])
    assert [(e["line"], e["pointer"], e["code"]) for e in errors] == [
        (line, "/email", "invalid_email") for line in (12, 10_001, 20_001)]
    assert done["errors"] == errors
    wait_no_files(server)
    user = server.get("/v1/users/u19998")
    assert user["name"] == "Person, 19998" and user["attributes"] == {"plan": "pro"}
    assert user["time_zone"] == "Asia/Seoul"
    assert server.api("GET", "/v1/users/u19999").status == 404
    assert sum(1 for _ in server.all("/v1/users")) == 19_997


def test_who_may_not_import_is_told_before_the_file_is_sent(server):
    keys = server.post("/v1/apps", {"name": "shop"})
    shop = server.post("/v1/apps/shop/keys", {"scopes": ["send"]})
    size = 32 << 20
    for authorization, status, code in (("Bearer mt_wrong", 401, "unauthenticated"), ("", 401, "unauthenticated"),
                                        (harness.basic(shop["app_key"], shop["app_secret"]), 403, "missing_scope")):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        field = f"Authorization: {authorization}\r\n" if authorization else ""
        connection.sendall(f"POST /v1/imports/users HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\n{field}"
                           f"Content-Length: {size}\r\n\r\nuser_id\n".encode())
        answer = harness.http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (status, code)
        connection.close()
    assert keys["app_key"] and server.get("/v1/jobs")["data"] == []


def test_the_same_file_again_changes_nothing(server):
    content = users_csv(300)
    assert run(server, "/v1/imports/users", content)["done"] == 300
    tag = server.api("GET", "/v1/users/u00007").headers["etag"]
    entries = len(server.all("/v1/audit"))
    assert run(server, "/v1/imports/users", content)["done"] == 300
    assert server.api("GET", "/v1/users/u00007").headers["etag"] == tag
    assert len(server.all("/v1/audit")) == entries + 1  # that somebody imported


def test_a_file_changes_what_it_names_and_leaves_the_rest(server):
    server.put_user("ann", name="Ann", email="ann@example.test", phone_number="+821012345678",
                    attributes={"a": 1})
    server.put(f"/v1/users/ann/devices/test-ok", {"platform": "ios"})
    run(server, "/v1/imports/users",
        b"user_id,email,phone_number,attributes\nann,new@example.test,,\"{\"\"b\"\": 2}\"\n")
    ann = server.get("/v1/users/ann")
    assert (ann["name"], ann["email"], ann["phone_number"]) == ("Ann", "new@example.test", None)
    assert ann["attributes"] == {"b": 2} and only(ann["devices"])["device_id"] == "test-ok"


def test_a_user_twice_in_a_file_is_as_the_last_row_says(server):
    done = run(server, "/v1/imports/users", b"user_id,name,email\nann,Ann,\nann,Anne,a@example.test\n")
    assert (done["done"], done["failed"]) == (2, 0)
    assert server.get("/v1/users/ann")["name"] == "Anne"


def test_ndjson_takes_whatever_the_api_takes(server):
    rows = [{"user_id": 42, "name": "Kim", "attributes": {"n": [1, 2]},
             "addresses": [{"channel": "webhook", "address": "https://example.com/h", "secret": SECRET}]},
            {"user_id": "bad", "mail": "x"}]
    text = "\n".join(json.dumps(row) for row in rows).encode() + b"\n\n{\"user_id\":\n[1]\n{\"name\":\"x\"}"
    done = run(server, "/v1/imports/users", text, NDJSON)
    assert (done["done"], done["failed"], done["total"]) == (1, 4, 5)
    assert [(e["line"], e["pointer"], e["code"]) for e in done["errors"]] == [
        (2, "/mail", "unknown_field"), (4, "", "not_json"), (5, "", "wrong_type"), (6, "/user_id", "required")]
    kim = server.get("/v1/users/42")
    assert kim["attributes"] == {"n": [1, 2]} and only(kim["addresses"])["secret"] == {"set": True}
    tag = server.api("GET", "/v1/users/42").headers["etag"]
    run(server, "/v1/imports/users", text, NDJSON)
    assert server.api("GET", "/v1/users/42").headers["etag"] == tag  # the secret is the same one


def test_rows_that_no_csv_reader_should_guess_at_are_named(server):
    done = run(server, "/v1/imports/users", b"\xef\xbb\xbfuser_id,name\n1,a,b\n2,\"open\n3,fine\n4,\xff\n")
    assert done["done"] == 1
    assert [(e["line"], e["pointer"], e["code"]) for e in done["errors"]] == [
        (2, "", "invalid_csv"), (3, "", "invalid_csv"), (5, "/name", "invalid_text")]
    assert server.get("/v1/users/3")["name"] == "fine"


def test_an_address_somebody_has_is_refused_where_they_are_unique(server):
    server.patch("/v1/settings", {"unique_email": True})
    server.put_user("ann", email="ann@example.test")
    done = run(server, "/v1/imports/users", b"user_id,email\nbob,ann@example.test\ncid,cid@example.test\n")
    assert (done["done"], done["failed"]) == (1, 1)
    assert (only(done["errors"])["line"], only(done["errors"])["code"]) == (2, "email_taken")
    assert server.api("GET", "/v1/users/bob").status == 404
    # Of two in one file, the first.
    done = run(server, "/v1/imports/users", b"user_id,email\nzed,new@example.test\nbob,new@example.test\n")
    assert (done["done"], only(done["errors"])["line"]) == (1, 3)
    assert server.get("/v1/users/zed")["email"] == "new@example.test"


def test_a_group_is_filled_and_reached(connected, simulator):
    assert run(connected, "/v1/imports/users", users_csv(1_200))["done"] == 1_200
    connected.put("/v1/groups/all", {})
    content = b"user_id\n" + b"".join(b"u%05d\n" % i for i in range(1_200)) + b'""\n'
    done = run(connected, "/v1/imports/members?group=all", content)
    assert (done["done"], done["failed"]) == (1_200, 1)
    assert only(done["errors"])["line"] == 1_202
    assert run(connected, "/v1/imports/members?group=all", b'{"user_id":"u00003"}\n', NDJSON)["done"] == 1
    assert connected.get("/v1/groups/all")["members"] == 1_200
    sent = connected.send(to=[{"group": "all"}], channels=["email"], title="News", body="Hello")
    assert connected.wait_final(sent["id"])["counts"] == {"sent": 1_200}
    assert simulator.counts()["smtp"]["accepted"] == 1_200


@pytest.mark.parametrize("place", ["import.after_file", "import.before_step"])
def test_kill_9_anywhere_repeats_nothing_and_loses_nothing(server, place):
    server.put("/v1/groups/g", {})
    content = b"user_id\n" + b"".join(b"m%d\n" % i for i in range(1_700))
    die_at(server, place, lambda: begin(server, "/v1/imports/members?group=g", content),
           1 if place == "import.after_file" else 3)
    server.start()
    jobs = server.all("/v1/jobs")
    if place == "import.after_file":  # it was never answered: the file is nobody's
        assert jobs == []
        wait_no_files(server)
        return
    done = wait_job(server, only(jobs))
    assert (done["state"], done["done"], done["failed"]) == ("completed", 1_700, 0)
    assert server.get("/v1/groups/g")["members"] == 1_700


def test_a_full_disk_refuses_files_and_lets_those_under_way_wait(server):
    die_at(server, "import.after_step", lambda: begin(server, "/v1/imports/users", users_csv(1_000)), 3)
    server.settings["store.disk_free_min"] = "900TB"
    server.start(ready=False)
    server.wait_for_log("has to wait: the disk is nearly full")
    job = only(server.all("/v1/jobs"))
    assert (job["state"], job["done"]) == ("running", 300)
    refused = server.api("POST", "/v1/imports/users", users_csv(1), headers=CSV)
    assert refused.status == 503 and refused.headers["retry-after"], refused
    assert files(server) == [job["id"]]
    server.stop()
    del server.settings["store.disk_free_min"]
    server.start()
    assert wait_job(server, job)["done"] == 1_000


def test_a_cancelled_import_stops_and_keeps_what_is_in(server):
    job = begin(server, "/v1/imports/users", users_csv(20_000))
    second = begin(server, "/v1/imports/users", users_csv(10))
    ended = server.post(f"/v1/jobs/{second['id']}/cancel")
    assert ended["state"] == "cancelled" and ended["done"] == 0
    harness.wait_until(lambda: server.get(f"/v1/jobs/{job['id']}")["done"] > 0, "no progress")
    ended = server.post(f"/v1/jobs/{job['id']}/cancel")
    assert ended["state"] == "cancelled" and 0 < ended["done"] < 20_000 and ended["finished_at"]
    assert server.post(f"/v1/jobs/{job['id']}/cancel") == ended
    wait_no_files(server)
    assert server.get(f"/v1/jobs/{job['id']}") == ended
    assert len(server.all("/v1/users")) == ended["done"]
    assert [j["id"] for j in server.all("/v1/jobs")] == [second["id"], job["id"]]


@pytest.mark.parametrize("path, content, headers, status, code, pointers", [
    ("/v1/imports/users", b"user_id,mail\n", CSV, 422, "unknown_column", ["/columns/1"]),
    ("/v1/imports/users", b"email\n", CSV, 422, "required", ["/columns"]),
    ("/v1/imports/users", b"", CSV, 422, "required", []),
    ("/v1/imports/users", b"{}", {"Content-Type": "application/json"}, 415, "unsupported_media_type", []),
    ("/v1/imports/users", b"user_id\n", {"Content-Type": "text/csv; charset=EUC-KR"}, 415,
     "unsupported_media_type", []),
    ("/v1/imports/members", b"user_id\n", CSV, 422, "required", ["?group"]),
    ("/v1/imports/members?group=nope", b"user_id\n", CSV, 422, "unknown_group", ["?group"]),
    ("/v1/imports/users?group=x", b"user_id\n", CSV, 400, "unknown_parameter", []),
    ("/v1/imports/users", b"x" * (33 << 20), CSV, 413, "body_too_large", []),
])
def test_what_cannot_be_imported_is_refused_at_once(server, path, content, headers, status, code, pointers):
    try:
        answer = server.api("POST", path, content, headers=headers)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # it stopped reading
        return
    assert (answer.status, answer.body["code"], answer.pointers) == (status, code, pointers), answer
    assert server.all("/v1/jobs") == [] and files(server) == []


def test_who_may_import_and_look(server):
    server.put("/v1/groups/g", {})
    mine = begin(server, "/v1/imports/users", users_csv(1), auth="app")
    assert wait_job(server, mine, auth="app")["created_by"] == "app:default"
    theirs = begin(server, "/v1/imports/users", users_csv(1))
    assert server.api("GET", f"/v1/jobs/{theirs['id']}", auth="app").status == 404
    assert only(server.all("/v1/jobs", auth="app"))["id"] == mine["id"]
    token = server.cli("key", "create", "ops", "--management", "--scopes", "dead_letters", "--json").json["token"]
    assert server.api("POST", f"/v1/jobs/{theirs['id']}/cancel", auth=token).status == 404
    assert server.all("/v1/jobs", auth=token) == []
    assert server.api("POST", "/v1/imports/users", users_csv(1), headers=CSV, auth=token).status == 403
    # The same key is the same import.
    headers = {**CSV, "Idempotency-Key": "k1"}
    first = begin(server, "/v1/imports/users", users_csv(2), headers)
    assert begin(server, "/v1/imports/users", users_csv(2), headers)["id"] == first["id"]


def test_others_are_served_while_a_file_comes_in(connected):
    connected.put_user("ann", email="ann@example.test")
    job = begin(connected, "/v1/imports/users", users_csv(20_000))
    done = []
    sender = threading.Thread(target=lambda: done.append(connected.wait_final(connected.send(
        to=[{"user_id": "ann"}], channels=["email"], title="x", body="y")["id"])))
    sender.start()
    sender.join()
    assert only(done)["outcome"] == "success"
    assert wait_job(connected, job)["done"] == 20_000


@pytest.mark.parametrize("is_running", [True, False])
def test_by_command_line(server, tmp_path, is_running):
    if not is_running:
        server.stop()
    people = tmp_path / "people.csv"
    people.write_bytes(users_csv(250, broken={4}))
    done = server.cli("import", "users", people, "--json", code=1).json
    assert (done["state"], done["done"], done["failed"]) == ("completed", 249, 1)
    said = server.cli("import", "users", people, code=1).out
    assert "249 of 250" in said and "invalid_email" in said
    server.cli("group", "put", "beta")
    members = tmp_path / "members.ndjson"
    members.write_text('{"user_id":"u00001"}\n')
    assert "completed" in server.cli("import", "members", "--group", "beta", members).out
    assert server.cli("group", "get", "beta", "--json").json["members"] == 1
    listed = server.cli("import", "list", "--json").json["data"]
    assert [job["kind"] for job in listed] == ["import_members", "import_users", "import_users"]
    assert "completed" in server.cli("import", "show", listed[0]["id"]).out
    assert server.cli("import", "members", "--group", "nope", members, code=1).err
    assert server.cli("import", "users", tmp_path / "none.csv", code=1).err
