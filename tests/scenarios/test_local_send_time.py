"""Nine in the morning is another moment for everybody: a message for a local time goes by each recipient's clock."""
import datetime
import zoneinfo

import harness
from people import android, ios, only

UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)
ZONES = ["Pacific/Kiritimati", "Pacific/Auckland", "Pacific/Chatham", "Asia/Seoul", "Asia/Kathmandu", "Europe/London",
         "Europe/Berlin", "America/St_Johns", "America/New_York", "America/Los_Angeles", "Pacific/Honolulu",
         "Australia/Lord_Howe", "Africa/Casablanca", "Etc/GMT+12"]
MAIL = {"channels": ["email"], "title": "Good morning", "body": "It is nine."}


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def now_of(server):
    return time_of(server.advance("0s")["now"])


def go_to(server, time):
    gap = time + datetime.timedelta(seconds=1) - now_of(server)
    server.advance(f"{int(gap.total_seconds() * 1000)}ms")


def moment(local, zone):
    """The first moment at which a clock there shows that time, or, where it is skipped, something later."""
    zone = zoneinfo.ZoneInfo(zone)
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # In a gap: the change itself, by halving.
    low, high = first - 26 * HOUR, first + 26 * HOUR
    while high - low > datetime.timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(zone).replace(tzinfo=None) >= local else (middle, high)
    return high.replace(microsecond=0)


def people_of(server, zones=ZONES):
    for n, zone in enumerate(zones):
        server.put_user(f"u{n:02}", email=f"u{n:02}@example.test", time_zone=zone)
    return [{"user_id": f"u{n:02}"} for n in range(len(zones))]


def tomorrow_at(server, hour):
    now = now_of(server)
    return datetime.datetime(now.year, now.month, now.day, hour) + datetime.timedelta(days=2)


def at(local, **more):
    return {"local": local.strftime("%Y-%m-%dT%H:%M"), "zone": "recipient", **more}


def test_each_gets_it_when_their_clock_says_so(connected, simulator):
    local = tomorrow_at(connected, 9)
    sent = connected.send(to=people_of(connected), send_at=at(local), **MAIL)
    assert sent["status"] == "scheduled" and sent["deliveries"] is None
    first = local.replace(tzinfo=UTC) - 14 * HOUR
    assert time_of(connected.notification(sent["id"])["send_at"]) == first
    go_to(connected, first)
    due = {f"u{n:02}": moment(local, zone) for n, zone in enumerate(ZONES)}
    connected.wait_deliveries(sent["id"], "held", "sent")
    for d in connected.deliveries(sent["id"]):
        if due[d["user_id"]] == first:
            continue  # in Kiritimati it is nine already
        assert d["status"] == "held" and d["reason"] == "local_time", d
        assert time_of(d["due_at"]) == due[d["user_id"]], d
    for when in sorted(set(due.values())):
        if when > first:
            go_to(connected, when)
        gone = {u for u, d in due.items() if d <= when}
        harness.wait_until(lambda: {d["user_id"] for d in connected.deliveries(sent["id"])
                                    if d["status"] == "sent"} == gone, lambda: (when, connected.deliveries(sent["id"])))
    assert connected.wait_final(sent["id"])["outcome"] == "success"
    assert simulator.counts()["smtp"]["accepted"] == len(ZONES)


def test_the_moments_are_those_of_the_tz_database(server):
    """Through the dry run, over both changes of summer time, in every zone."""
    zones = sorted(z for z in zoneinfo.available_timezones() if "/" in z and not z.startswith(("posix", "right")))
    server.put("/v1/settings", {"time_zone": "UTC"})
    now = now_of(server)
    days = 0
    for start in range(0, len(zones), 300):
        part = zones[start:start + 300]
        to = people_of(server, part)
        for ahead in range(0, 88, 11 if start else 4):
            local = datetime.datetime(now.year, now.month, now.day) + datetime.timedelta(days=ahead + 1,
                                                                                        minutes=(ahead * 37) % 240)
            days += 1
            explained = server.post("/v1/notifications/explain", {"to": to, "send_at": at(local), **MAIL}, auth="app")
            for zone, e in zip(part, explained["data"]):
                found = only(c for c in e["checks"] if c["check"] == "local_time")
                assert found["source"] == "user"
                want = max(moment(local, zone), now)
                # What passes while this test runs is due at once.
                leeway_s = 1 if want > now + datetime.timedelta(minutes=2) else 120
                assert abs((time_of(found["at"]) - want).total_seconds()) < leeway_s, (zone, local)
    assert days > 20


def test_the_device_knows_best_then_the_user_then_the_project(server):
    server.put("/v1/settings", {"time_zone": "Asia/Tokyo"})
    ios(server, "mina", time_zone="Europe/Berlin")
    server.put("/v1/users/mina/devices/tablet", {"platform": "android", "time_zone": "America/New_York",
                                                 "endpoints": [{"service": "fcm", "token": "test-ok"}]})
    android(server, "bo")
    local = tomorrow_at(server, 9)
    sent = server.send(to=[{"user_id": "mina"}, {"user_id": "bo"}], send_at=at(local), channels=["push"], title="x",
                       body="y")
    go_to(server, local.replace(tzinfo=UTC) - 14 * HOUR)
    due = {d["device_id"]: time_of(d["due_at"]) for d in server.wait_deliveries(sent["id"], "held")}
    assert due == {"mina-iphone": moment(local, "Europe/Berlin"), "tablet": moment(local, "America/New_York"),
                   "bo-android": moment(local, "Asia/Tokyo")}


def test_a_raw_address_lives_by_the_projects_clock(server):
    server.put("/v1/settings", {"time_zone": "Asia/Seoul"})
    local = tomorrow_at(server, 9)
    sent = server.send(to=[{"email": "ann@example.test"}], send_at=at(local), **MAIL)
    go_to(server, local.replace(tzinfo=UTC) - 14 * HOUR)
    held = only(server.wait_deliveries(sent["id"], "held"))
    assert time_of(held["due_at"]) == moment(local, "Asia/Seoul")


def test_what_has_passed_goes_now_or_tomorrow_or_never(server):
    server.put_user("mina", email="mina@example.test", time_zone="Asia/Seoul")
    seoul = zoneinfo.ZoneInfo("Asia/Seoul")
    local = (now_of(server).astimezone(seoul) - HOUR).replace(tzinfo=None, second=0, microsecond=0)

    def send(**more):
        return server.send(to=[{"user_id": "mina"}], send_at=at(local, **more), **MAIL)["id"]

    assert only(server.wait_final(send())["deliveries"])["status"] == "sent"
    assert only(server.wait_final(send(if_past="now"))["deliveries"])["status"] == "sent"
    skipped = only(server.wait_final(send(if_past="skip"))["deliveries"])
    assert skipped["status"] == "suppressed" and skipped["reason"] == "local_time"
    tomorrow = send(if_past="next_day")
    held = only(server.wait_deliveries(tomorrow, "held"))
    assert time_of(held["due_at"]) == moment(local + datetime.timedelta(days=1), "Asia/Seoul")
    go_to(server, time_of(held["due_at"]))
    assert only(server.wait_final(tomorrow)["deliveries"])["status"] == "sent"


def test_who_moves_meanwhile_gets_it_by_the_new_clock(server):
    server.put_user("mina", email="mina@example.test", time_zone="Asia/Seoul")
    local = tomorrow_at(server, 9)
    sent = server.send(to=[{"user_id": "mina"}], send_at=at(local), ttl="1h", **MAIL)
    go_to(server, local.replace(tzinfo=UTC) - 14 * HOUR)
    server.wait_deliveries(sent["id"], "held")
    server.put_user("mina", email="mina@example.test", time_zone="America/New_York")
    go_to(server, moment(local, "Asia/Seoul"))
    new = moment(local, "America/New_York")
    harness.wait_until(lambda: time_of(only(server.deliveries(sent["id"]))["due_at"] or "1970-01-01T00:00:00Z") == new,
                       lambda: server.deliveries(sent["id"]))
    held = only(server.deliveries(sent["id"]))
    assert held["reason"] == "local_time" and time_of(held["expires_at"]) == new + HOUR, "its ttl begins with its time"
    go_to(server, new)
    assert only(server.wait_final(sent["id"])["deliveries"])["status"] == "sent"


def test_a_zone_can_be_named(server):
    local = tomorrow_at(server, 9)
    sent = server.send(to=people_of(server, ["Asia/Seoul", "America/New_York"]),
                       send_at={**at(local), "zone": "Europe/Berlin"}, **MAIL)
    when = moment(local, "Europe/Berlin")
    assert time_of(server.notification(sent["id"])["send_at"]) == when
    go_to(server, when)
    assert {d["status"] for d in server.wait_final(sent["id"])["deliveries"]} == {"sent"}


def test_it_waits_through_a_crash_and_can_be_cancelled(make_server):
    server = make_server()
    local = tomorrow_at(server, 9)
    first = local.replace(tzinfo=UTC) - 14 * HOUR
    ids = [server.send(to=people_of(server, ["Asia/Seoul"]), send_at=at(local), **MAIL)["id"] for _ in range(2)]
    go_to(server, first)
    for sent in ids:
        server.wait_deliveries(sent, "held")
    server.restart(kill=True)
    server.post(f"/v1/notifications/{ids[1]}/cancel")
    go_to(server, moment(local, "Asia/Seoul"))
    assert only(server.wait_final(ids[0])["deliveries"])["status"] == "sent"
    assert only(server.wait_final(ids[1])["deliveries"])["status"] == "cancelled"


def test_a_local_time_needs_a_zone(server):
    def refused(send_at):
        answer = server.api("POST", "/v1/notifications", {"to": [{"email": "a@example.test"}], "send_at": send_at,
                                                          **MAIL}, auth="app")
        return answer.status, answer.pointers, answer.body["code"]

    assert refused({"local": "2026-12-01T09:00"}) == (422, ["/send_at/zone"], "required")
    assert refused({"local": "2026-12-01T09:00", "zone": "Mars/Olympus"}) == (
        422, ["/send_at/zone"], "invalid_time_zone")
    assert refused("2026-12-01T09:00") == (422, ["/send_at"], "invalid_send_at")
    assert refused({"zone": "recipient"}) == (422, ["/send_at/local"], "required")
    assert refused({"local": "2026-12-01T09:00", "zone": "recipient", "if_past": "never"}) == (
        422, ["/send_at/if_past"], "invalid_choice")


def test_the_command_line_takes_a_local_time(server):
    local = tomorrow_at(server, 9)
    sent = server.cli("send", "--email", "ok@sandbox.carillon.test", "--channel", "email", "--title", "t", "--body",
                      "b", "--send-at", local.strftime("%Y-%m-%dT%H:%M"), "--zone", "recipient", "--json").json
    assert sent["status"] == "scheduled"
