"""One send to many: groups are named in `to`, overlap without repeats, and survive whatever happens meanwhile."""
import contextlib
import datetime
import functools
import sqlite3

import harness
from people import die_at, ios, mail, only

NEWS = {"channels": ["email"], "title": "News", "body": "Hello"}


def people(server, count, prefix="u"):
    """Users with an e-mail address each; their ids, ascending."""
    ids = [f"{prefix}{i:05}" for i in range(count)]
    for user in ids:
        server.put_user(user, email=f"{user}@example.test")
    return ids


def group(server, key, ids):
    server.put(f"/v1/groups/{key}", {"name": key})
    for at in range(0, len(ids), 10_000):
        server.post(f"/v1/groups/{key}/members", {"user_ids": ids[at:at + 10_000]})


def recipients(server, notification):
    return [d["user_id"] for d in server.deliveries(notification)]


def test_a_small_group_is_reached_at_once_and_nobody_twice(connected, simulator):
    people(connected, 4)
    group(connected, "a", ["u00000", "u00001", "u00002"])
    group(connected, "b", ["u00002", "u00003"])
    answer = connected.send(to=[{"group": "a"}, {"user_id": "u00001"}, {"group": "b"}], **NEWS)
    assert answer["recipients"] == {"total": 4, "reached": 4, "suppressed": 0}
    done = connected.wait_final(answer["id"])
    assert sorted(d["user_id"] for d in done["deliveries"]) == ["u00000", "u00001", "u00002", "u00003"]
    assert simulator.counts()["smtp"]["accepted"] == 4


def test_params_of_an_entry_reach_the_members_of_its_group(connected, simulator):
    ios(connected, "mina")
    group(connected, "a", ["mina"])
    connected.put("/v1/templates/hi?publish=true", {
        "default_locale": "en", "params": [{"name": "word", "type": "string", "required": True}],
        "content": {"en": {"title": "{{word}}", "body": "{{word}}!"}}})
    answer = connected.send(to=[{"group": "a", "params": {"word": "hello"}}], channels=["push"], template="hi")
    connected.wait_final(answer["id"])
    assert "hello!" in only(simulator.messages("apns"))["content"]


def test_a_large_group_is_expanded_with_exact_counts_while_it_goes(connected, simulator):
    ids = people(connected, 700)
    group(connected, "all", ids[:600])
    group(connected, "late", ids[400:])
    connected.patch(f"/v1/users/{ids[5]}/preferences",
                    {"preferences": [{"channel": "email", "category": "*", "opt_in": False}]})
    connected.post("/v1/groups/late/members", {"user_ids": ["nobody"]})
    answer = connected.send(to=[{"group": "all"}, {"group": "late"}, {"email": f"{ids[7]}@example.test"}], **NEWS)
    assert answer["status"] == "expanding" and answer["deliveries"] is None
    assert {w["code"] for w in answer["warnings"]} == {"priority_lowered"}
    done = connected.wait_final(answer["id"])
    assert done["counts_complete"]
    # One opted out, one is not registered, one was written to by address.
    assert done["counts"] == {"sent": 699, "suppressed": 3}
    reached = recipients(connected, answer["id"])
    assert len(reached) == 702 and len(set(reached)) == 702
    connected.wait_idle()
    assert simulator.counts()["smtp"]["accepted"] == 699


def test_who_left_since_is_seen_and_who_came_is_not_in_it(connected):
    ids = people(connected, 3)
    group(connected, "a", ids[:2])
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()
    sent = connected.send(to=[{"group": "a"}], send_at=later, **NEWS)
    connected.api("DELETE", "/v1/groups/a/members", {"user_ids": [ids[0]]})
    connected.post("/v1/groups/a/members", {"user_ids": [ids[2]]})
    connected.advance("2h")
    done = connected.wait_final(sent["id"])
    seen = {d["user_id"]: (d["status"], d["reason"]) for d in done["deliveries"]}
    assert seen == {ids[0]: ("suppressed", "left_group"), ids[1]: ("sent", None)}


def test_kill_9_in_the_middle_of_an_expansion_loses_and_repeats_nobody(connected, simulator):
    ids = people(connected, 1_200)
    group(connected, "all", ids)
    for place in ("expand.before_chunk", "expand.after_chunk", "deliver.before_journal"):
        event = f"news-{place}"
        body = {"event_id": event, "to": [{"group": "all"}], **NEWS}
        die_at(connected, place, functools.partial(connected.api, "POST", "/v1/notifications", body, auth="app"), 2)
        connected.start()
        found = connected.get(f"/v1/notifications?event_id={event}")["data"]
        if not found:  # died before the commit that would have accepted it: it was not answered either
            continue
        done = connected.wait_final(only(found)["id"])
        assert sum(done["counts"].values()) == len(ids), (place, done["counts"])
        assert sorted(recipients(connected, done["id"])) == ids
        assert connected.accountability()["exact"]


def test_how_far_a_large_send_is_can_be_seen(connected):
    ids = people(connected, 600)
    group(connected, "all", ids)
    group(connected, "some", ids[:10])
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()
    sent = connected.send(to=[{"group": "all"}, {"group": "some"}], send_at=later, **NEWS)["id"]
    waiting = {"state": "waiting", "recipients": {"expanded": 0, "estimated": 610},
               "deliveries": {"total": 0, "ended": 0}}
    assert connected.notification(sent)["progress"] == waiting
    connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    connected.advance("2h")
    harness.wait_until(lambda: connected.notification(sent)["progress"]["state"] == "sending", "expanded")
    assert connected.notification(sent)["progress"] == {
        "state": "sending", "recipients": {"expanded": 600, "estimated": 610}, "deliveries": {"total": 600, "ended": 0}}
    assert f"Sending [{'.' * 24}]   0 %  0 of 600" in connected.cli("status", sent).out
    connected.delete(f"/v1/pauses/{only(connected.get('/v1/pauses')['data'])['id']}")
    progress = connected.wait_final(sent)["progress"]
    assert progress["state"] == "done" and progress["deliveries"] == {"total": 600, "ended": 600}
    small = connected.send(to=[{"group": "some"}], **NEWS)["id"]
    assert connected.wait_final(small)["progress"] == {"state": "done", "recipients": None,
                                                       "deliveries": {"total": 10, "ended": 10}}


def test_a_terminal_shows_a_bar_until_the_end(connected):
    group(connected, "all", people(connected, 300))
    done = harness.run_on_terminal("send", "--group", "all", "--channel", "email", "--title", "x", "--body", "y",
                                   "--wait", "--data", connected.data)
    assert done.code == 0, done
    assert "%" in done.err and " of 300" in done.err and done.err.endswith("\r\x1b[K"), repr(done.err)
    assert done.out.endswith("completed: success\nDeliveries: 300 sent\n")


def test_a_dry_run_of_a_large_group_shows_the_first_and_says_how_many_there_are(connected):
    ids = people(connected, 300)
    group(connected, "all", ids)
    group(connected, "few", ids[:3])
    ask = functools.partial(connected.post, "/v1/notifications/explain", auth="app")
    few = ask({"to": [{"group": "few"}, {"user_id": ids[0]}], **NEWS})
    assert few["audience"] == {"total": 3, "shown": 3, "complete": True}
    large = ask({"to": [{"group": "all"}, {"email": "x@example.test"}], **NEWS})
    assert large["audience"] == {"total": 301, "shown": 201, "complete": False}
    assert len(large["data"]) == 201 and sum("u00" in e["recipient"] for e in large["data"]) == 200
    shown = connected.cli("send", "--group", "all", "--channel", "email", "--title", "x", "--body", "y", "--dry-run")
    assert shown.out.endswith("These are 200 of 300 recipients.\n")
    assert connected.get("/v1/notifications")["data"] == []


def test_groups_people_and_addresses_in_one_send(server):
    """What says no, waits, repeats or is unknown, small and large: the same decision for everybody."""
    ids = people(server, 300)
    group(server, "few", [*ids[:4], "ghost"])
    group(server, "all", [*ids, "ghost"])
    group(server, "half", ids[100:250])
    server.put("/v1/categories/quiet", {"channels": ["email"], "quiet_hours": "defer"})
    server.post("/v1/suppressions", {"channel": "email", "address": "U00001@example.test"})
    server.patch(f"/v1/users/{ids[2]}/preferences",
                 {"preferences": [{"channel": "email", "category": "*", "opt_in": False}]})
    now, hour = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(hours=1)
    server.patch(f"/v1/users/{ids[3]}/preferences",
                 {"quiet_hours": {"from": f"{now - hour:%H:%M}", "to": f"{now + hour:%H:%M}"}})
    both = [{"user_id": ids[0]}, {"user_id": ids[2]},
            {"email": "u00001@example.test"}, {"email": "u00005@example.test"}]
    wanted = {ids[0]: ("sent", None), ids[1]: ("suppressed", "duplicate_recipient"),
              ids[2]: ("suppressed", "opted_out"), ids[3]: ("held", "quiet_hours"),
              "ghost": ("suppressed", "unknown_user")}
    for groups, reached in ((["few"], 5), (["all", "half"], 301)):
        sent = server.send(to=[{"group": g} for g in groups] + both, category="quiet", title="x", body="y")
        harness.wait_until(lambda: server.notification(sent["id"])["progress"]["deliveries"]["ended"] == reached + 1,
                           lambda: server.notification(sent["id"]))
        rows = [(d["user_id"], (d["status"], d["reason"])) for d in server.deliveries(sent["id"])]
        assert len(rows) == reached + 2 and {user: what for user, what in rows if user in wanted} == wanted
        raw = sorted(what for user, what in rows if user is None)
        assert raw == [("sent", None), ("suppressed", "address_suppressed")]
        assert (ids[5], ("suppressed", "duplicate_recipient")) in rows or groups == ["few"]
        assert only(n["deliveries_total"] for n in server.get("/v1/notifications?limit=1")["data"]) == reached + 2
        to = [m["to"] for m in server.sandbox_messages() if m["notification_id"] == sent["id"]]
        assert len(to) == len(set(to))


def test_two_who_share_a_mailbox_each_get_their_own(connected, simulator):
    """A family has one address; what is said to each of them is not the same."""
    connected.put("/v1/templates/visit?publish=true", {
        "params": [{"name": "who", "required": True}], "content": {"en": {"title": "{{who}}", "body": "At nine."}}})
    for user in ("ann", "ben"):
        connected.put_user(user, email="home@example.test", phone_number="+821012345678")
    to = [{"user_id": "ann", "params": {"who": "Ann"}}, {"user_id": "ben", "params": {"who": "Ben"}},
          {"user_id": "ann", "params": {"who": "again"}}, {"email": "Home@example.test", "params": {"who": "again"}}]
    answer = connected.send(to=to, channels=["email"], template="visit")
    assert answer["recipients"]["reached"] == 2
    assert [d["reason"] for d in connected.wait_final(answer["id"])["deliveries"]] == [
        None, None, "duplicate_recipient", "duplicate_recipient"]
    assert sorted(mail(message)["Subject"] for message in simulator.messages("smtp", 10)) == ["Ann", "Ben"]


def test_a_send_that_cannot_be_expanded_does_not_fill_the_log(server):
    group(server, "all", people(server, 2))
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()
    sent = server.send(to=[{"group": "all"}], send_at=soon, **NEWS)
    server.stop()
    with contextlib.closing(sqlite3.connect(server.data / "carillon.db")) as db:
        db.executescript("CREATE TRIGGER no BEFORE INSERT ON chunk BEGIN SELECT RAISE(ABORT, 'a newer schema'); END")
    server.start()
    server.advance("2h")
    server.wait_for_log("cannot be expanded now")
    for _ in range(30):  # each looks for work anew
        server.advance("1s")
    assert server.log_text().count("cannot be expanded now") <= 3
    server.stop()
    with contextlib.closing(sqlite3.connect(server.data / "carillon.db")) as db:
        db.executescript("DROP TRIGGER no")
    server.start()
    server.advance("2h")
    assert server.wait_final(sent["id"])["counts"] == {"sent": 2}


def test_cancel_stops_an_expansion(connected):
    ids = people(connected, 600)
    group(connected, "all", ids)
    connected.post("/v1/pauses", {"scope": {"channel": "email"}, "reason": "test"})
    sent = connected.send(to=[{"group": "all"}], **NEWS)
    connected.post(f"/v1/notifications/{sent['id']}/cancel")
    done = connected.wait_final(sent["id"])
    assert done["status"] == "cancelled"
    harness.wait_until(lambda: set(connected.notification(sent["id"])["counts"]) <= {"cancelled"},
                       lambda: connected.notification(sent["id"])["counts"])


def test_a_name_nobody_gave_is_refused_with_its_place(connected):
    people(connected, 1)
    body = {"to": [{"user_id": "u00000"}, {"group": "nope"}], **NEWS}
    answer = connected.api("POST", "/v1/notifications", body, auth="app")
    assert answer.status == 422 and answer.pointers == ["/to/1/group"]
    assert answer.body["code"] == "unknown_group"
    assert connected.api("POST", "/v1/groups/nope/members", {"user_ids": ["a"]}).status == 404
    bad = connected.api("PUT", "/v1/groups/not%20a%20key", {})
    assert bad.status == 422 and bad.body["code"] == "invalid_key"
    group(connected, "a", ["x"])
    bad = connected.api("POST", "/v1/groups/a/members", {"user_ids": ["ok", "", True]})
    assert bad.pointers == ["/user_ids/1", "/user_ids/2"]
    assert connected.get("/v1/groups/a")["members"] == 1


def test_by_command_line(connected):
    assert connected.cli("group", "put", "beta", "--name", "Beta testers", "--json").json["name"] == "Beta testers"
    assert connected.cli("group", "add", "beta", "1", "2", "3", "--json").json == {"added": 3, "members": 3}
    assert connected.cli("group", "remove", "beta", "2", "--json").json == {"removed": 1, "members": 2}
    assert [m["user_id"] for m in connected.cli("group", "members", "beta", "--json").json["data"]] == ["1", "3"]
    assert only(connected.cli("group", "list", "--json").json["data"])["key"] == "beta"
    connected.cli("group", "delete", "beta")
    assert connected.get("/v1/groups")["data"] == []
