"""kill -9, again and again, under load: nothing accepted is lost, nothing refused is sent, and what is sent
twice says so.

Two thirds of CHAOS_ROUNDS (default 40; the rest is test_cluster_crashes.py's) are kills: the first ones one at each
named place of the source (CARILLON_FAILPOINT), the rest half at random places, half at random moments. CHAOS_SEED
repeats a run's choices.
"""
import os
import time

from world import World, failpoints

ALL = int(os.environ.get("CHAOS_ROUNDS", "40"))
ROUNDS = ALL - ALL // 3
SEED = os.environ.get("CHAOS_SEED") or str(time.time_ns() % 10**9)


def test_a_server_that_is_killed_keeps_its_promises(tmp_path, capsys):
    places = failpoints()
    assert len(places) >= 15, places
    world = World(tmp_path, SEED)
    try:
        world.rng.shuffle(places)
        for n in range(ROUNDS):
            at_random = n >= len(places)
            place = places[n] if not at_random else world.rng.choice([None, *places]) if n % 2 else None
            world.round(place)
        # 40 rounds have 120 s to drain; a longer run leaves a backlog in proportion.
        world.settle(max(120, 3 * ROUNDS))
        verdict = world.verdict()
    finally:
        world.end()
    with capsys.disabled():
        print(f"\nchaos: seed {SEED}, {world.kills} kills, {len(world.reached)} of {len(places)} named places reached; "
              f"{verdict.line()}")
        never = sorted(set(places[:ROUNDS]) - world.reached)
        if never:
            print(f"chaos: not reached in time, killed at a random moment instead: {', '.join(never)}")
    assert not verdict.problems, f"seed {SEED}:\n" + "\n".join(verdict.problems[:20])
    assert verdict.accepted > 10 * ROUNDS, "there was no load"
