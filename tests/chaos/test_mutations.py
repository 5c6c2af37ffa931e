"""A server that answers before its commit, and one without fencing, turn the crash test red.

Their builds are made by `make verify` (presets ack_before_commit and no_fencing).
"""
import time

import pytest

import harness
from world import World, failpoints

ROUNDS = 20
PATIENCE_S = 20  # what is broken may never settle
SEED = str(time.time_ns() % 10**9)


@pytest.mark.parametrize("mutation", ["ack_before_commit", "no_fencing"])
def test_the_crash_test_turns_red(tmp_path, monkeypatch, mutation, capsys):
    binary = harness.ROOT / "build" / mutation / "carillon"
    if not binary.exists():
        pytest.skip(f"{binary} is not built: cmake --preset {mutation} && cmake --build --preset {mutation}")
    monkeypatch.setattr(harness, "BINARY", binary)
    places = [place for place in failpoints() if place.startswith(("store.", "accept."))]
    world = World(tmp_path, SEED)
    found = []
    try:
        for n in range(ROUNDS):
            world.round(world.rng.choice(places) if n % 2 else None)
        try:
            world.settle(PATIENCE_S)
            found = world.verdict().problems
        except AssertionError as problem:
            found = [str(problem)[:500]]
    finally:
        world.end()
    with capsys.disabled():
        print(f"\nchaos: {mutation}, seed {SEED}: {len(found)} problems, such as: {(found or ['none'])[0][:200]}")
    assert found, f"the checker did not see what {mutation} breaks; seed {SEED}"
