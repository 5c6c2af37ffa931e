"""The console's page sees what changes without asking, until it is signed out or the server ends."""
import http.client
import json
import time
import urllib.parse

import harness
from browser import member


class Events:
    """The events of GET /v1/stream, as a browser reads them."""

    def __init__(self, browser):
        parts = urllib.parse.urlsplit(browser.url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=harness.PATIENCE_S)
        self.connection.request("GET", "/v1/stream", headers={"Cookie": browser.cookie, "Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()

    def next(self):
        """(name, data) of the next event; None: the stream has ended."""
        name = None
        while True:
            line = self.answer.readline().decode()
            if not line:
                return None
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                return name, json.loads(line[6:])

    def until(self, wanted):
        while True:
            event = self.next()
            assert event is not None, "the stream ended"
            if wanted(*event):
                return event


def test_numbers_come_by_themselves(server):
    ann = member(server, "ann", {"default": "viewer"})
    events = Events(ann)
    assert events.answer.status == 200 and events.answer.headers["Content-Type"] == "text/event-stream"
    name, first = events.next()
    assert name == "counters" and first["accountability"]["exact"] and isinstance(first["queues"], list)
    server.send(to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
    events.until(lambda name, data: name == "counters" and
                 data["accountability"]["accepted"] == first["accountability"]["accepted"] + 1)
    server.delete("/v1/members/ann")
    while events.next() is not None:
        pass


def test_a_stop_does_not_wait_for_who_watches(server):
    events = Events(member(server, "ann", {"default": "viewer"}))
    assert events.next()[0] == "counters"
    since = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - since < 8
    while events.next() is not None:
        pass
    server.start()


def test_only_so_many_watch(make_server):
    server = make_server(settings={"console.streams": "2"})
    ann = member(server, "ann", {"default": "viewer"})
    first, second = Events(ann), Events(ann)
    assert first.next() and second.next()
    third = Events(ann)
    assert third.answer.status == 503 and int(third.answer.headers["Retry-After"]) > 0
    first.connection.close()
    # Its place is free when the server finds out: with what it says next.
    server.send(to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="x", body="y")
    harness.wait_until(lambda: Events(ann).answer.status == 200, "the place is not given back")
