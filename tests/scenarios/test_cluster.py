"""Several processes on one PostgreSQL: each does its part, any of them may die, and one of all leads."""
import base64

import pytest

import harness
from people import android, ios, only

KEY = base64.b64encode(bytes(range(32))).decode()
PUSH = {"channels": ["push"], "title": "x", "body": "y"}
LEASE_S = 3


class Fleet:
    """Processes that share a database and a key; the first that serves made the credentials."""

    def __init__(self, make_server, url):
        self.make_server = make_server
        self.settings = {"store.url": url, "store.lease": f"{LEASE_S}s", "store.leader_lease": "1s"}
        self.first = None
        self.all = []

    def add(self, name, *command, environment=None, **settings):
        process = self.make_server(settings={**self.settings, **settings}, name=name, command=command or ("serve",),
                                   environment={"CARILLON_SECRETS_KEY": KEY, **(environment or {})})
        if process.token:
            self.first = process
        if self.first and not process.token:
            process.app, process.test, process.token = self.first.app, self.first.test, self.first.token
        self.all.append(process)
        return process

    def running(self):
        return [process for process in self.all if process.is_running()]

    def leader(self):
        def look():
            names = [p for p in self.running() if "leads from now on" in p.log_text()]
            return names[-1] if names else None
        return harness.wait_until(look, "one of them leads")


@pytest.fixture
def fleet(make_server, postgres_cluster):
    return Fleet(make_server, postgres_cluster.database())


def status_of(process, path="/v1/notifications"):
    return process.api("GET", path).status


def test_each_role_does_its_part(fleet, simulator):
    api = fleet.add("api", "api")
    fleet.add("router", "router")
    fleet.add("scheduler", "scheduler")
    iphones = fleet.add("iphones", "worker", "--queues", "push.ios")
    others = fleet.add("others", "worker", "--queues", "push.android,sms,email")
    harness.connect(api, simulator)
    ios(api, "mina")
    android(api, "theo")
    api.put("/v1/groups/all", {"name": "All"})
    api.post("/v1/groups/all/members", {"user_ids": ["mina", "theo"]})
    sent = api.send(to=[{"group": "all"}], **PUSH)
    done = api.wait_final(sent["id"])
    assert sorted(d["status"] for d in done["deliveries"]) == ["sent", "sent"]
    assert simulator.counts()["apns"]["accepted"] == simulator.counts()["fcm"]["accepted"] == 1
    assert iphones.metric("carillon_provider_outcomes_total", integration="apns", outcome="sent") == 1
    assert others.metric("carillon_provider_outcomes_total", integration="fcm", outcome="sent") == 1
    # They say how they are, and nothing else.
    assert status_of(iphones, "/healthz") == 200
    assert status_of(iphones) == 404
    assert iphones.api("GET", "/", auth=None).status == 404


def test_what_one_changes_the_others_follow(fleet):
    one, two = fleet.add("one"), fleet.add("two")
    one.put("/v1/categories/news", {"kind": "transactional"})
    mail = {"to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "x", "body": "y",
            "category": "news"}
    harness.wait_until(lambda: two.api("POST", "/v1/notifications", mail, auth="test").status == 202,
                       "the other knows the category")
    made = one.cli("key", "create", "ops", "--management", "--scopes", "admin", "--json").json
    token = made["token"]
    harness.wait_until(lambda: two.api("GET", "/v1/categories", auth=token).status == 200, "it knows the key")


def test_a_worker_that_is_killed_loses_nothing(fleet, simulator):
    api = fleet.add("api", "api")
    fleet.add("scheduler", "scheduler")
    harness.connect(api, simulator)
    for i in range(30):
        ios(api, f"user-{i}")
    simulator.faults(apns={"latency_ms": 60_000})
    doomed = fleet.add("doomed", "worker")
    sent = [api.send(to=[{"user_id": f"user-{i}"}], **PUSH)["id"] for i in range(30)]

    def are_taken():
        return all(only(api.deliveries(n))["status"] == "processing" for n in sent)
    harness.wait_until(are_taken, "all are being sent")
    doomed.kill()
    simulator.faults()
    fleet.add("heir", "worker")
    for notification in sent:
        delivery = only(api.wait_final(notification, patience_s=60)["deliveries"])
        assert delivery["status"] in ("sent", "unknown"), delivery


def test_another_leads_when_the_leader_dies(fleet):
    one, two = fleet.add("one"), fleet.add("two")
    first = fleet.leader()
    other = two if first is one else one
    assert "leads from now on" not in other.log_text()
    first.put("/v1/schedules/soon", {"cron": "* * * * *", "time_zone": "UTC", "notification": {
        "to": [{"email": "ok@sandbox.carillon.test"}], "channels": ["email"], "title": "x", "body": "y"}})
    first.kill()
    other.wait_for_log("leads from now on")
    other.advance("61s")
    harness.wait_until(lambda: other.all("/v1/notifications"), "the schedule fires on the other")


def test_a_rolling_restart_delays_nobody(fleet, simulator):
    one, two = fleet.add("one"), fleet.add("two")
    harness.connect(one, simulator)
    ios(one, "mina")
    harness.wait_until(lambda: two.get("/v1/integrations")["data"], "the other knows the integrations")
    sent = []
    for restarted, other in ((one, two), (two, one)):
        sent.append(restarted.send(to=[{"user_id": "mina"}], **PUSH)["id"])
        assert restarted.stop() == 0
        sent.append(other.send(to=[{"user_id": "mina"}], **PUSH)["id"])
        restarted.start()
    for notification in sent:
        assert one.wait_final(notification)["outcome"] == "success"
    assert simulator.counts()["apns"]["accepted"] == len(sent)


def test_a_webhook_is_told_by_whoever_leads(fleet, simulator):
    one, two = (fleet.add(name, **{"webhooks.private_addresses": "true"}) for name in ("one", "two"))
    made = one.put("/v1/webhooks/shop", {"url": "https://127.0.0.1:9/hook", "events": ["delivery.*"]})
    assert made["key"] == "shop"

    def told():
        two.send(auth="test", to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
        return one.get("/v1/webhooks/shop/deliveries")["data"]
    harness.wait_until(told, "what the other sends is told")


def test_another_key_is_refused(fleet, make_server):
    fleet.add("one")
    stranger = make_server(settings=fleet.settings, name="stranger", start=False)
    done = harness.run("serve", "--data", stranger.folder / "data", "--listen", "127.0.0.1:0", "--set",
                       f"store.url={fleet.settings['store.url']}")
    assert done.code != 0
    assert "CARILLON_SECRETS_KEY" in done.err


def test_a_role_makes_no_key_of_its_own(fleet, tmp_path):
    """It would be gone with its folder, and with it every credential of a provider."""
    settings = ("--set", f"store.url={fleet.settings['store.url']}")
    for number, command in enumerate((("api",), ("worker",), ("app", "create", "shop"))):
        data = tmp_path / f"nobody-{number}"
        listen = () if command[0] == "app" else ("--listen", "127.0.0.1:0")
        done = harness.run(*command, "--data", data, *settings, *listen)
        assert done.code == 2 and "secrets.key" in done.err and "CARILLON_SECRETS_KEY" in done.err, done
        assert not (data / "secret.key").exists()
    # A copy of it in the folder is as good.
    fleet.add("first", "api")
    worker = fleet.add("worker", "worker")
    worker.stop()
    (worker.data / "secret.key").write_text(KEY + "\n")
    (worker.data / "secret.key").chmod(0o600)
    worker.environment = {}
    worker.start()


def test_roles_need_a_store_that_is_shared(tmp_path):
    done = harness.run("worker", "--data", tmp_path / "data")
    assert done.code == 2
    assert "store.url" in done.err and "carillon serve" in done.err
    done = harness.run("worker", "--queues", "fax", "--data", tmp_path / "data")
    assert done.code != 0
    assert "push.ios" in done.err + done.out
