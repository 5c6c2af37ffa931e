"""Builds that break a promise turn the crash test red: one that answers before its commit, one without fencing, one
that stores offsets before the claim. They are made by `make test` and `make verify` (target `mutants`).
"""
import time

import pytest

import harness
import test_cluster_hints
from cluster import ClusterWorld
from disturbances import freeze
from test_cluster_hints import engines  # noqa: F401
from world import World, failpoints

ROUNDS = 20
FREEZES = 4
PATIENCE_S = 20  # what is broken may never settle
SEED = str(time.time_ns() % 10**9)


@pytest.fixture
def build(monkeypatch):
    def use(mutation):
        binary = harness.ROOT / "build" / "release" / f"carillon_{mutation}"
        if not binary.exists():
            pytest.skip(f"{binary} is not built: cmake --build build/release --target mutants")
        monkeypatch.setattr(harness, "BINARY", binary)
    return use


def problems_of(world):
    """What the checker says, or why there is nothing to be checked."""
    try:
        world.settle(PATIENCE_S)
        return world.verdict().problems
    except AssertionError as problem:
        return [str(problem)[:500]]


def judge(mutation, found, capsys):
    with capsys.disabled():
        print(f"\nchaos: {mutation}, seed {SEED}: {len(found)} problems, such as: {(found or ['none'])[0][:200]}")
    assert found, f"the checker did not see what {mutation} breaks; seed {SEED}"


@pytest.mark.parametrize("mutation", ["ack_before_commit", "no_fencing"])
def test_the_crash_test_turns_red(tmp_path, build, mutation, capsys):
    build(mutation)
    places = [place for place in failpoints() if place.startswith(("store.", "accept."))]
    world = World(tmp_path, SEED)
    try:
        for n in range(ROUNDS):
            world.round(world.rng.choice(places) if n % 2 else None)
        found = problems_of(world)
    finally:
        world.end()
    judge(mutation, found, capsys)


def test_workers_that_wake_up_without_fencing_turn_it_red(tmp_path, build, engines, capsys):  # noqa: F811
    build("no_fencing")
    world = ClusterWorld(tmp_path, engines, SEED)
    try:
        # So that there is always something under way.
        world.simulator.faults(apns={"latency_ms": 300}, smtp={"latency_ms": 100})
        for n in range(FREEZES):
            world.round("freeze", lambda w, n=n: freeze(w, f"worker-{1 + n % 2}", 7))
        found = problems_of(world)
    finally:
        world.end()
    judge("no_fencing in a cluster", found, capsys)


def test_offsets_before_claims_turn_it_red(tmp_path, build, engines):  # noqa: F811
    build("offsets_before_claim")
    with pytest.raises(AssertionError, match="the other hears of what the one had heard of"):
        test_cluster_hints.play(tmp_path, engines)
