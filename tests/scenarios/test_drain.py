"""A deployment: SIGTERM under load loses nothing and sends nothing twice."""
import collections
import threading

import harness

SENDERS = 4
ITEMS = 50


def test_a_stop_under_load_loses_nothing(connected, simulator):
    simulator.faults(smtp={"latency_ms": 30})
    accepted, stop = [], threading.Event()

    def send(sender):
        n = 0
        while not stop.is_set():
            items = [{"event_id": f"{sender}-{n}-{i}", "to": [{"email": f"u{i}@example.test"}], "channels": ["email"],
                      "title": "x", "body": "y"} for i in range(ITEMS)]
            n += 1
            try:
                answer = connected.api("POST", "/v1/notifications/batch", {"notifications": items}, auth="app")
            except (OSError, harness.http.client.HTTPException):
                return
            if answer.status != 202:
                return
            accepted.extend(r["id"] for r in answer.body["results"] if "id" in r)

    threads = [threading.Thread(target=send, args=(s,)) for s in range(SENDERS)]
    for thread in threads:
        thread.start()
    harness.wait_until(lambda: simulator.counts()["smtp"]["accepted"] >= 100, "nothing arrives")
    assert connected.stop() == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert accepted
    taken = simulator.counts()["smtp"]["accepted"]
    connected.start()
    simulator.faults()
    harness.wait_until(lambda: done(connected), lambda: connected.accountability(), 60)
    times = collections.Counter(entry["delivery"] for entry in simulator.log("smtp"))
    assert max(times.values()) == 1, "sent twice"
    assert len(times) == connected.accountability()["accepted"] >= len(set(accepted))
    assert taken < len(times), "there was nothing left to do after the restart"


def done(server):
    states = server.accountability()["states"]
    return all(states[open_] == 0 for open_ in ("pending", "held", "processing", "retrying"))


def test_requests_during_the_drain_get_an_answer(connected):
    connected.send(to=[{"email": "ann@example.test"}], channels=["email"], title="x", body="y")
    assert connected.stop() == 0
    assert "stopped" in connected.log_text()
    connected.start()
    assert connected.accountability()["accepted"] == 1
