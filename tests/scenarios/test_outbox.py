"""A service writes to its outbox in its own transaction (deploy/outbox/): what is committed is carried, and sent."""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

import harness
import postgres

sys.path.append(str(harness.ROOT / "tools"))
import cluster_engines  # noqa: E402

FOLDER = harness.ROOT / "deploy" / "outbox"
DEBEZIUM = harness.ROOT / "build" / "debezium" / "lib"
NOTIFICATION = {"event_id": "order-17-shipped", "to": [{"user_id": "ada"}], "channels": ["push"], "title": "It left"}


class Shop:
    """The database of a service, with the outbox in it. `sql` gives what psql prints."""

    def __init__(self, programs, environment):
        self.programs = programs
        self.environment = environment

    def psql(self, *words, user=None):
        more = {"PGUSER": user} if user else {}
        done = subprocess.run([self.programs / "psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", *words],
                              env={**os.environ, **self.environment, **more}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        return harness.Completed(done.returncode, done.stdout.strip(), done.stderr)

    def sql(self, *statements, user=None):
        done = self.psql(*(part for statement in statements for part in ("-c", statement)), user=user)
        assert done.code == 0, done
        return done.out

    def install(self):
        done = self.psql("--single-transaction", "-f", FOLDER / "outbox.sql")
        assert done.code == 0, done
        return self

    def payloads(self):
        return [json.loads(line) for line in self.sql(
            "SELECT payload FROM carillon_outbox.outbox ORDER BY created_at, aggregateid").splitlines()]


@pytest.fixture
def shop(postgres_cluster):
    name = postgres.name_of(postgres_cluster.database())
    made = Shop(postgres.binaries(), {"PGHOST": str(postgres_cluster.folder), "PGUSER": "carillon", "PGDATABASE": name})
    made.install()
    made.sql("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop') THEN "
             "CREATE ROLE shop LOGIN IN ROLE carillon_outbox_writer; END IF; END $$")
    yield made


def notify(body, key=None):
    text = json.dumps(body).replace("'", "''")
    return f"SELECT carillon_outbox.notify('{text}'" + (f", '{key}')" if key else ")")


def test_a_service_writes_in_its_own_transaction(shop):
    shop.sql("CREATE TABLE orders (id int)", "GRANT INSERT ON orders TO shop")
    shop.sql("BEGIN", "INSERT INTO orders VALUES (17)", notify(NOTIFICATION), "COMMIT", user="shop")
    shop.sql("BEGIN", notify({**NOTIFICATION, "event_id": "never"}), "ROLLBACK", user="shop")
    assert shop.payloads() == [NOTIFICATION]
    row = shop.sql("SELECT aggregatetype, aggregateid, type FROM carillon_outbox.outbox")
    assert row == "notification|order-17-shipped|notification"
    shop.sql(notify({**NOTIFICATION, "event_id": "18"}, key="customer-4"), user="shop")
    keyed = shop.sql("SELECT aggregateid FROM carillon_outbox.outbox WHERE payload ->> 'event_id' = '18'")
    assert keyed == "customer-4"


def test_an_event_is_a_cloud_event(shop, server):
    made = shop.sql("""SELECT carillon_outbox.event('/shop', 'order.shipped', '{"user_id": "ada", "gift": null}')""",
                    user="shop")
    [event] = shop.payloads()
    assert event.pop("time").endswith("Z")
    assert event == {"specversion": "1.0", "id": made, "source": "/shop", "type": "order.shipped",
                     "data": {"user_id": "ada", "gift": None}}
    shop.sql("SELECT carillon_outbox.event('/shop', 'order.paid', '[1]', subject => 'order-1', id => '1042')",
             user="shop")
    named = shop.payloads()[1]
    assert (named["id"], named["subject"], named["data"]) == ("1042", "order-1", [1])
    # Both are what the server takes.
    for payload in shop.payloads():
        server.expect(range(200, 300), "POST", "/v1/events", payload, auth="app",
                      headers={"Content-Type": "application/cloudevents+json"})


@pytest.mark.parametrize("call, said", [
    (notify({"to": []}), "event_id"),
    (notify({"event_id": 17, "to": []}), "event_id"),
    (notify({"event_id": "1"}), '"to" is missing'),
    ("SELECT carillon_outbox.notify('[]')", "a JSON object"),
    ("SELECT carillon_outbox.notify(NULL)", "a JSON object"),
    ("SELECT carillon_outbox.event('', 'order.shipped', '{}')", "a source and a type"),
    ("SELECT carillon_outbox.notify(jsonb_build_object('event_id', '1', 'to', '[]'::jsonb, 'body', "
     "repeat('x', 300000)))", "payload_within_256_kib"),
])
def test_what_carillon_would_refuse_is_refused_at_once(shop, call, said):
    done = shop.psql("-c", call, user="shop")
    assert done.code != 0 and said in done.err
    assert shop.payloads() == []


def test_a_service_can_only_call_the_functions(shop):
    shop.sql(notify(NOTIFICATION), user="shop")
    for statement in ("COPY carillon_outbox.outbox (aggregateid, type, payload) FROM STDIN",
                      "INSERT INTO carillon_outbox.outbox (aggregateid, type, payload) VALUES ('1', 'event', '{}')",
                      "SELECT * FROM carillon_outbox.outbox", "DELETE FROM carillon_outbox.outbox",
                      "SELECT carillon_outbox.clean('0')", "SELECT carillon_outbox.write_again('yesterday')"):
        done = shop.psql("-c", statement, user="shop")
        assert done.code != 0 and "permission denied" in done.err, statement


def test_old_rows_are_removed_and_a_lost_slot_is_made_good(shop):
    for number in range(3):
        shop.sql(notify({**NOTIFICATION, "event_id": f"order-{number}"}), user="shop")
    shop.sql("UPDATE carillon_outbox.outbox SET created_at = now() - interval '1 day' WHERE aggregateid = 'order-0'",
             "UPDATE carillon_outbox.outbox SET created_at = now() - interval '8 days' WHERE aggregateid = 'order-1'")
    assert shop.sql("SELECT carillon_outbox.clean()") == "1"
    assert shop.sql("SELECT carillon_outbox.clean()") == "0"
    assert shop.sql("SELECT carillon_outbox.write_again(now() - interval '2 days', now() - interval '1 hour')") == "1"
    assert sorted(p["event_id"] for p in shop.payloads()) == ["order-0", "order-0", "order-2"]


def test_it_may_be_installed_again(shop):
    shop.sql(notify(NOTIFICATION), user="shop")
    shop.install()
    assert shop.payloads() == [NOTIFICATION]
    assert shop.sql("SELECT pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication") == "t|f|f|f"
    assert shop.sql("SELECT * FROM carillon_outbox.lag") == ""  # nobody reads yet


def properties(name):
    lines = [line for line in (FOLDER / name).read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_connect_and_debezium_server_are_set_alike():
    connect = properties("connect-outbox.properties")
    server = properties("debezium-server.properties")
    only_connect = {"name", "tasks.max", "database.password"}
    for key, value in connect.items():
        if key in only_connect or key.startswith("topic.creation."):
            continue
        prefix = "debezium." if key.startswith(("transforms", "predicates")) else "debezium.source."
        assert server.get(prefix + key) == value, key
    worker = properties("connect-worker.properties")
    assert server["debezium.sink.kafka.producer.acks"] == worker["producer.acks"] == "all"
    ddl = (FOLDER / "outbox.sql").read_text()
    for name in (connect["publication.name"], connect["slot.name"], connect["table.include.list"]):
        assert name in ddl
    assert re.fullmatch(connect["predicates.isOutbox.pattern"].replace("\\\\", "\\"),
                        f"{connect['topic.prefix']}.{connect['table.include.list']}")


# ---- with the real Debezium

class Connect(cluster_engines.Child):
    def __init__(self, folder):
        super().__init__("Kafka Connect", folder / "connect.log")
        self.folder = folder
        self.connectors = ["outbox"]

    def also(self, changes):
        """A second connector: the outbox's, with these lines."""
        lines = [line for line in (self.folder / "outbox.properties").read_text().splitlines()
                 if "=" in line and not line.startswith(("transforms", "predicates", *changes))]
        lines += [f"{name}={value}" for name, value in changes.items()]
        (self.folder / "rows.properties").write_text("\n".join(lines) + "\n")
        self.connectors.append("rows")

    def start(self):
        self.spawn(["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                    f"-Dlog4j.configuration=file:{self.folder}/kafka/log4j.properties", "-cp", f"{DEBEZIUM}/*",
                    "org.apache.kafka.connect.cli.ConnectStandalone", self.folder / "worker.properties",
                    *(self.folder / f"{name}.properties" for name in self.connectors)], cwd=self.folder)
        self.wait_for(lambda: self.log_text().count("Starting streaming") >= len(self.connectors), "the slots")
        return self


@pytest.fixture
def carried(request, processes):
    """A shop, a Kafka broker and Debezium between them, which is not started: (shop, connect, broker, database)."""
    if not postgres.binaries():
        pytest.skip("postgres: PostgreSQL is not installed; run tools/install_dependencies.sh test")
    if not DEBEZIUM.exists() or not cluster_engines.JARS.exists() or shutil.which("java") is None:
        pytest.skip("kafka: no Java, no broker in build/kafka, or no Debezium in build/debezium; run "
                    "tools/install_dependencies.sh test")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-outbox-", dir="/tmp"))
    folder.chmod(0o711)
    started = []
    try:
        database = cluster_engines.Postgres(folder / "postgres", folder / "postgres.log", "secret")
        broker = cluster_engines.Kafka(folder / "kafka", folder / "kafka.log")
        started += [database.start(cluster_engines.free_port(), 100),
                    broker.start(cluster_engines.free_port(), cluster_engines.free_port())]
        for engine in started:
            engine.wait_ready()
        database.sql("CREATE DATABASE shop", "postgres")
        shop = Shop(database.programs, {"PGHOST": "127.0.0.1", "PGPORT": str(database.port), "PGUSER": "carillon",
                                        "PGPASSWORD": "secret", "PGDATABASE": "shop"}).install()
        shop.sql("CREATE ROLE carillon_cdc LOGIN REPLICATION PASSWORD 'cdc' IN ROLE carillon_outbox_reader")
        (folder / "database.properties").write_text("password=cdc\n")
        here = {"127.0.0.1:9092": f"127.0.0.1:{broker.port}",
                "heartbeat.interval.ms=10000": "heartbeat.interval.ms=1000",
                "127.0.0.1:8083": f"127.0.0.1:{cluster_engines.free_port()}",
                "/var/lib/carillon-outbox": str(folder), "/etc/carillon-outbox": str(folder),
                "/opt/kafka-plugins": str(folder / "plugins"), "database.port=5432": f"database.port={database.port}"}
        for name in ("worker", "outbox"):
            text = (FOLDER / f"connect-{name}.properties").read_text()
            for written, real in here.items():
                text = text.replace(written, real)
            (folder / f"{name}.properties").write_text(text)
        connect = Connect(folder)
        started.append(connect)
        yield shop, connect, broker, database
        for child in started:
            report = getattr(request.node, "report_call", None)
            if report is not None and report.failed:
                print(f"---- {child.name}\n{child.log_text()[-harness.LOG_TAIL_BYTES:]}")
    finally:
        for process in processes:  # before what they stand on
            process.kill()
        for child in reversed(started):
            child.kill()
        shutil.rmtree(folder, ignore_errors=True)


def messages(broker):
    """[(key, value)] of notification.events, as they are on the broker's disk."""
    found = []
    files = [str(f) for f in broker.folder.glob("data/notification.events-*/*.log")]
    if not files:
        return found
    done = subprocess.run(broker.java("kafka.tools.DumpLogSegments", "--print-data-log", "--files", ",".join(files)),
                          capture_output=True, text=True, timeout=60)
    for line in done.stdout.splitlines():
        record = re.search(r"headerKeys: \[id,eventType\] key: (.*?) payload: (\{.*\})$", line)
        if record:
            found.append((record[1], json.loads(record[2])))
    return found


def test_debezium_carries_what_was_committed(carried):
    shop, connect, broker, _ = carried

    def wait_for(*event_ids):
        def look():
            return set(event_ids) <= {value.get("event_id") for _, value in messages(broker)}
        harness.wait_until(look, lambda: f"{event_ids} in {messages(broker)}", 60)

    shop.sql(notify({**NOTIFICATION, "event_id": "before"}))
    connect.start()
    shop.sql("BEGIN", notify({**NOTIFICATION, "event_id": "rolled-back"}), "ROLLBACK")
    shop.sql("SELECT carillon_outbox.event('/shop', 'order.shipped', '{}')")
    # Many rows of one statement.
    shop.sql("SELECT carillon_outbox.notify(format('{\"event_id\": \"n-%s\", \"to\": []}', i)::jsonb, 'customer-4') "
             "FROM generate_series(1, 50) i")
    wait_for("before", "n-50")
    connect.kill()
    shop.sql(notify({**NOTIFICATION, "event_id": "while it was away"}))
    connect.start()
    wait_for("while it was away")
    seen = messages(broker)
    assert {value["event_id"] for _, value in seen if "event_id" in value} == \
        {"before", "while it was away", *(f"n-{i}" for i in range(1, 51))}
    assert [value["type"] for _, value in seen if "specversion" in value][0] == "order.shipped"
    # Those of one key are in one partition, in order; a second time, after the connector was killed, from somewhere on.
    ordered = [value["event_id"] for key, value in seen if key == "customer-4"]
    assert list(dict.fromkeys(ordered)) == [f"n-{i}" for i in range(1, 51)]
    assert (("before", {**NOTIFICATION, "event_id": "before"})) in seen
    slot = "SELECT is_active AND wal_status = 'reserved' AND behind_bytes < 1048576 FROM carillon_outbox.lag"
    harness.wait_until(lambda: shop.sql(slot) == "t", lambda: shop.sql("SELECT * FROM carillon_outbox.lag"))


# A connector for the shop's own tables: what changes there comes as it is, wrapped in its schema.
# Without a snapshot: one that is taken again after a kill would tell of updates as rows that are there (row.read).
ROWS = {"name": "shop-rows", "snapshot.mode": "no_data", "slot.name": "shop_rows", "publication.name": "shop_rows",
        "topic.prefix": "shop",
        "table.include.list": "public.orders", "schema.include.list": "public", "transforms": "toEvents",
        "transforms.toEvents.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.toEvents.regex": "shop\\.public\\.orders", "transforms.toEvents.replacement": "notification.events",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "true"}


def test_what_was_committed_is_delivered_once_and_what_was_rolled_back_never(carried, make_server, simulator):
    """From a service's transaction to the recipient: the outbox, Debezium, Kafka, a router, an api and a worker."""
    shop, connect, broker, database = carried
    database.sql("CREATE DATABASE carillon_store", "postgres")
    url = f"postgres://carillon:secret@127.0.0.1:{database.port}/carillon_store"
    settings = {"store.url": url, "store.lease": "3s", "store.leader_lease": "1s", "queue.url": broker.url,
                "queue.partitions": "2", "kafka.topics": "notification.events=default/default"}
    key = {"CARILLON_SECRETS_KEY": base64.b64encode(bytes(range(32))).decode()}
    processes = {}
    for name, command in {"api": ("api",), "router": ("router",), "worker": ("worker", "--queues", "email")}.items():
        processes[name] = make_server(settings=settings, environment=key, name=name, command=command)
    api, router = processes["api"], processes["router"]
    harness.connect(api, simulator, "smtp")
    api.put_user("ada", email="ada@example.test")
    api.put("/v1/rules/shipped", {
        "when": {"type": "row.updated", "source": "/shop/public/orders", "conditions": {
            "data.after.status": "shipped", "not": {"data.before.status": "shipped"}}},
        "send": {"to": [{"user_id": {"from": "data.after.user_id"}}], "channels": ["email"], "title": "It left",
                 "body": "It arrives today.", "metadata": {"order": {"from": "data.after.note"}}}})
    shop.sql("CREATE TABLE orders (id int PRIMARY KEY, user_id text, status text, note text)",
             "ALTER TABLE orders REPLICA IDENTITY FULL", "CREATE PUBLICATION shop_rows FOR TABLE orders",
             "GRANT SELECT ON orders TO carillon_cdc",
             "INSERT INTO orders SELECT n, 'ada', 'paid', 'row-' || n FROM generate_series(1, 20) n")
    connect.also(ROWS)
    note = {"to": [{"user_id": "ada"}], "channels": ["email"], "title": "It left", "body": "It arrives today."}

    def accepted():
        return {n["event_id"] for n in api.all("/v1/notifications") if not n["event_id"].startswith("rule/")}

    def shipped():
        by_rule = [n["id"] for n in api.all("/v1/notifications") if n["event_id"].startswith("rule/")]
        return sorted(api.notification(each)["metadata"]["order"] for each in by_rule)

    def wait(look, wanted):
        harness.wait_until(lambda: look() == wanted, lambda: f"wanted {wanted}, there is {look()}:\n"
                           f"{router.log_text()[-2000:]}", 90)
    connect.start()
    ship = "UPDATE orders SET status = 'shipped' WHERE id"
    shop.sql("BEGIN", notify({**note, "event_id": "kept"}), f"{ship} = 1", "COMMIT")
    shop.sql("BEGIN", notify({**note, "event_id": "rolled-back"}), f"{ship} = 2", "ROLLBACK")
    wait(accepted, {"kept"})
    wait(shipped, ["row-1"])
    # The connector is killed in the middle, and begins again where it had told its file it was.
    shop.sql(*(notify({**note, "event_id": f"n-{n}"}) for n in range(40)))
    shop.sql(f"{ship} BETWEEN 3 AND 9")
    connect.kill()
    router.kill()
    shop.sql(notify({**note, "event_id": "while it was away"}), f"{ship} = 10")
    router.start()
    connect.start()
    everything = {"kept", "while it was away", *(f"n-{n}" for n in range(40))}
    wait(accepted, everything)
    wait(shipped, sorted(["row-1", "row-10", *(f"row-{n}" for n in range(3, 10))]))
    api.wait_idle(60)
    harness.wait_until(lambda: simulator.counts()["smtp"]["accepted"] >= len(everything) + 9, "all is delivered")
    assert simulator.counts()["smtp"]["accepted"] == len(everything) + 9
    assert api.all("/v1/dead-letters") == []
    assert api.accountability()["exact"]
