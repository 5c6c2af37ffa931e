"""A service repeats itself, as services do after a time-out: its users are told once."""
import concurrent.futures

from people import only

MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "Hello", "body": "The bells ring."}


def test_the_same_event_again_is_the_first_notification(connected, simulator):
    first = connected.api("POST", "/v1/notifications", {"event_id": "order-17", **MAIL}, auth="app")
    again = connected.api("POST", "/v1/notifications", {**MAIL, "event_id": "order-17"}, auth="app")
    assert (first.status, again.status) == (202, 200)
    assert again.body["id"] == first.body["id"]
    assert again.body["duplicate"] and not first.body["duplicate"]
    assert again.body["dedup_until"]
    connected.wait_final(first.body["id"])
    assert simulator.counts()["smtp"]["accepted"] == 1


def test_an_idempotency_key_is_an_event_id(connected):
    headers = {"Idempotency-Key": "order-18"}
    first = connected.api("POST", "/v1/notifications", MAIL, auth="app", headers=headers)
    again = connected.api("POST", "/v1/notifications", MAIL, auth="app", headers=headers)
    assert (first.status, again.status) == (202, 200) and again.body["id"] == first.body["id"]
    assert connected.notification(first.body["id"])["event_id"] == "order-18"


def test_a_repeat_is_told_what_became_of_the_first(connected):
    sent = connected.send(event_id="order-19", **MAIL)
    connected.wait_final(sent["id"])
    assert connected.send(event_id="order-19", **MAIL)["status"] == "completed"
    draft = {"event_id": "order-20", "draft": True, **MAIL}
    first = connected.send(**draft)
    connected.post(f"/v1/notifications/{first['id']}/cancel", auth="app")
    again = connected.send(**draft)
    assert (again["id"], again["status"], again["duplicate"]) == (first["id"], "cancelled", True)
    both = [{"event_id": "order-19", **MAIL}, {"event_id": "order-21", **MAIL}, {"event_id": "order-21", **MAIL}]
    results = connected.post("/v1/notifications/batch", {"notifications": both}, auth="app")["results"]
    assert [r["status"] for r in results] == ["duplicate", "accepted", "duplicate"]


def test_an_event_id_is_the_same_in_the_body_and_as_an_idempotency_key(connected):
    first = connected.send(event_id="order-22", **MAIL)
    again = connected.api("POST", "/v1/notifications", MAIL, auth="app", headers={"Idempotency-Key": "order-22"})
    assert again.status == 200 and again.body["id"] == first["id"]
    other = connected.api("POST", "/v1/notifications", {**MAIL, "title": "Bye"}, auth="app",
                          headers={"Idempotency-Key": "order-22"})
    assert other.status == 422 and other.pointers == ["/title"]


def test_an_event_id_with_another_body_is_refused_and_names_the_difference(connected):
    connected.send(event_id="order-17", **MAIL)
    problem = connected.api("POST", "/v1/notifications", {**MAIL, "event_id": "order-17", "title": "Bye"}, auth="app")
    assert problem.status == 422 and problem.body["code"] == "event_id_reused"
    assert problem.pointers == ["/title"]


def test_many_at_the_same_moment_are_one(connected, simulator):
    def send(_):
        return connected.api("POST", "/v1/notifications", {"event_id": "rush", **MAIL}, auth="app")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(64)))
    assert {a.status for a in answers} == {200, 202}
    assert only(a for a in answers if a.status == 202)
    assert len({a.body["id"] for a in answers}) == 1
    connected.wait_final(answers[0].body["id"])
    assert simulator.counts()["smtp"]["accepted"] == 1


def test_apps_and_test_keys_have_event_ids_of_their_own(connected):
    other = connected.post("/v1/apps", {"name": "other"})
    ids = {connected.send(event_id="order-17", **MAIL)["id"],
           connected.send(event_id="order-17", auth=(other["app_key"], other["app_secret"]), **MAIL)["id"],
           connected.send(event_id="order-17", auth="test", **MAIL)["id"]}
    assert len(ids) == 3


def test_the_window_ends_and_survives_a_restart(make_server):
    server = make_server(settings={"dedup.window": "1h"})
    first = server.send(event_id="order-17", **MAIL)["id"]
    server.restart(kill=True)
    assert server.send(event_id="order-17", **MAIL)["id"] == first
    server.advance("2h")
    assert server.send(event_id="order-17", **MAIL)["id"] != first


def test_a_recipient_named_twice_gets_one(connected, simulator):
    connected.put_user("mina", email="mina@example.test")
    sent = connected.send(to=[{"user_id": "mina"}, {"email": "MINA@example.test"}, {"user_id": "mina"}],
                          channels=["email"], title="x", body="y")
    connected.wait_final(sent["id"])
    assert simulator.counts()["smtp"]["accepted"] == 1
