"""The history as a file: what the list shows, all of it, for whoever may see the list; a crash begins it anew."""
import csv
import datetime
import io

import harness
from people import only, template

MAIL = {"channels": ["email"], "title": "News", "body": "Hello"}
BOM = b"\xef\xbb\xbf"


def begin(server, what="deliveries", body=None, **more):
    return server.expect(202, "POST", f"/v1/{what}/export", body, **more)


def wait_job(server, job, **more):
    seen = {}

    def look():
        seen["job"] = server.get(f"/v1/jobs/{job['id']}", **more)
        return seen["job"] if seen["job"]["state"] not in ("queued", "running") else None
    return harness.wait_until(look, lambda: f"the job has no end: {seen}", 60)


def fetch(server, job, **more):
    """The rows of the file that a job made, and the file."""
    answer = server.api("GET", job["result_url"], **more)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{job["kind"]}-job_')
    assert answer.content.startswith(BOM)
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def export(server, what="deliveries", body=None, **more):
    job = wait_job(server, begin(server, what, body, **more), **more)
    assert job["state"] == "completed", job
    rows = fetch(server, job, **more)
    assert job["done"] == job["total"] == len(rows)
    return rows


def send(server, count=1, **more):
    sent = [server.send(to=[{"email": f"u{i}@sandbox.carillon.test"}], **{**MAIL, **more})["id"]
            for i in range(count)]
    for notification in sent:
        server.wait_final(notification)
    return sent


def test_a_file_has_what_the_list_shows(server):
    server.put("/v1/categories/news", {"kind": "transactional"})
    send(server, 3)
    sent = send(server, 250, category="news")
    listed = server.all("/v1/deliveries?category=news")
    rows = export(server, body={"filter": {"category": "news"}})
    assert [row["id"] for row in rows] == [d["id"] for d in listed] and len(rows) == 250
    for row, shown in zip(rows, listed):
        for name in ("notification_id", "channel", "status", "log_status", "priority", "integration", "created_at",
                     "finished_at"):
            assert row[name] == (shown[name] or ""), name
    assert {row["app"] for row in rows} == {"default"} and {row["category"] for row in rows} == {"news"}
    rows = export(server, "notifications", {"filter": {"category": "news", "status": "completed"}})
    assert [row["id"] for row in rows] == list(reversed(sent))
    assert set(rows[0]) == {"id", "event_id", "status", "priority", "category", "template", "template_version", "app",
                            "sandbox", "deliveries_total", "accepted_at", "send_at", "expires_at"}
    assert len(export(server, "notifications")) == 253
    assert export(server, body={"filter": {"user_id": "nobody"}}) == []


def test_columns_are_chosen_and_wrong_ones_named(server):
    send(server)
    rows = export(server, body={"columns": ["status", "id"]})
    assert list(only(rows)) == ["status", "id"]
    for body, pointers in (({"columns": ["id", "mail"]}, ["/columns/1"]), ({"columns": ["id", "id"]}, ["/columns/1"]),
                           ({"filter": {"status": "gone"}}, ["/filter/status"]),
                           ({"filter": {"from": "yesterday"}}, ["/filter/from"]),
                           ({"filter": {"phone": "12"}}, ["/filter/phone"]),
                           ({"filter": {"mail": "x"}}, ["/filter/mail"]), ({"filters": {}}, ["/filters"])):
        answer = server.api("POST", "/v1/deliveries/export", body)
        assert answer.status in (400, 422) and answer.pointers == pointers, answer
    assert server.api("GET", "/v1/notifications/export").status == 404, "the path of a notification"


def test_a_cell_is_never_a_formula(server):
    for user in ("=1+1", "+82", "-1", "@SUM(A1)", "＝1"):
        server.put_user(user, email="ok@sandbox.carillon.test")
        server.wait_final(server.send(to=[{"user_id": user}], event_id=f'{user}",', **MAIL)["id"])
    rows = export(server)
    assert {row["user_id"] for row in rows} == {"'=1+1", "'+82", "'-1", "'@SUM(A1)", "'＝1"}
    assert {row["event_id"] for row in rows} == {f"{row['user_id']}\"," for row in rows}


def test_nothing_that_is_said_leaves(server):
    template(server, "code", params=[{"name": "code", "sensitive": True}],
             content={"en": {"title": "{{code}}", "body": "x"}})
    server.wait_final(server.send(to=[{"email": "secret@sandbox.carillon.test"}], channels=["email"], template="code",
                                  params={"code": "739154"})["id"])
    for what in ("deliveries", "notifications"):
        job = wait_job(server, begin(server, what, {"filter": {"email": "secret@sandbox.carillon.test"}}))
        assert job["done"] == 1
        content = server.api("GET", job["result_url"]).content
        assert b"739154" not in content and b"secret@" not in content and b"code" in content
    entry = next(e for e in server.all("/v1/audit") if e["action"] == "delivery.export")
    assert entry["object"].startswith("job_") and entry["detail"]["filter"] == {"email": "•••"}


def test_who_sees_the_list_may_have_the_file_and_nobody_else(server):
    mine = send(server)
    shop = server.post("/v1/apps", {"name": "shop"})
    other = {"auth": (shop["app_key"], shop["app_secret"])}
    theirs = server.expect(202, "POST", "/v1/notifications", {"to": [{"email": "a@sandbox.carillon.test"}], **MAIL},
                           **other)["id"]
    server.wait_final(theirs)
    assert [row["id"] for row in export(server, "notifications", **other)] == [theirs]
    both = wait_job(server, begin(server, "notifications"))
    assert [row["id"] for row in fetch(server, both)] == [theirs, *mine]
    assert server.api("GET", both["result_url"], **other).status == 404
    sends = server.post("/v1/apps/shop/keys", {"scopes": ["send"]})
    only_sends = (sends["app_key"], sends["app_secret"])
    assert server.api("POST", "/v1/deliveries/export", auth=only_sends).status == 403
    people = server.post("/v1/keys", {"name": "people", "scopes": ["people"]})["token"]
    assert server.api("GET", both["result_url"], auth=people).status == 404
    reads = server.post("/v1/keys", {"name": "reads", "scopes": ["read"]})["token"]
    assert server.api("GET", both["result_url"], auth=reads).status == 200
    # No list shows the file, and no send can take it along.
    assert server.get("/v1/objects")["data"] == []
    stolen = server.api("GET", f"/v1/objects/obj_{both['id'][4:]}/content")
    assert stolen.status == 404


def test_a_viewer_ends_what_the_viewer_began(make_server):
    # The file has nowhere to go, so that the job has no end of its own.
    server = make_server(settings={"objects.url": "s3://nowhere?endpoint=http://127.0.0.1:9&region=x",
                                   "objects.access_key_id": "x", "objects.secret_access_key": "y"})
    send(server)
    server.put("/v1/members/vera", {"grants": {"default": "viewer"}})
    vera = {"auth": server.post("/v1/members/vera/tokens", {"name": "t"})["token"]}
    job = begin(server, **vera)
    assert job["created_by"] == "member:vera"
    ended = server.expect(200, "POST", f"/v1/jobs/{job['id']}/cancel", **vera)
    assert ended["state"] == "cancelled" and ended["result_url"] is None
    others = begin(server)
    answer = server.api("POST", f"/v1/jobs/{others['id']}/cancel", **vera)
    assert answer.status == 403 and answer.body["code"] == "missing_scope"
    assert server.get(f"/v1/jobs/{others['id']}", **vera)["state"] in ("queued", "running")
    assert server.api("GET", f"/v1/jobs/{job['id']}/result").status == 409


def test_a_kill_9_begins_it_anew(make_server):
    server = make_server(environment={"CARILLON_FAILPOINTS": "export.after_keep:kill:1"})
    sent = send(server, 30)
    job = begin(server)
    harness.wait_until(lambda: not server.is_running(), "it dies when the file is kept and nobody knows")
    server.kill()
    server.environment = {}
    server.start()
    done = wait_job(server, job)
    assert (done["state"], done["done"]) == ("completed", 30)
    assert [row["notification_id"] for row in fetch(server, done)] == list(reversed(sent))
    assert sorted(path.name for path in (server.data / "jobs").iterdir()) == []


def test_the_file_goes_after_three_days(server):
    send(server)
    job = wait_job(server, begin(server))
    until = datetime.datetime.fromisoformat(job["result_expires_at"])
    finished = datetime.datetime.fromisoformat(job["finished_at"])
    assert until - finished == datetime.timedelta(days=3)
    kept = [path for path in (server.data / "objects").rglob("obj_*")]
    assert len(kept) == 1
    server.advance("74h")
    answer = server.api("GET", job["result_url"])
    assert answer.status == 410 and answer.body["code"] == "result_expired"
    harness.wait_until(lambda: not kept[0].exists(), "its bytes are gone")


def test_the_command_line_writes_the_file(server):
    send(server, 5)
    path = server.data.parent / "history.csv"
    done = server.cli("export", "deliveries", "--status", "sent", "--columns", "id,status", "--output", str(path))
    assert "completed, 5 rows" in done.err
    lines = path.read_bytes().split(b"\r\n")
    assert lines[0] == BOM + b"id,status" and len(lines) == 7
    job = server.cli("export", "notifications", "--detach", "--json").json
    wait_job(server, job)
    assert server.cli("export", "result", job["id"]).out.count("ntf_") == 5
    assert "/filter/status" in server.cli("export", "deliveries", "--status", "gone", code=1).err


def test_another_process_hands_out_what_the_leader_made(make_server, postgres_cluster, tmp_path):
    from test_cluster import Fleet
    fleet = Fleet(make_server, postgres_cluster.database())
    fleet.settings["objects.url"] = f"file:{tmp_path / 'objects'}"
    one, two = fleet.add("one"), fleet.add("two")
    fleet.leader()
    sent = send(one, 3, auth="test")
    for asked, handed in ((one, two), (two, one)):
        job = wait_job(handed, begin(asked, "notifications"))
        assert [row["id"] for row in fetch(handed, job)] == list(reversed(sent))
