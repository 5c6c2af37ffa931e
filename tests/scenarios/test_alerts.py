"""Something is wrong with the sending itself: the developers hear of it once, and once more when it is over."""
import base64
import hashlib
import hmac
import contextlib
import http.server
import json
import sqlite3
import threading

import harness
import pytest
from people import OK_PHONE, die_at, mail, mail_part, only

KEY = b"a key of thirty-two bytes, always"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
MAIL = {"to": [{"email": "ann@example.test"}], "channels": ["email"], "title": "x", "body": "y"}
TO_CHAT = {"to": [{"address": {"channel": "chat", "service": "slack", "address": "C1"}}], "channels": ["chat"],
           "body": "x"}
# It looks ten times a second, and this machine's disk is as it is.
SETTINGS = {"alerts.private_addresses": "true", "alerts.disk_free": "0", "pipeline.refill_interval": "100ms"}


class Receiver:
    """Takes webhooks and keeps them; answers `status`."""

    def __init__(self):
        self.got = []  # (headers in lower case, raw body)
        self.status = 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, raw))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def bodies(self):
        return [json.loads(raw) for _, raw in self.got]

    def types(self):
        return [body["type"] for body in self.bodies()]

    def wait(self, count):
        harness.wait_until(lambda: len(self.got) >= count, lambda: f"not {count} messages: {self.types()}")
        assert len(self.got) == count, self.types()
        return self.bodies()[-1]

    def end(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.end()


def watch(server, receiver):
    server.patch("/v1/settings", {"alerts": {"webhook": {"url": receiver.url, "secret": SECRET}}})
    return server


@pytest.fixture
def watched(make_server, simulator, receiver):
    """A server with the simulator's accounts, whose alerts go to `receiver`."""
    return watch(harness.connect(make_server(SETTINGS), simulator), receiver)


def alerts(server, query=""):
    return server.all(f"/v1/alerts{query}")


def wait_alert(server, **wanted):
    """The newest alert, once it is like this."""
    seen = {}

    def look():
        seen["all"] = alerts(server)
        return seen["all"] and all(seen["all"][0][k] == v for k, v in wanted.items())
    harness.wait_until(look, lambda: f"no alert is {wanted}: {seen}")
    return server.get(f"/v1/alerts/{seen['all'][0]['id']}")


def wait_mails(simulator, count):
    accepted = lambda: simulator.counts()["smtp"]["accepted"]  # noqa: E731
    harness.wait_until(lambda: accepted() == count, lambda: f"{accepted()} mails instead of {count}")


def wait_told(server, alert_id, count):
    """The notices of an alert, once there are so many and all are told."""
    def look():
        notices = server.get(f"/v1/alerts/{alert_id}")["notices"]
        return notices if [n["state"] for n in notices] == ["told"] * count else None
    return harness.wait_until(look, lambda: server.get(f"/v1/alerts/{alert_id}"))


def let_it_look(server, times=5):
    """Lets the server look for alerts a few times more."""
    def looks():
        return server.metric("carillon_alert_looks_total")
    start = looks()
    harness.wait_until(lambda: looks() >= start + times, lambda: f"it looked {looks() - start} times")


def lock_out(server, simulator, key="smtp"):
    """As if the vendor's password had changed since it was tested."""
    body = harness.integrations(simulator)[key]
    body["settings"]["password"] = "wrong"
    server.put(f"/v1/integrations/{key}?test=false", body)
    sent = server.send(**MAIL)
    server.wait_deliveries(sent["id"], "held")


def test_events_that_a_rule_cannot_send_are_told_once(watched, receiver):
    watched.put("/v1/rules/orders", {"when": {"type": "order"}, "send": {
        "to": [{"user_id": {"from": "data.user"}}], "channels": ["email"], "title": "x", "body": "y"}})

    def post(number, auth="app"):
        event = {"specversion": "1.0", "id": str(number), "source": "/shop", "type": "order",
                 "data": {"user": "nobody"}}
        assert only(watched.post("/v1/events", event, auth=auth)["matched"])["status"] == "refused"
    post(0, auth="test")
    let_it_look(watched)
    assert alerts(watched) == []
    post(1)
    alert = wait_alert(watched, kind="retries_exhausted", subject="rule orders", state="open", count=1)
    assert alert["title"] == "Events of the rule orders cannot be sent" and "nobody" not in alert["detail"]
    post(2)
    post(2)
    wait_alert(watched, count=2)
    let_it_look(watched)
    assert receiver.wait(1)["data"]["alert"]["id"] == alert["id"]
    watched.advance("2h")
    wait_alert(watched, state="resolved")
    assert receiver.wait(2)["type"] == "alert.resolved"


def test_deliveries_are_counted_again_each_night(watched):
    watched.wait_final(watched.send(**MAIL)["id"])
    first = watched.accountability()
    assert first["recounted_at"] is None and first["difference"] is None

    def recount():
        before = watched.accountability()["recounted_at"]
        watched.advance("24h")
        harness.wait_until(lambda: watched.accountability()["recounted_at"] != before, "no recount")
        return watched.accountability()

    def count_on(n):
        watched.stop()
        with contextlib.closing(sqlite3.connect(watched.data / "carillon.db")) as store, store:
            store.execute("UPDATE counter SET n = n + ? WHERE status IN (-1, 4)", (n,))
        watched.start()

    assert recount()["difference"] == 0
    let_it_look(watched)
    assert alerts(watched) == []
    count_on(3)
    assert watched.accountability()["difference"] == 0  # as it was then
    seen = recount()
    assert seen["exact"] and seen["difference"] == 6  # three accepted and three sent that nobody knows
    alert = wait_alert(watched, kind="accountability", subject="recount", state="open")
    assert "off by 6" in alert["detail"]
    found = watched.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{watched.port}", code=1).json["checks"]
    assert [c["result"] for c in found if c["check"] == "accountability, recount"] == ["FAIL"]
    count_on(-3)
    let_it_look(watched)
    assert wait_alert(watched, subject="recount")["state"] == "open"
    assert recount()["difference"] == 0
    wait_alert(watched, subject="recount", state="resolved")


def test_a_wrong_password_is_told_once_and_so_is_its_end(watched, simulator, receiver):
    lock_out(watched, simulator)
    alert = wait_alert(watched, kind="integration_paused", state="open")
    assert alert["subject"] == "smtp" and alert["advice"] and alert["detail"]
    told = receiver.wait(1)
    assert told["type"] == "alert.opened" and told["data"]["project"] == "default"
    assert told["data"]["alert"]["id"] == alert["id"] and told["data"]["alert"]["state"] == "open"
    watched.send(**MAIL)
    let_it_look(watched)
    watched.restart()
    let_it_look(watched)
    assert receiver.types() == ["alert.opened"]
    watched.put("/v1/integrations/smtp", harness.integrations(simulator)["smtp"])
    alert = wait_alert(watched, state="resolved")
    told = receiver.wait(2)
    assert told["type"] == "alert.resolved" and told["data"]["alert"]["id"] == alert["id"]
    wait_told(watched, alert["id"], 2)  # killed before it has noted that, it would tell it once more
    watched.restart(kill=True)
    let_it_look(watched)
    assert receiver.types() == ["alert.opened", "alert.resolved"]
    assert len(alerts(watched)) == 1
    notices = watched.get(f"/v1/alerts/{alert['id']}")["notices"]
    assert [(n["event"], n["state"]) for n in notices] == [("opened", "told"), ("resolved", "told")]


def test_the_webhook_can_be_verified(watched, simulator, receiver):
    lock_out(watched, simulator)
    receiver.wait(1)
    headers, raw = only(receiver.got)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    wanted = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == wanted
    assert SECRET not in watched.api("GET", "/v1/settings").text
    watched.patch("/v1/settings", {"alerts": {"webhook": {"url": receiver.url, "secret": {"set": True}}}})
    assert watched.post("/v1/alerts/test")["ok"] is True, "the secret was not kept"


def test_a_webhook_that_is_down_is_told_later_under_the_same_id(watched, simulator, receiver):
    receiver.status = 503
    lock_out(watched, simulator)
    receiver.wait(1)
    alert = wait_alert(watched, state="open")
    harness.wait_until(lambda: watched.get(f"/v1/alerts/{alert['id']}")["notices"][0]["error"], "no error is shown")
    receiver.status = 204
    watched.restart()
    watched.advance("10s")

    def told():
        notice = only(watched.get(f"/v1/alerts/{alert['id']}")["notices"])
        return notice if notice["state"] == "told" else None
    notice = harness.wait_until(told, "it is not told")
    assert notice["tries"] == len(receiver.got) >= 2 and set(receiver.types()) == {"alert.opened"}
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {notice["message"]}


def test_a_flood_of_dead_letters_is_one_alert_with_a_count(watched, simulator, receiver):
    watched.put("/v1/categories/hasty", {"retry": ["1m"], "channels": ["email"]})
    simulator.faults(smtp={"rate_5xx": 1})
    rounds, size = 3, 15  # fewer at a time than open the breaker
    for n in range(rounds):
        sent = [watched.send(**{**MAIL, "category": "hasty", "to": [{"email": f"u{n}.{i}@example.test"}]})["id"]
                for i in range(size)]
        for status in ("retrying", "dead"):
            for notification in sent:
                watched.wait_deliveries(notification, status)
            watched.advance("2m")
    wait_alert(watched, kind="retries_exhausted", subject="email", count=rounds * size)
    let_it_look(watched)
    assert len(alerts(watched, "?kind=retries_exhausted")) == 1
    told = receiver.wait(1)
    assert told["type"] == "alert.opened" and told["data"]["alert"]["kind"] == "retries_exhausted"
    # What is given up on is sent again: the alert is over.
    simulator.faults()
    watched.post("/v1/dead-letters/replay", {"filter": {"channel": "email"}})
    wait_alert(watched, kind="retries_exhausted", state="resolved", count=rounds * size)
    assert receiver.wait(2)["type"] == "alert.resolved"


def test_a_channel_without_an_integration_is_told_until_there_is_one(make_server, simulator, receiver):
    server = watch(harness.connect(make_server(SETTINGS), simulator, "smtp"), receiver)
    sent = server.send(to=[{"phone": OK_PHONE}], channels=["sms"], sms={"body": "x"})
    assert only(server.wait_deliveries(sent["id"], "held"))["reason"] == "no_route"
    wait_alert(server, kind="no_route", subject="sms", state="open")
    receiver.wait(1)
    server.restart()
    let_it_look(server)
    assert receiver.types() == ["alert.opened"]
    harness.connect(server, simulator, "twilio")
    wait_alert(server, kind="no_route", state="resolved")
    assert receiver.wait(2)["type"] == "alert.resolved"
    server.wait_deliveries(sent["id"], "sent", "delivered")


def test_alerts_go_by_mail_through_carillon_itself(watched, simulator, receiver):
    watched.patch("/v1/settings", {"alerts": {"email": ["ops@example.test"]}})
    watched.post("/v1/integrations/twilio/pause")
    alert = wait_alert(watched, kind="integration_paused", subject="twilio")
    wait_mails(simulator, 1)
    told = only(simulator.messages("smtp", 5))
    assert told["recipient"] == "ops@example.test"
    assert mail(told)["subject"] == "[Carillon default] The integration 'twilio' is paused"
    assert "/resume" in mail_part(told, "plain") and alert["id"] in mail_part(told, "plain")
    watched.restart()
    let_it_look(watched)
    watched.post("/v1/integrations/twilio/resume")
    wait_alert(watched, state="resolved")
    wait_mails(simulator, 2)
    told = simulator.messages("smtp", 5)[0]
    assert mail(told)["subject"] == "[Carillon default] Resolved: The integration 'twilio' is paused"
    watched.restart(kill=True)
    let_it_look(watched)
    assert simulator.counts()["smtp"]["accepted"] == 2
    assert {n["target"] for n in watched.get(f"/v1/alerts/{alert['id']}")["notices"]} == {"email"}
    assert receiver.got == []


@pytest.mark.parametrize("place", ["alert.before_message", "alert.after_message"])
def test_a_message_that_a_crash_cut_off_is_a_repeat_of_itself(watched, receiver, place):
    watched.patch("/v1/settings", {"alerts": {"webhook": {"url": receiver.url, "secret": SECRET},
                                              "email": ["ops@example.test"]}})
    die_at(watched, place, lambda: watched.send(**TO_CHAT))
    watched.start()
    alert = wait_alert(watched, kind="no_route", subject="chat", state="open")
    notices = wait_told(watched, alert["id"], 2)
    let_it_look(watched)
    # The webhook knows the repeat by its id; the mail is one notification, whatever is repeated.
    assert len(receiver.got) in (1, 2) and set(receiver.types()) == {"alert.opened"}
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {
        n["message"] for n in notices if n["target"] == "webhook"}
    assert len(watched.all("/v1/notifications")) == 2, "the send, and one mail that tells of it"


def account_alerts(receiver):
    """What was told of accounts: each with its state, as often as it was told."""
    found = []
    for body in receiver.bodies():
        told = body["data"].get("alerts") or [body["data"]["alert"]]
        assert body["data"].get("more", 0) == 0
        found += [(alert["subject"], alert["state"]) for alert in told]
    return sorted(found)


@pytest.fixture
def many_accounts(watched, simulator):
    keys = [f"mail-{n}" for n in range(15)]
    for key in keys:
        watched.put(f"/v1/integrations/{key}?test=false", harness.integrations(simulator)["smtp"])
    return keys


def test_many_problems_at_once_are_one_message(watched, many_accounts, receiver):
    """They come while nobody looks, so that one look sees them all."""
    for verb, state in (("pause", "open"), ("resume", "resolved")):
        receiver.got.clear()
        watched.stop()
        for key in many_accounts:
            watched.cli("integration", verb, key)
        watched.start()
        harness.wait_until(lambda: len(account_alerts(receiver)) >= 15, lambda: f"not all are told: {receiver.types()}")
        let_it_look(watched)
        assert account_alerts(receiver) == sorted((key, state) for key in many_accounts), "each of them once"
        assert receiver.types() == ["alert.summary"]


def test_many_problems_after_one_another_are_ten_messages_a_minute(watched, many_accounts, receiver):
    for verb, state in (("pause", "open"), ("resume", "resolved")):
        receiver.got.clear()
        for key in many_accounts:
            watched.post(f"/v1/integrations/{key}/{verb}")
        harness.wait_until(lambda: len(alerts(watched, f"?state={state}")) == 15, "not all are seen")
        let_it_look(watched)
        assert len(receiver.got) <= 10, receiver.types()
        watched.advance("61s")
        harness.wait_until(lambda: len(account_alerts(receiver)) >= 15,
                           lambda: f"not all are told: {account_alerts(receiver)}")
        let_it_look(watched)
        assert account_alerts(receiver) == sorted((key, state) for key in many_accounts), "each of them once"
        watched.advance("61s")


def test_a_failure_that_repeats_is_told_until_it_stops(make_server, simulator, receiver):
    server = watch(harness.connect(make_server({**SETTINGS, "alerts.repeats": "5"}), simulator, "smtp"), receiver)
    simulator.faults(smtp={"rate_5xx": 1})
    sent = [server.send(**{**MAIL, "to": [{"email": f"u{n}@example.test"}]})["id"] for n in range(6)]
    for notification in sent:
        server.wait_deliveries(notification, "retrying")
    alert = wait_alert(server, kind="repeating_problem", state="open", count=6)
    assert alert["subject"] == "smtp 4.3.0" and "example.test" not in json.dumps(alert)
    assert receiver.wait(1)["data"]["alert"]["kind"] == "repeating_problem"
    simulator.faults()
    server.advance("2m")
    for notification in sent:
        server.wait_final(notification)
    let_it_look(server)
    assert receiver.types() == ["alert.opened"], "it may come back"
    server.advance("11m")
    wait_alert(server, kind="repeating_problem", state="resolved")
    assert receiver.wait(2)["type"] == "alert.resolved"


def test_a_queue_that_waits_too_long_is_told(make_server, simulator, receiver):
    server = watch(make_server({**SETTINGS, "pipeline.window": "16"}), receiver)
    body = harness.integrations(simulator)["smtp"]
    body["settings"]["max_in_flight"] = 1
    server.put("/v1/integrations/smtp", body)
    simulator.faults(smtp={"latency_ms": 200})
    sent = [server.send(**{**MAIL, "to": [{"email": f"u{n}@example.test"}]})["id"] for n in range(60)]
    server.advance("14m")
    let_it_look(server)
    assert alerts(server) == []
    server.advance("2m")
    alert = wait_alert(server, kind="oldest_age", subject="email/normal", state="open")
    assert "the limit is 15m" in alert["detail"]
    assert receiver.wait(1)["type"] == "alert.opened"
    simulator.faults()
    for notification in sent:
        server.wait_final(notification)
    wait_alert(server, kind="oldest_age", state="resolved")
    assert receiver.wait(2)["type"] == "alert.resolved"


def test_counts_that_do_not_add_up_are_told(watched, receiver):
    def miscount(by):
        watched.stop()
        with contextlib.closing(sqlite3.connect(watched.data / "carillon.db")) as db, db:
            assert db.execute("UPDATE counter SET n = n + ? WHERE status = -1", (by,)).rowcount == 1
        watched.start()
    watched.wait_final(watched.send(**MAIL)["id"])
    miscount(1)
    alert = wait_alert(watched, kind="accountability", state="open")
    assert "2 were accepted, the states sum up to 1" == alert["detail"]
    assert receiver.wait(1)["type"] == "alert.opened"
    miscount(-1)
    wait_alert(watched, kind="accountability", state="resolved")
    assert receiver.wait(2)["type"] == "alert.resolved"


def test_a_disk_that_runs_full_is_told(make_server, receiver):
    server = watch(make_server({**SETTINGS, "alerts.disk_free": "900TB"}), receiver)
    alert = wait_alert(server, kind="disk_low", state="open")
    assert "MiB are free" in alert["detail"]
    server.stop()
    server.settings["alerts.disk_free"] = "0"
    server.start()
    wait_alert(server, kind="disk_low", state="resolved")


def test_where_alerts_go_can_be_tried_out(watched, simulator, receiver):
    watched.patch("/v1/settings", {"alerts": {"webhook": {"url": receiver.url, "secret": SECRET},
                                              "email": ["ops@example.test"]}})
    report = watched.post("/v1/alerts/test")
    assert report["ok"] and report["webhook"]["ok"] and report["email"]["ok"]
    assert receiver.wait(1)["type"] == "alert.test"
    wait_mails(simulator, 1)
    receiver.status = 500
    report = watched.post("/v1/alerts/test")
    assert report["ok"] is False and "500" in report["webhook"]["detail"] and report["email"]["ok"]
    watched.patch("/v1/settings", {"alerts": None})
    assert watched.expect(409, "POST", "/v1/alerts/test")["code"] == "no_alert_target"


def test_a_webhook_does_not_reach_into_the_network_of_the_server(server, receiver):
    def put(url):
        return server.api("PATCH", "/v1/settings", {"alerts": {"webhook": {"url": url, "secret": SECRET}}})
    for url in (receiver.url, "http://hooks.example.com/", "https://127.0.0.1/", "https://169.254.169.254/",
                "https://[::1]/", "https://10.0.0.8/x", "ftp://hooks.example.com/", "hooks"):
        answer = put(url)
        assert answer.status == 422 and answer.body["code"] == "invalid_webhook_url", f"{url}: {answer}"
        assert answer.pointers == ["/alerts/webhook/url"]
    # A name is looked at where it leads, with each call.
    assert put(f"https://localhost:{receiver.server.server_port}/").status == 200
    report = server.post("/v1/alerts/test")
    assert report["ok"] is False and "private" in report["webhook"]["detail"]
    assert receiver.got == []


WEBHOOK = {"url": "https://ops.example.com/", "secret": SECRET}


@pytest.mark.parametrize("alerts_setting, pointer, code", [
    (5, "/alerts", "wrong_type"),
    ({"slack": 1}, "/alerts/slack", "unknown_field"),
    ({"webhook": "https://ops.example.com/"}, "/alerts/webhook", "wrong_type"),
    ({"webhook": {"url": WEBHOOK["url"]}}, "/alerts/webhook/secret", "required"),
    ({"webhook": {"secret": SECRET}}, "/alerts/webhook/url", "required"),
    ({"webhook": {**WEBHOOK, "secret": "geheim"}}, "/alerts/webhook/secret", "invalid_value"),
    ({"webhook": {**WEBHOOK, "secret": {"set": True}}}, "/alerts/webhook/secret", "required"),
    ({"webhook": {**WEBHOOK, "method": "GET"}}, "/alerts/webhook/method", "unknown_field"),
    ({"webhook": {**WEBHOOK, "url": "https://ops.example.com/" + "x" * 2048}}, "/alerts/webhook/url", "too_long"),
    ({"email": "ops@example.com"}, "/alerts/email", "wrong_type"),
    ({"email": ["ops"]}, "/alerts/email/0", "invalid_email"),
    ({"email": [f"o{n}@example.com" for n in range(11)]}, "/alerts/email", "too_many"),
])
def test_what_is_no_target_is_refused_and_changes_nothing(server, alerts_setting, pointer, code):
    server.patch("/v1/settings", {"alerts": {"email": ["ops@example.com"]}})
    before = server.get("/v1/settings")
    answer = server.api("PATCH", "/v1/settings", {"alerts": alerts_setting})
    assert answer.status in (400, 422), answer
    assert [(e["pointer"], e["code"]) for e in answer.body["errors"]] == [(pointer, code)]
    assert server.get("/v1/settings") == before


def test_alerts_have_a_scope_of_their_own(server):
    mine, other = (server.post("/v1/keys", {"name": scope, "scopes": [scope]})["token"]
                   for scope in ("alerts", "people"))
    assert server.get("/v1/alerts", auth=mine)["data"] == []
    server.expect(403, "GET", "/v1/alerts", auth=other)
    server.expect(403, "POST", "/v1/alerts/test", auth=other)
    server.expect(403, "PATCH", "/v1/settings", {"alerts": None}, auth=mine)
    assert server.expect(409, "POST", "/v1/alerts/test", auth=mine)["code"] == "no_alert_target"


def test_alerts_are_listed_filtered_and_acknowledged(watched, simulator):
    lock_out(watched, simulator)
    alert = wait_alert(watched, kind="integration_paused")
    assert [a["id"] for a in alerts(watched, "?state=open&kind=integration_paused")] == [alert["id"]]
    assert alerts(watched, "?state=resolved") == [] and alerts(watched, "?kind=disk_low") == []
    assert watched.expect(422, "GET", "/v1/alerts?kind=x")["errors"][0]["pointer"] == "?kind"
    assert watched.expect(422, "GET", "/v1/alerts?state=x")["errors"][0]["pointer"] == "?state"
    watched.expect(404, "GET", "/v1/alerts/alr_0000000000zzz")
    watched.expect(403, "GET", "/v1/alerts", auth="app")
    watched.expect(404, "POST", "/v1/alerts/alr_0000000000zzz/acknowledge")
    watched.expect(404, "GET", "/v1/alerts/7")
    assert watched.post(f"/v1/alerts/{alert['id']}/acknowledge")["acknowledged_by"] == "key:first"
    assert any(entry["action"] == "alert.acknowledge" for entry in watched.get("/v1/audit")["data"])
    assert alert["id"] in watched.cli("alert", "list").out
    assert "integration_paused" in watched.cli("alert", "show", alert["id"]).out
    assert "look into it" in watched.cli("alert", "acknowledge", alert["id"]).out
    assert watched.cli("alert", "test", "--json").json["webhook"]["ok"] is True
