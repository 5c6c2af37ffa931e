"""Clients that send while the server dies under them, as careful clients do: what is not definitely
answered is sent again with the same event id, until it is."""
import http.client
import json
import random
import threading
import time

import harness
from checker import Event

USERS = 20
BATCH = 20
EXPANDED = 300  # more than 256 recipients: expanded in the background
REQUEST_LIMIT_S = 10
OPEN_MAX = 200  # events without an answer, while the server is away; nothing new is thought of then


class Clients:
    """`count` threads. pause() returns when none is inside a request."""

    def __init__(self, server, seed, count):
        self.server = server
        self.events = []
        self._lock = threading.Lock()
        self._up = threading.Event()
        self._is_over = False
        self._again = []  # events without a definite answer
        self.last_trouble = None
        self._threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}/{n}"), n), daemon=True)
                         for n in range(count)]
        for thread in self._threads:
            thread.start()

    def resume(self):
        self._up.set()

    def pause(self):
        self._up.clear()

    def finish(self):
        """No new events; those that are open are sent until they have an answer."""
        self._is_over = True
        self._up.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), self.unanswered()

    def unanswered(self):
        return f"clients got no definite answer for {len(self._again)} events and more, lastly: {self.last_trouble!r}"

    def accepted_deliveries(self):
        """Of what was accepted, also those that are not expanded yet."""
        return sum(event.deliveries for event in self.events if event.answer == "accepted")

    def are_waiting(self):
        return any(thread.is_alive() for thread in self._threads)

    # ---- on the threads

    def _run(self, rng, number):
        connection, n = None, 0
        while True:
            self._up.wait(0.1)
            if not self._up.is_set():
                continue
            work = self._next(rng, number, n)
            if work is None:
                return
            n += 1
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=REQUEST_LIMIT_S)
                self._send(connection, work)
            except (OSError, http.client.HTTPException, ValueError) as problem:
                self.last_trouble = problem
                if connection is not None:
                    connection.close()
                connection = None
                with self._lock:
                    self._again += [item for item in work if item[0].answer == "unknown"]
                time.sleep(0.02)

    def _next(self, rng, number, n):
        """What to send: a list of (event, body). None: all is said and answered."""
        with self._lock:
            is_enough = self._is_over or len(self._again) > OPEN_MAX
            if self._again and (is_enough or rng.random() < 0.5):
                work, self._again = self._again[:BATCH], self._again[BATCH:]
                return work
            if self._is_over:
                return None
        count = BATCH if rng.random() < 0.4 else 1
        work = [self._make(rng, f"{number}-{n}-{i}", count) for i in range(count)]
        with self._lock:
            self.events += [event for event, _ in work]
            if rng.random() < 0.05:  # a client whose queue delivers twice
                self._again += work
        return work

    def _make(self, rng, name, count):
        body = {"event_id": f"e-{name}", "category": "chaos", "title": "The bells ring", "body": name}
        kind = rng.random()
        if kind < 0.03:  # refused as a whole: one recipient is unknown
            address = f"refused-{name}@example.test"
            return (Event(body["event_id"], [address]),
                    {**body, "channels": ["email"], "to": [{"email": address}, {"user_id": "nobody"}]})
        if kind < 0.05 and count == 1:
            addresses = [f"x-{name}-{i}@example.test" for i in range(EXPANDED)]
            return (Event(body["event_id"], addresses, deliveries=EXPANDED),
                    {**body, "channels": ["email"], "to": [{"email": a} for a in addresses]})
        if kind < 0.5:
            address = f"m-{name}@example.test"
            return Event(body["event_id"], [address]), {**body, "channels": ["email"], "to": [{"email": address}]}
        return (Event(body["event_id"], []),
                {**body, "channels": ["push"], "to": [{"user_id": f"user-{rng.randrange(USERS)}"}]})

    def _send(self, connection, work):
        single = len(work) == 1
        path = "/v1/notifications" if single else "/v1/notifications/batch"
        body = work[0][1] if single else {"notifications": [item for _, item in work]}
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json",
                                                            "Authorization": harness.basic(*self.server.app)})
        answer = connection.getresponse()
        status, said = answer.status, json.loads(answer.read())
        results = [{"status": status, **said}] if single else said.get("results")
        if status not in (200, 202, 422) or results is None:
            raise ValueError(f"no definite answer: {status} {said}")
        with self._lock:
            for (event, sent), result in zip(work, results, strict=True):
                self._note(event, sent, result, single)

    def _note(self, event, sent, result, single):
        code = result["status"] if isinstance(result["status"], int) else None
        if "id" in result:
            event.answer, event.notification_id = "accepted", result["id"]
            event.answers.add(result["id"])
        elif (code or result["error"].get("status")) == 422:
            event.answer = "refused"
            if single:
                result = {"error": result}
            assert result["error"].get("code") != "event_id_reused", f"{sent} was sent with another body?"
        else:  # 503 of an item: not stored, as far as is known
            self._again.append((event, sent))
