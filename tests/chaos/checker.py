"""The set checker: compares what clients were told, what the server says, and what the vendors took.

Three lists go in, a list of broken promises comes out; nothing here knows of processes or HTTP.
"""
import collections
import dataclasses

OPEN = {"pending", "held", "processing", "retrying"}


@dataclasses.dataclass
class Event:
    """One business event as its client saw it."""
    event_id: str
    recipients: list                 # addresses nobody else is written to at, or [] for a push
    answer: str = "unknown"          # accepted, refused, unknown
    notification_id: str = None
    answers: set = dataclasses.field(default_factory=set)  # every id ever answered for it
    deliveries: int = 1


@dataclasses.dataclass
class Verdict:
    problems: list
    events: int = 0
    accepted: int = 0
    refused: int = 0
    deliveries: int = 0
    sends: int = 0                   # messages the vendors took
    twice: int = 0                   # of them repeats, each announced as resent
    lost: int = 0
    phantom: int = 0
    unexplained: int = 0

    def line(self):
        return (f"{self.events} events: {self.accepted} accepted, {self.refused} refused; "
                f"{self.deliveries} deliveries, {self.sends} messages at the vendors; "
                f"lost {self.lost}, phantom {self.phantom}, "
                f"repeats {self.twice} announced, {self.unexplained} unexplained")


def check(events, deliveries, log, account, in_flight_max=None):
    """`deliveries`: rows of GET /v1/deliveries. `log`: entries of the simulator's truth log.
    `account`: GET /v1/accountability. `in_flight_max`: most repeats that crashes and faults can explain."""
    verdict = Verdict([], len(events))
    _check_events(events, deliveries, verdict)
    _check_messages(events, deliveries, log, verdict)
    if not account["exact"]:
        verdict.problems.append(f"accountability is not exact: {account}")
    expected = sum(e.deliveries for e in events if e.answer == "accepted")
    if account["accepted"] != expected:
        verdict.problems.append(f"the server accepted {account['accepted']} deliveries, its clients {expected}")
    if in_flight_max is not None and verdict.twice > in_flight_max:
        verdict.problems.append(f"{verdict.twice} repeats, but only {in_flight_max} can have been in flight")
    return verdict


def _check_events(events, deliveries, verdict):
    rows = collections.defaultdict(list)
    for delivery in deliveries:
        rows[delivery["notification_id"]].append(delivery)
    known = set()
    for event in events:
        if len(event.answers) > 1:
            verdict.problems.append(f"{event.event_id} was answered with several ids: {sorted(event.answers)}")
        if event.answer == "refused":
            verdict.refused += 1
        if event.answer != "accepted":
            continue
        verdict.accepted += 1
        known.add(event.notification_id)
        mine = rows.get(event.notification_id, [])
        still_open = [d for d in mine if d["status"] in OPEN]
        if len(mine) != event.deliveries or still_open:
            verdict.lost += 1
            verdict.problems.append(f"lost: {event.event_id} = {event.notification_id} has {len(mine)} of "
                                    f"{event.deliveries} deliveries, open: {still_open}")
    for notification in rows.keys() - known:
        verdict.problems.append(f"{notification} is of no accepted event")
    verdict.deliveries = len(deliveries)


def _check_messages(events, deliveries, log, verdict):
    rows = {d["id"]: d for d in deliveries}
    times = collections.defaultdict(list)
    collapse = collections.defaultdict(set)
    for entry in log:
        times[entry["delivery"]].append(entry["time_ms"])
        collapse[entry["delivery"]].add(entry["collapse"])
    verdict.sends = len(log)
    refused = {address for e in events if e.answer == "refused" for address in e.recipients}
    for entry in log:
        if entry["recipient"] in refused or entry["delivery"] not in rows:
            verdict.phantom += 1
            verdict.problems.append(f"phantom: {entry}")
    for delivery_id, row in rows.items():
        count = len(times.get(delivery_id, ()))
        if count > 1:
            verdict.twice += count - 1
            if len(collapse[delivery_id]) != 1:
                verdict.problems.append(f"{delivery_id} was repeated under another handle: {collapse[delivery_id]}")
        if count > 1 + row["resent"]:
            verdict.unexplained += count - 1 - row["resent"]
            verdict.problems.append(f"sent {count} times, announced {row['resent']} repeats, "
                                    f"at {times[delivery_id]} ms: {row}")
        if row["status"] in ("sent", "delivered") and count == 0:
            verdict.problems.append(f"said to be sent, but no vendor has it: {row}")
        if row["status"] in ("failed", "suppressed", "cancelled", "expired") and count > row["resent"]:
            verdict.problems.append(f"said not to be sent, but a vendor has it: {row}")
