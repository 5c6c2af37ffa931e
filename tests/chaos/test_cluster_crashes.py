"""Everything that can die or break in a cluster does, one after the other and at the same time, under load: nothing
accepted is lost, nothing refused is sent, and what is sent twice says so.

A third of CHAOS_ROUNDS (the rest is of test_crashes.py) are kills: every kind once, in random order, then any. Between
them are troubles that kill nobody. CHAOS_SEED repeats a run's choices.
"""
import itertools
import os
import time

import pytest

from cluster import ClusterWorld, Engines
from disturbances import DEATHS, TROUBLES

KILLS = max(1, int(os.environ.get("CHAOS_ROUNDS", "40")) // 3)
SEED = os.environ.get("CHAOS_SEED") or str(time.time_ns() % 10**9)


@pytest.fixture(scope="module")
def engines():
    if why := Engines.why_not():
        pytest.skip(f"{why}: tools/install_dependencies.sh test")
    made = Engines()
    yield made
    made.end()


def endless(rng, things):
    """Each of them once in random order, then any."""
    names = sorted(things)
    rng.shuffle(names)
    for name in itertools.chain(names, iter(lambda: rng.choice(names), None)):
        yield name, things[name]


def test_a_cluster_that_is_disturbed_keeps_its_promises(tmp_path, engines, capsys):
    world = ClusterWorld(tmp_path, engines, SEED)
    deaths, troubles = endless(world.rng, DEATHS), endless(world.rng, TROUBLES)
    try:
        rounds = 0
        while world.kills < KILLS:
            world.round(*next(troubles if rounds % 2 else deaths))
            rounds += 1
        world.settle(max(120, 3 * KILLS))
        verdict = world.verdict()
        said = world.how_it_is() if verdict.problems else ""
    except BaseException:
        with capsys.disabled():
            print(f"\nchaos: seed {SEED}\n{world.how_it_is()}")
        raise
    finally:
        world.end()
    with capsys.disabled():
        print(f"\nchaos, cluster: seed {SEED}, {world.kills} kills and {rounds // 2} other troubles in "
              f"{time.monotonic() - world.began:.0f} s; {verdict.line()}\n{said}")
    assert not verdict.problems, f"seed {SEED}:\n" + "\n".join(verdict.problems[:20])
    assert verdict.accepted > 10 * KILLS, "there was no load"
