"""The checker of the crash test sees each broken promise: a green crash test would prove nothing otherwise."""
import pytest

from checker import Event, check

EVENT = Event("e1", ["a@example.test"], "accepted", "ntf_1", {"ntf_1"})
ROW = {"id": "dlv_1", "notification_id": "ntf_1", "status": "sent", "resent": 0}
MESSAGE = {"delivery": "dlv_1", "recipient": "a@example.test", "collapse": "dlv_1-0", "time_ms": 1}
ACCOUNT = {"exact": True, "accepted": 1}


def problems(events=(EVENT,), rows=(ROW,), log=(MESSAGE,), account=ACCOUNT, most=None):
    return check(list(events), list(rows), list(log), account, most).problems


def test_all_well():
    assert problems() == []
    assert problems(rows=[{**ROW, "resent": 1}], log=[MESSAGE, MESSAGE]) == []


@pytest.mark.parametrize("what, given", {
    "lost": {"rows": [], "log": []},
    "never ends": {"rows": [{**ROW, "status": "processing"}]},
    "phantom of nobody": {"log": [MESSAGE, {**MESSAGE, "delivery": "dlv_2"}]},
    "phantom of a refusal": {"events": [Event("e1", ["a@example.test"], "refused")]},
    "sent twice": {"log": [MESSAGE, MESSAGE]},
    "three times, announced once": {"rows": [{**ROW, "resent": 1}], "log": [MESSAGE] * 3},
    "repeated under another handle": {"rows": [{**ROW, "resent": 1}], "log": [MESSAGE, {**MESSAGE, "collapse": "x"}]},
    "said to be sent": {"log": []},
    "said to have failed": {"rows": [{**ROW, "status": "failed"}]},
    "accepted twice": {"account": {"exact": True, "accepted": 2}},
    "account": {"account": {"exact": False, "accepted": 1}},
    "two ids": {"events": [Event("e1", [], "accepted", "ntf_1", {"ntf_1", "ntf_2"})]},
    "more than were in flight": {"rows": [{**ROW, "resent": 1}], "log": [MESSAGE, MESSAGE], "most": 0},
}.items())
def test_it_sees(what, given):
    assert problems(**given), what
