"""`carillon bench`: what this machine does, before anybody relies on it, and what a running server takes."""
import os

import harness

NAMES = ["end_to_end", "cpu", "answer_p50", "answer_p99", "accept_single", "accept_batch"]


def rows_of(done):
    assert done.code == 0, done.err
    return {row["name"]: row["value"] for row in harness.json.loads(done.out)["rows"]}


def test_it_measures_this_machine_and_leaves_nothing(tmp_path):
    rows = rows_of(harness.run("bench", "--seconds", "0.2", "--connections", "4", "--at", tmp_path, "--json"))
    assert list(rows) == NAMES and all(value > 0 for value in rows.values())
    assert os.listdir(tmp_path) == []


def test_it_measures_a_running_server_with_a_test_key(server):
    key, secret = server.test
    sandbox = ("--url", server.url, "--key", key, "--secret", "@env:BENCH_SECRET", "--seconds", "0.2", "--json")
    rows = rows_of(harness.run("bench", *sandbox, environment={"BENCH_SECRET": secret}))
    assert set(rows) == set(NAMES) - {"end_to_end", "cpu"}
    server.wait_idle()
    newest = server.get("/v1/sandbox/messages?limit=1", auth="test")["data"][0]
    assert newest["to"] == "ok@sandbox.carillon.test", "it reaches nobody"
    wrong = harness.run("bench", *sandbox, environment={"BENCH_SECRET": "cs_wrong"})
    assert wrong.code == 1 and "key" in wrong.err


def test_it_says_what_to_change(server, tmp_path):
    live = harness.run("bench", "--url", server.url, "--key", server.app[0], "--secret", "x")
    assert live.code == 2 and "test key" in live.err
    nobody = harness.run("bench", "--url", "http://127.0.0.1:1", "--key", "ck_test_a", "--secret", "x")
    assert nobody.code == 2 and "cannot connect to 127.0.0.1:1" in nobody.err
    nowhere = harness.run("bench", "--at", tmp_path / "missing")
    assert nowhere.code == 2 and "--at" in nowhere.err
    assert harness.run("bench", "--seconds", "soon").code == 2


def test_a_command_that_is_none_names_the_nearest():
    wrong = harness.run("serv")
    assert wrong.code == 2 and "'serv'" in wrong.err and "serve" in wrong.err
