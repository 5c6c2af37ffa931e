"""The cache that processes share: what it remembers outlives a server, and nothing waits for it when it is away."""
import shutil
import signal

import pytest

import harness
from browser import Browser
from engines import redis, shared_store  # noqa: F401
from people import die_at, ios, only

PUSH = {"to": [{"user_id": "mina"}], "channels": ["push"], "title": "x", "body": "y"}


@pytest.fixture
def server(make_server, redis, shared_store):  # noqa: F811
    return make_server(settings={"store.url": shared_store, "cache.url": redis.url})


@pytest.fixture
def connected(server, simulator):
    return harness.connect(server, simulator)


def readiness(server):
    return harness.request(server.url + "/readyz")


def finding(server, check, result):
    """What the doctor says of it, who has to come to that result."""
    said = harness.run("doctor", "--data", server.data, "--json").json["checks"]
    found = only(each for each in said if each["check"] == check and each["result"] == result)
    return found["detail"]


def guesses(server, count):
    guesser = Browser(server.url)
    return [guesser.sign_in("ann@example.test", f"guess number {i}").status for i in range(count)]


def wait_degraded(server, meanwhile=lambda: None):
    """Until it says that it does without its cache; what it says."""
    def look():
        meanwhile()
        answer = readiness(server)
        assert answer.status == 200, answer
        return answer.body["status"] == "degraded" and only(answer.body["degraded"])
    told = harness.wait_until(look, lambda: f"not degraded: {readiness(server)}")
    assert told["part"] == "cache" and "is away" in told["reason"]
    return told["reason"]


def wait_well(server):
    harness.wait_until(lambda: readiness(server).body == {"status": "ready", "reasons": []},
                       lambda: f"not well again: {readiness(server)}")


def test_who_guessed_too_often_before_a_crash_has_to_wait_after_it(server):
    assert guesses(server, 12) == [401] * 10 + [429] * 2
    server.restart(kill=True)
    assert guesses(server, 1) == [429]


def test_while_it_is_away_sends_go_on_and_guesses_are_counted_here(connected, redis):  # noqa: F811
    ios(connected, "mina")
    wait_well(connected)
    redis.kill()
    reason = wait_degraded(connected)
    assert f"127.0.0.1:{redis.port}" in reason
    assert connected.wait_final(connected.send(**PUSH)["id"])["outcome"] == "success"
    assert guesses(connected, 12) == [401] * 10 + [429] * 2
    assert connected.metric("carillon_cache_errors_total", reason="away") > 0
    assert "is away" in finding(connected, "cache", "WARN")
    redis.start()
    wait_well(connected)
    assert connected.wait_final(connected.send(**PUSH)["id"])["outcome"] == "success"


def test_one_that_hangs_is_away_too(connected, redis):  # noqa: F811
    ios(connected, "mina")
    redis.signal(signal.SIGSTOP)
    sent = []
    wait_degraded(connected, meanwhile=lambda: sent.append(connected.send(**PUSH)["id"]))
    redis.signal(signal.SIGCONT)
    wait_well(connected)
    for notification in sent:
        assert connected.wait_final(notification)["outcome"] == "success"


def test_what_was_sent_before_the_machine_was_lost_is_not_sent_again(connected, simulator):
    ios(connected, "mina")
    die_at(connected, "record.after_marks",
           lambda: connected.api("POST", "/v1/notifications", {"event_id": "e1", **PUSH}, auth="app"))
    shutil.rmtree(connected.data / "journal")  # as if it had been another machine's
    connected.start()
    sent = only(connected.get("/v1/notifications?event_id=e1")["data"])
    delivery = only(connected.wait_final(sent["id"])["deliveries"])
    assert delivery["status"] == "sent"
    assert simulator.counts()["apns"]["accepted"] == 1
    assert connected.metric("carillon_sent_marks_found_total") == 1


def refused(folder, *settings):
    """What a start that has to fail says."""
    done = harness.run("serve", "--data", folder, "--listen", "127.0.0.1:0",
                       *(part for setting in settings for part in ("--set", setting)))
    assert done.code != 0, done
    said = done.out + done.err
    assert "geheim" not in said, "a password does not belong into a log"
    return said


def test_a_store_of_one_process_has_a_cache_of_its_own(tmp_path):
    said = refused(tmp_path / "data", "cache.url=redis://:geheim@127.0.0.1:6379")
    assert "cache.url: a store on SQLite" in said


def test_the_doctor_asks_it(redis, shared_store, tmp_path):  # noqa: F811
    def ask():
        done = harness.run("doctor", "--data", tmp_path / "data", "--json", "--set", f"store.url={shared_store}",
                           "--set", f"cache.url={redis.url}")
        return only(each for each in done.json["checks"] if each["check"] == "cache")
    assert ask()["result"] == "OK"
    redis.kill()
    told = ask()
    assert told["result"] == "FAIL" and told["detail"].startswith("cache.url: Redis at 127.0.0.1:")


def test_a_start_without_it_names_the_setting(tmp_path, redis, shared_store):  # noqa: F811
    store = f"store.url={shared_store}"
    assert "cache.url: Redis at 127.0.0.1:1:" in refused(tmp_path / "a", store,
                                                         "cache.url=redis://:geheim@127.0.0.1:1")
    redis.kill()
    redis.password = "hunter2"
    redis.start()
    said = refused(tmp_path / "b", store, f"cache.url={redis.url}", "cache.password=geheim")
    assert f"cache.url: Redis at 127.0.0.1:{redis.port}: " in said and "password" in said
