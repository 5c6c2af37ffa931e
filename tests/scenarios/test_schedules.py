"""A send that repeats: every Monday at nine, by the clock of a place, once each time, whatever crashes."""
import datetime
import json

import harness
import pytest
from people import die_at, only, template

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "Hello", "body": "Again."}
UTC = datetime.timezone.utc


def now_of(server):
    return time_of(server.advance("0s")["now"])


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def text_of(time):
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def not_about_to_strike(server):
    """What a test puts in for the next hour is not due before the test is."""
    if now_of(server).minute >= 50:
        server.advance("15m")
    return server


@pytest.fixture
def server(server):
    return not_about_to_strike(server)


@pytest.fixture
def connected(make_server, simulator):
    # Connected first: a vendor refuses what is signed by a clock that is ahead.
    return not_about_to_strike(harness.connect(make_server(), simulator))


def put(server, key="hourly", auth="token", **body):
    return server.put(f"/v1/schedules/{key}", {"cron": "0 * * * *", "time_zone": "UTC", "notification": MAIL, **body},
                      auth=auth)


def get(server, key="hourly"):
    return server.get(f"/v1/schedules/{key}")


def go_to(server, time, after_s=1):
    """Moves the clock to a moment after that time."""
    gap = time + datetime.timedelta(seconds=after_s) - now_of(server)
    assert gap.total_seconds() > 0, "the machine is too slow for this test"
    server.advance(f"{int(gap.total_seconds() * 1000)}ms")


def wait_run(server, at, key="hourly"):
    """Waits until the run of that time is noted; the schedule."""
    seen = {}

    def look():
        seen["s"] = get(server, key)
        return seen["s"] if seen["s"]["last_run"] == at else None
    return harness.wait_until(look, lambda: f"no run at {at}: {seen}")


def wait_error(server, code, key="hourly"):
    seen = {}

    def look():
        seen["s"] = get(server, key)
        return seen["s"] if (seen["s"]["last_error"] or {}).get("code") == code else None
    return harness.wait_until(look, lambda: f"no error {code}: {seen}")


def runs(server, key="hourly"):
    return [n for n in server.all("/v1/notifications") if (n["event_id"] or "").startswith(f"schedule/{key}/")]


def test_it_fires_at_its_time_and_goes_on(connected, simulator):
    made = put(connected)
    at = made["next_run"]
    assert time_of(at).minute == 0 and time_of(at) > now_of(connected)
    assert made["last_run"] is None and made["last_notification"] is None and made["last_error"] is None
    go_to(connected, time_of(at))
    ran = wait_run(connected, at)
    assert time_of(ran["next_run"]) == time_of(at) + datetime.timedelta(hours=1)
    sent = connected.wait_final(ran["last_notification"])
    assert sent["event_id"] == f"schedule/hourly/{at}" and sent["outcome"] == "success"
    assert only(simulator.messages("smtp", 5))["recipient"] == "ann@example.test"
    go_to(connected, time_of(ran["next_run"]))
    wait_run(connected, ran["next_run"])
    assert len(runs(connected)) == 2


def test_the_clock_is_that_of_its_zone(server):
    made = put(server, cron="30 9 * * *", time_zone="Asia/Kathmandu")
    assert time_of(made["next_run"]).strftime("%H:%M") == "03:45"
    server.put("/v1/settings", {"time_zone": "Asia/Seoul"})
    made = server.put("/v1/schedules/other", {"cron": "0 9 * * *", "notification": MAIL})
    assert made["time_zone"] == "Asia/Seoul" and time_of(made["next_run"]).hour == 0


def test_a_run_that_was_missed_is_made_up_for_once(make_server):
    server = make_server()
    at = time_of(put(server)["next_run"])
    server.stop()
    # The clock of a new process starts with the machine's: what passed in between is made by the test.
    server.start()
    go_to(server, at + datetime.timedelta(hours=5), after_s=600)
    newest = text_of(at + datetime.timedelta(hours=5))
    assert time_of(wait_run(server, newest)["next_run"]) == at + datetime.timedelta(hours=6)
    assert only(runs(server))["event_id"] == f"schedule/hourly/{newest}"


def test_or_left_out_where_the_schedule_says_skip(server):
    at = time_of(put(server, missed="skip")["next_run"])
    go_to(server, at, after_s=600)
    seen = wait_error(server, "missed")
    assert seen["last_run"] is None and time_of(seen["next_run"]) == at + datetime.timedelta(hours=1)
    assert runs(server) == []
    go_to(server, time_of(seen["next_run"]))
    assert wait_run(server, seen["next_run"])["last_error"] is None
    assert len(runs(server)) == 1


def test_a_crash_between_the_send_and_its_note_sends_nothing_twice(connected, simulator):
    at = put(connected)["next_run"]
    for place in ("schedule.before_send", "schedule.before_note"):
        die_at(connected, place, lambda: go_to(connected, time_of(at)))
    connected.start()
    sent = only(runs(connected))
    assert get(connected)["last_run"] is None
    go_to(connected, time_of(at))
    assert wait_run(connected, at)["last_notification"] == sent["id"]
    connected.wait_final(sent["id"])
    assert simulator.counts()["smtp"]["accepted"] == 1 and len(runs(connected)) == 1


def test_nor_when_it_lies_dead_longer_than_event_ids_are_remembered(make_server):
    server = make_server(settings={"dedup.window": "1m"})
    at = put(server, cron="0 0 1 1 *")["next_run"]
    die_at(server, "schedule.before_note", lambda: go_to(server, time_of(at)))
    server.start()
    sent = only(runs(server))
    go_to(server, time_of(at) + datetime.timedelta(days=3))
    assert wait_run(server, at)["last_notification"] == sent["id"]
    assert len(runs(server)) == 1


def test_a_refused_run_leaves_its_reason_and_the_next_one_goes(server):
    template(server, "news", content={"en": {"title": "News", "body": "x"}})
    notification = {"to": MAIL["to"], "channels": ["email"], "template": "news"}
    at = put(server, notification=notification)["next_run"]
    server.delete("/v1/templates/news?force=true")
    go_to(server, time_of(at))
    seen = wait_error(server, "unknown_template")
    assert seen["last_error"]["at"] == at and "/notification/template" in seen["last_error"]["detail"]
    assert seen["last_run"] is None and seen["next_run"] > at
    template(server, "news", content={"en": {"title": "News again", "body": "x"}})
    go_to(server, time_of(seen["next_run"]))
    ran = wait_run(server, seen["next_run"])
    assert ran["last_error"] is None
    assert server.notification(ran["last_notification"])["template"]["version"] == 2, "the version of the firing"


def test_the_doctor_looks_at_every_schedule(server):
    template(server, "news", content={"en": {"title": "News", "body": "x"}})
    notification = {"to": MAIL["to"], "channels": ["email"], "template": "news"}
    for i in range(203):
        put(server, key=f"s{i:03}", cron="0 0 1 1 *")
    at = put(server, key="zz", cron="0 * * * *", notification=notification)["next_run"]
    server.delete("/v1/templates/news?force=true")
    go_to(server, time_of(at))
    wait_error(server, "unknown_template", key="zz")
    found = {f["check"]: f for f in server.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{server.port}",
                                               code=0).json["checks"]}
    assert "last run was refused" in found["schedule zz"]["detail"] and "dead letters" in found and "queues" in found


def test_it_is_checked_like_a_send_when_it_is_written(server):
    def refused(**body):
        answer = server.api("PUT", "/v1/schedules/x", {"cron": "@daily", "notification": MAIL, **body})
        assert 400 <= answer.status < 500, answer
        return answer.status, answer.body["errors"][0]["pointer"], answer.body["errors"][0]["code"]

    assert refused(cron="0 0 30 2 *") == (422, "/cron", "invalid_cron")
    assert refused(cron="61 * * * *") == (422, "/cron", "invalid_cron")
    assert refused(time_zone="Mars/Olympus") == (422, "/time_zone", "invalid_time_zone")
    assert refused(missed="perhaps") == (422, "/missed", "invalid_choice")
    assert refused(notification=None) == (422, "/notification", "required")
    assert refused(retries=3) == (400, "/retries", "unknown_field")
    for field in ("event_id", "send_at"):
        value = {"event_id": "e", "send_at": "2026-12-01T09:00:00Z"}[field]
        assert refused(notification={**MAIL, field: value}) == (422, f"/notification/{field}", "read_only")
    assert refused(notification={**MAIL, "draft": True}) == (422, "/notification/draft", "read_only")
    assert refused(notification={**MAIL, "to": []})[1] == "/notification/to"
    assert refused(notification={**MAIL, "colour": 1}) == (400, "/notification/colour", "unknown_field")
    assert refused(notification={**MAIL, "to": [{"user_id": "nobody"}]}) == (
        422, "/notification/to/0/user_id", "unknown_user")
    assert refused(notification={"to": MAIL["to"], "template": "none", "channels": ["email"]}) == (
        422, "/notification/template", "unknown_template")
    assert server.api("GET", "/v1/schedules/x").status == 404


def test_whoever_wrote_it_is_the_sender(server):
    put(server, "mine", auth="app")
    put(server, "tried", auth="test")
    assert get(server, "mine")["app"] and get(server, "tried")["sandbox"]
    sent = server.post("/v1/schedules/mine/run", auth="app")
    assert server.notification(sent["id"])["app"] == get(server, "mine")["app"]
    assert server.notification(server.post("/v1/schedules/tried/run", auth="test")["id"])["sandbox"]
    put(server, "ours")
    assert server.notification(server.post("/v1/schedules/ours/run")["id"])["app"] is None
    # Each sees their own; whoever manages sees all.
    assert [s["key"] for s in server.all("/v1/schedules", auth="app")] == ["mine"]
    assert [s["key"] for s in server.all("/v1/schedules")] == ["mine", "ours", "tried"]
    assert server.api("GET", "/v1/schedules/ours", auth="app").status == 404
    assert server.api("PUT", "/v1/schedules/ours", {"cron": "@daily", "notification": MAIL}, auth="app").status == 409
    assert server.api("DELETE", "/v1/schedules/mine", auth="test").status == 404


def test_a_disabled_app_sends_nothing_more(server):
    at = put(server, auth="app")["next_run"]
    name = get(server)["app"]
    server.patch(f"/v1/apps/{name}", {"disabled": True})
    go_to(server, time_of(at))
    wait_error(server, "app_disabled")
    assert runs(server) == []


def test_it_can_be_switched_off_and_changed(server):
    at = time_of(put(server)["next_run"])
    off = server.patch("/v1/schedules/hourly", {"enabled": False})
    assert off["next_run"] is None and off["notification"] == MAIL
    go_to(server, at, after_s=7200)
    on = server.patch("/v1/schedules/hourly", {"enabled": True, "cron": "30 * * * *"})
    assert time_of(on["next_run"]) > at + datetime.timedelta(hours=2), "what passed while it was off is not made up for"
    # What GET answers can be put back.
    assert server.put("/v1/schedules/hourly", on)["next_run"] == on["next_run"]
    go_to(server, time_of(on["next_run"]))
    wait_run(server, on["next_run"])
    server.delete("/v1/schedules/hourly")
    assert server.api("GET", "/v1/schedules/hourly").status == 404
    assert put(server)["last_run"] is None, "a new one knows nothing of the old one's runs"


def test_runs_are_no_changes_in_the_audit(server):
    at = put(server)["next_run"]
    go_to(server, time_of(at))
    wait_run(server, at)
    assert [a["action"] for a in server.all("/v1/audit") if a["object"] == "hourly"] == ["schedule.create"]


def test_running_it_now_leaves_its_times_alone(server):
    before = put(server)
    sent = server.post("/v1/schedules/hourly/run")
    server.wait_final(sent["id"])
    seen = get(server)
    assert seen["last_notification"] == sent["id"] and seen["next_run"] == before["next_run"]
    assert server.post("/v1/schedules/hourly/run")["id"] != sent["id"]


def test_many_at_the_same_time_all_fire(server):
    keys = [f"s{n:03}" for n in range(150)]
    for key in keys:
        at = put(server, key)["next_run"]
    go_to(server, time_of(at), after_s=5)
    for key in keys:
        wait_run(server, at, key)


def test_the_command_line_does_all_of_it(server, tmp_path):
    cli = lambda *a, **more: server.cli("schedule", *a, "--json", **more).json  # noqa: E731
    made = cli("put", "weekly", "--cron", "0 9 * * mon", "--zone", "Asia/Seoul", "--email", "ok@sandbox.carillon.test",
               "--channel", "email", "--title", "A new week", "--body", "Good morning.")
    assert made["missed"] == "run_once" and made["notification"]["to"] == [{"email": "ok@sandbox.carillon.test"}]
    assert time_of(made["next_run"]).strftime("%a %H:%M") == "Mon 00:00"
    assert not cli("change", "weekly", "--disabled")["enabled"]
    assert [s["key"] for s in cli("list")["data"]] == ["weekly"]
    sent = cli("run", "weekly")
    assert server.wait_final(sent["id"])["outcome"] == "success"
    assert cli("get", "weekly")["last_notification"] == sent["id"]
    file = tmp_path / "schedule.json"
    file.write_text(json.dumps({"cron": "@daily", "missed": "skip", "notification": MAIL}))
    assert cli("put", "nightly", "--file", file)["time_zone"] == "UTC"
    assert "weekly" in server.cli("schedule", "list").out
    server.cli("schedule", "delete", "weekly")
    assert [s["key"] for s in cli("list")["data"]] == ["nightly"]
    assert "month" in server.cli("schedule", "put", "x", "--cron", "* * * foo *", "--email", "a@example.test",
                                 "--channel", "email", "--title", "t", "--body", "b", code=1).err


def test_a_stopped_server_takes_schedules_and_starts_with_them(make_server):
    server = make_server()
    server.stop()
    server.cli("schedule", "put", "hourly", "--cron", "0 * * * *", "--email", "ok@sandbox.carillon.test",
               "--channel", "email", "--title", "t", "--body", "b")
    server.start()
    at = get(server)["next_run"]
    go_to(server, time_of(at))
    wait_run(server, at)
