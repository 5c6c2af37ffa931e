"""What nobody needs any more is given up with a reason: one by hand, hundreds by a job that outlives a crash."""
import harness
import pytest

from people import die_at, only

LOST = {"to": [{"email": "unknown@sandbox.carillon.test"}], "channels": ["email"], "category": "careful",
        "title": "x", "body": "y"}


@pytest.fixture
def careful(server):
    """A server where what may have been sent is not sent twice."""
    server.put("/v1/categories/careful", {"on_unknown": "hold"})
    return server


def lose(server, n):
    """So many more deliveries of which nobody knows what became of them."""
    wanted = server.accountability()["states"]["unknown"] + n
    for first in range(0, n, 1000):
        items = [LOST] * min(1000, n - first)
        server.expect(202, "POST", "/v1/notifications/batch", items, auth="app")
    harness.wait_until(lambda: server.accountability()["states"]["unknown"] == wanted,
                       lambda: server.accountability()["states"])


def open_letters(server):
    return server.all("/v1/dead-letters?closed=false")


def wait_job(server, job):
    return harness.wait_until(lambda: (seen := server.get(f"/v1/jobs/{job['id']}"))["finished_at"] and seen,
                              lambda: server.get(f"/v1/jobs/{job['id']}"))


def test_one_is_given_up_and_the_books_do_not_change(careful):
    lose(careful, 2)
    before = careful.accountability()
    letter = open_letters(careful)[0]
    silent = careful.api("POST", "/v1/dead-letters/discard", {"ids": [letter["id"]]})
    assert silent.status == 422 and silent.pointers == ["/reason"]
    job = careful.post("/v1/dead-letters/discard", {"ids": [letter["id"]], "reason": "she called us"})
    assert (job["kind"], job["state"], job["done"], job["failed"]) == ("discard", "completed", 1, 0)
    shown = careful.get(f"/v1/dead-letters/{letter['id']}")
    assert shown["ended"] == "discarded" and shown["discarded"]["reason"] == "she called us"
    after = careful.accountability()
    assert after["exact"] and after["states"] == before["states"]
    assert len(open_letters(careful)) == 1
    delivery = careful.delivery(letter["delivery_id"])
    assert delivery["status"] == "unknown" and delivery["timeline"][-1]["event"] == "discarded"
    entry = careful.get("/v1/audit")["data"][0]
    assert entry["action"] == "delivery.discard" and entry["object"] == letter["delivery_id"]
    # Nobody sends it by accident; who means it still can.
    assert careful.post("/v1/dead-letters/replay", {"ids": [letter["id"]]})["failed"] == 1
    assert careful.post("/v1/dead-letters/replay", {"filter": {}, "changes": {"address": "ok@sandbox.carillon.test"}}
                        )["total"] == 1
    again = careful.post("/v1/dead-letters/replay", {"ids": [letter["delivery_id"]],
                                                     "changes": {"address": "ok@sandbox.carillon.test"}})
    assert again["done"] == 1
    assert only(careful.wait_final(letter["notification_id"])["deliveries"])["status"] == "sent"


def test_hundreds_are_a_job_that_goes_on_after_a_crash(careful):
    lose(careful, 450)
    die_at(careful, "discard.after_piece",
           lambda: careful.post("/v1/dead-letters/discard", {"filter": {"channel": "email"}, "reason": "outage"}))
    careful.start()
    job = harness.wait_until(lambda: careful.get("/v1/jobs")["data"], "the job is there")[0]
    done = wait_job(careful, job)
    assert (done["state"], done["done"], done["total"], done["failed"]) == ("completed", 450, 450, 0)
    assert open_letters(careful) == []
    ended = careful.all("/v1/dead-letters?closed=true")
    assert len(ended) == 450 and {letter["discarded"]["reason"] for letter in ended} == {"outage"}
    entries = [e for e in careful.all("/v1/audit?action=delivery") if e["action"] == "delivery.discard"]
    assert len(entries) == 450, "each once"
    assert careful.accountability()["states"]["unknown"] == 450


def test_what_comes_after_the_word_is_not_given_up(careful):
    lose(careful, 1)
    done = wait_job(careful, careful.post("/v1/dead-letters/discard", {"filter": {}, "reason": "old"}))
    assert done["done"] == 1
    lose(careful, 2)
    assert len(open_letters(careful)) == 2


def test_the_command_line_does_the_same_also_on_a_stopped_store(careful):
    lose(careful, 3)
    data = ("--data", careful.data)
    refused = harness.run("dlq", "discard", "--all", *data)
    assert refused.code != 0 and "--why" in refused.err
    done = harness.run("dlq", "discard", "--id", open_letters(careful)[0]["id"], "--why", "wrong number", *data)
    assert done.code == 0 and "1 of 1 are given up" in done.out, done
    careful.stop()
    done = harness.run("dlq", "discard", "--all", "--why", "the offer is over", *data)
    assert done.code == 0 and "2 of 2 are given up" in done.out, done
    careful.start()
    assert open_letters(careful) == []
