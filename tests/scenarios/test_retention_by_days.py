"""On PostgreSQL a day that is past its retention goes whole; what is open stays, and nobody who sends waits for it."""
import subprocess
import threading
import time

import pytest

import harness
import postgres
from people import only

MAIL = {"channels": ["email"], "title": "x", "body": "y"}


class Keeper:
    def __init__(self, server, cluster, name):
        self.server, self.cluster, self.name = server, cluster, name

    def sql(self, statement):
        return self.cluster.sql(statement, self.name)

    def days(self, table):
        """Its tables of days, whether they are partitions or were taken off."""
        return self.sql(f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^{table}_d[0-9]+$' "
                        "ORDER BY relname").split()

    def day_of(self, table, number):
        """The table that holds a row."""
        return self.sql(f"SELECT tableoid::regclass FROM {table} WHERE id = {number}")

    def first(self, table):
        return int(self.sql(f"SELECT min(id) FROM {table}"))

    def count(self, table):
        return int(self.sql(f"SELECT count(*) FROM {table}"))

    def counters_are_right(self):
        """As the nightly recount counts them."""
        rows = self.sql("SELECT project, lane, flags & 1, status, count(*) FROM delivery GROUP BY 1, 2, 3, 4 "
                        "ORDER BY 1, 2, 3, 4")
        counted = self.sql("SELECT project, lane, sandbox, status, sum(n) FROM counter WHERE status >= 0 "
                           "GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0 ORDER BY 1, 2, 3, 4")
        return rows == counted

    def wait_gone(self, table, day):
        harness.wait_until(lambda: day not in self.days(table), lambda: f"{day} is there: {self.days(table)}")


@pytest.fixture
def keeper(make_server, postgres_cluster):
    url = postgres_cluster.database()
    server = make_server(settings={"store.url": url, "retention.history": "5d"})
    return Keeper(server, postgres_cluster, postgres.name_of(url))


def send(server, number):
    to = [{"email": "ok@sandbox.carillon.test"}, {"email": "bounce@sandbox.carillon.test"}]
    return [server.send(to=to, auth="test", **MAIL)["id"] for _ in range(number)]


def test_a_day_that_is_over_goes_as_a_whole(keeper):
    server = keeper.server
    old = send(server, 20)
    for notification in old:
        server.wait_final(notification)
    day, notified = (keeper.day_of(table, keeper.first(table)) for table in ("delivery", "notification"))
    assert day.startswith("delivery_d") and notified.startswith("notification_d")
    assert keeper.count("attempt") > 0
    server.advance("145h")
    young = send(server, 3)
    keeper.wait_gone("delivery", day)
    keeper.wait_gone("notification", notified)
    assert "is past its retention and was dropped, 40 deliveries" in server.log_text()
    for notification in young:
        server.wait_final(notification)
    assert server.api("GET", f"/v1/notifications/{old[0]}").status == 404
    assert keeper.count("delivery") == 6 and keeper.count("notification") == 3
    assert int(keeper.sql("SELECT count(*) FROM attempt a WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = "
                          "a.delivery)")) == 0
    assert server.accountability()["live"]["accepted"] + server.accountability()["sandbox"]["accepted"] == 6
    assert keeper.counters_are_right()


def test_what_is_open_keeps_its_day_and_the_rest_goes_by_rows(keeper):
    server = keeper.server
    held = server.send(to=[{"phone": "+999000000001"}], channels=["sms"], sms={"body": "x"}, ttl="30d")["id"]
    assert only(server.wait_deliveries(held, "held"))["reason"] == "no_route"
    for notification in send(server, 5):
        server.wait_final(notification)
    day = keeper.day_of("delivery", keeper.first("delivery"))
    server.advance("170h")
    harness.wait_until(lambda: keeper.count("delivery") == 1, lambda: keeper.count("delivery"))
    assert day in keeper.days("delivery") and keeper.counters_are_right()
    assert only(server.deliveries(held))["status"] == "held"
    server.post(f"/v1/notifications/{held}/cancel")
    keeper.wait_gone("delivery", day)
    assert keeper.counters_are_right()


def test_nobody_who_sends_waits_while_others_are_at_the_table(keeper):
    """Somebody reads for a long time, pg_dump for one: the day stays until that is over."""
    server = keeper.server
    for notification in send(server, 5):
        server.wait_final(notification)
    day = keeper.day_of("delivery", keeper.first("delivery"))
    reader = subprocess.Popen([str(postgres.binaries() / "psql"), "-h", str(keeper.cluster.folder), "-p",
                               str(keeper.cluster.port), "-U", "carillon", "-d", keeper.name, "-q"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    reader.stdin.write("BEGIN; SELECT count(*) FROM delivery;\n")
    reader.stdin.flush()
    locks = ("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
             "JOIN pg_stat_activity a USING (pid) WHERE c.relname = 'delivery' AND a.application_name = 'psql' "
             "AND a.state = 'idle in transaction'")
    harness.wait_until(lambda: int(keeper.sql(locks)) > 0, "it reads")
    server.advance("145h")

    def is_trying():
        return keeper.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DETACH%' "
                          "AND pid <> pg_backend_pid()")
    seen = []
    watching = threading.Thread(target=lambda: seen.append(harness.wait_until(is_trying, "it never tried")))
    watching.start()
    slowest = 0.0
    while watching.is_alive():
        began = time.monotonic()
        server.send(to=[{"email": "ok@sandbox.carillon.test"}], auth="test", **MAIL)
        slowest = max(slowest, time.monotonic() - began)
    assert seen and slowest < 2, f"a send waited {slowest:.1f} s"
    assert day in keeper.days("delivery")
    reader.communicate("COMMIT;\n", timeout=30)
    keeper.wait_gone("delivery", day)
    assert keeper.counters_are_right()


def test_a_death_in_between_is_made_good(keeper):
    server = keeper.server
    for notification in send(server, 5):
        server.wait_final(notification)
    day = keeper.day_of("delivery", keeper.first("delivery"))
    server.environment = {"CARILLON_FAILPOINTS": "days.taken_off:kill:1"}
    server.restart()
    server.advance("145h")
    harness.wait_until(lambda: not server.is_running(), "days.taken_off was not reached")
    server.kill()
    server.environment = {}
    assert day in keeper.days("delivery")
    assert keeper.sql(f"SELECT relispartition FROM pg_class WHERE relname = '{day}'") == "f"
    server.start()
    server.advance("145h")
    keeper.wait_gone("delivery", day)
    assert keeper.counters_are_right()
