"""One mail server answers nothing: whatever another can carry is not held up behind it."""
import harness
import pytest
from people import sent_one

MAIL = {"channels": ["email"], "title": "x", "body": "y"}


@pytest.fixture
def spare(make_simulator):
    return make_simulator(name="spare")


@pytest.fixture
def two_servers(make_server, simulator, spare):
    """A small window, a silent mail server in front, one that works behind it."""
    server = make_server(settings={"pipeline.window": 16})
    for key, vendor in (("silent", simulator), ("spare", spare)):
        body = harness.integrations(vendor)["smtp"]
        body["settings"] |= {"timeout": "60s", "max_in_flight": 2}
        server.put(f"/v1/integrations/{key}", body)
    simulator.faults(smtp={"black_hole": True})
    return server


def test_a_silent_integration_holds_no_more_than_half_of_the_window(two_servers, spare):
    for n in range(40):
        two_servers.send(to=[{"email": f"u{n}@example.test"}], **MAIL)
    # As the server tells it: the mail server knows of a mail before its result is recorded here.
    sent = lambda: sum(d["status"] == "sent" for d in two_servers.all("/v1/deliveries"))  # noqa: E731
    harness.wait_until(lambda: sent() >= 32, lambda: f"only {sent()} went by the other")
    assert sent() == 32, "half of the window waits for the silent one"
    assert spare.counts()["smtp"]["accepted"] == 32


def test_mail_of_another_route_passes_those_that_wait(two_servers, spare):
    for position, (category, integration) in enumerate([("general", "silent"), ("security", "spare")], 1):
        two_servers.put(f"/v1/routes/{category}", {"position": position, "chain": [{"integration": integration}],
                                                   "match": {"channel": "email", "category": category}})
    for n in range(10):
        two_servers.send(to=[{"email": f"u{n}@example.test"}], **MAIL)
    passed = sent_one(two_servers, to=[{"email": "ann@example.test"}], category="security", priority="normal", **MAIL)
    assert passed["status"] == "sent" and passed["integration"] == "spare"
    assert spare.counts()["smtp"]["accepted"] == 1
