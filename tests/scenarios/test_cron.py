"""When a cron expression fires, compared with another implementation: croniter names the local times, zoneinfo says
when clocks show them."""
import datetime
import os
import random
import sys
import zoneinfo

import harness

try:
    import croniter
except ImportError:  # another Python than Debian's: its packages are plain Python
    sys.path.append("/usr/lib/python3/dist-packages")
    import croniter

UTC = datetime.timezone.utc
CASES = int(os.environ.get("CARILLON_CRON_CASES", "400"))
COUNT = 12
ZONES = ["UTC", "America/New_York", "America/St_Johns", "Europe/London", "Europe/Berlin", "Asia/Seoul",
         "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Chatham", "America/Santiago", "Asia/Kathmandu",
         "America/Havana", "Africa/Cairo", "Asia/Beirut"]
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()


def moment(local, zone):
    """The first moment at which a clock there shows that time, or, where it is skipped, something later."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    low, high = first - datetime.timedelta(hours=26), first + datetime.timedelta(hours=26)
    while high - low > datetime.timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(zone).replace(tzinfo=None) >= local else (middle, high)
    return high.replace(microsecond=0)


def wanted(expression, zone, start, count):
    """Naive local times from croniter, turned into moments; the same moment counts once."""
    zone = zoneinfo.ZoneInfo(zone)
    local = start.astimezone(zone).replace(tzinfo=None)
    found = []
    for naive in croniter.croniter(expression, local, ret_type=datetime.datetime, max_years_between_matches=50):
        at = moment(naive, zone)
        if at > start and (not found or at > found[-1]):
            found.append(at)
        if len(found) == count:
            return found


def any_field(rng, low, high, names=None):
    def value():
        n = rng.randint(low, high)
        return names[n - low] if names and rng.random() < 0.4 else str(n)

    def entry():
        kind = rng.random()
        if kind < 0.4:
            return value()
        a, b = sorted(rng.sample(range(low, high + 1), 2))
        step = f"/{rng.randint(1, min(9, high - low))}" if kind > 0.8 else ""
        return f"{a}-{b}{step}"

    kind = rng.random()
    if kind < 0.35:
        return "*"
    if kind < 0.5:
        return f"*/{rng.randint(1, (high - low) // 2)}"
    return ",".join(entry() for _ in range(rng.choice([1, 1, 2, 3])))


def any_expression(rng):
    if rng.random() < 0.1:
        return rng.choice(["@hourly", "@daily", "@weekly", "@monthly", "@yearly"])
    hours = any_field(rng, 0, 23) if rng.random() < 0.5 else any_field(rng, 0, 4)
    return " ".join([any_field(rng, 0, 59), hours, any_field(rng, 1, 28), any_field(rng, 1, 12, MONTHS),
                     any_field(rng, 0, 6, DAYS)])


def changes(zone, year):
    """The days around which the clocks of that zone change in that year."""
    zone = zoneinfo.ZoneInfo(zone)
    day = datetime.datetime(year, 1, 1, tzinfo=UTC)
    found, before = [], zone.utcoffset(day.astimezone(zone).replace(tzinfo=None))
    while day.year == year:
        day += datetime.timedelta(days=1)
        now = day.astimezone(zone).utcoffset()
        if now != before:
            found.append(day)
        before = now
    return found


def fires(expression, zone, start, count=COUNT):
    done = harness.run("schedule", "next", expression, "--zone", zone, "--from", start.isoformat(), "--count", count,
                       "--json")
    assert done.code == 0, done
    return [datetime.datetime.fromisoformat(e["at"].replace("Z", "+00:00")) for e in done.json["data"]]


def test_random_expressions_fire_when_the_reference_says():
    seed = int(os.environ.get("CARILLON_CRON_SEED") or random.randrange(10**9))
    rng = random.Random(seed)
    around = {zone: [d for year in (2025, 2026, 2027) for d in changes(zone, year)] for zone in ZONES}
    for _ in range(CASES):
        expression, zone = any_expression(rng), rng.choice(ZONES)
        if around[zone] and rng.random() < 0.7:
            start = rng.choice(around[zone]) - datetime.timedelta(minutes=rng.randrange(3 * 1440))
        else:
            start = datetime.datetime(2026, 1, 1, tzinfo=UTC) + datetime.timedelta(minutes=rng.randrange(3 * 525600))
        start += datetime.timedelta(seconds=rng.choice([0, 0, 29]))
        want = wanted(expression, zone, start, COUNT)
        assert fires(expression, zone, start) == want, f"seed {seed}: {expression!r} {zone} from {start}"


def test_every_minute_over_each_change_of_the_clocks():
    for zone in ZONES:
        for change in changes(zone, 2026):
            start = change - datetime.timedelta(hours=25)
            assert fires("*/10 * * * *", zone, start, 300) == wanted("*/10 * * * *", zone, start, 300), (zone, change)


def test_a_wrong_expression_is_explained():
    for expression, word in (("0 0 30 2 *", "never fires"), ("60 * * * *", "minute"), ("* * * *", "five fields")):
        done = harness.run("schedule", "next", expression)
        assert done.code != 0 and word in done.err, done
    assert harness.run("schedule", "next", "@daily", "--zone", "Mars/Olympus").code != 0
    assert harness.run("schedule", "next", "@daily", "--from", "tomorrow").code != 0
    shown = harness.run("schedule", "next", "0 9 * * mon", "--zone", "Asia/Seoul", "--from", "2026-11-25T00:00:00Z")
    assert "2026-11-30T09:00:00+09:00" in shown.out
