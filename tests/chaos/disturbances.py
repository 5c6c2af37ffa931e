"""What can happen to a cluster. Each function does one thing to it, waits as long as it lasts, and takes it back.

Deaths are counted by the world; the others need not be. A function ends with every process running, though perhaps
not ready yet: what comes next finds a cluster that has not recovered.
"""
import os
import signal
import threading
import time

import harness
from cluster import LEASE_S, ROLES
from proxy import WAYS
from world import FAULTS, failpoints

DEATHS, TROUBLES = {}, {}
HITS_MAX = 60
DIE_WITHIN_S = 3
# Which process passes which places, by the first part of their names.
PASSES = {
    "api": ("accept", "store"), "router": ("expand", "store"), "worker-1": ("claim", "deliver", "record", "store"),
    "worker-2": ("claim", "deliver", "record", "store", "recover"),
}


def death(function):
    DEATHS[function.__name__] = function
    return function


def trouble(function):
    TROUBLES[function.__name__] = function
    return function


# ---- processes


def kill_one(name):
    def kill(world):
        world.kill(name)
        world.start(name)
    kill.__name__ = f"kill_{name}"
    return death(kill)


for _name in ROLES:
    kill_one(_name)


@death
def kill_both_workers(world):
    for name in ("worker-1", "worker-2"):
        world.kill(name)
    for name in ("worker-2", "worker-1"):
        world.start(name)


@death
def kill_all_processes(world):
    """As when a machine loses its power, whose disk was synced a moment ago."""
    names = list(ROLES)
    world.rng.shuffle(names)
    for name in names:
        world.kill(name)
    for name in reversed(names):
        world.start(name)


@death
def die_at_a_place(world):
    """A process dies at a named place of the source (CARILLON_FAILPOINT)."""
    name = world.rng.choice(sorted(PASSES))
    place = world.rng.choice([p for p in failpoints() if p.startswith(PASSES[name])])
    world.tell(f"{name} dies at {place}")
    process = world.processes[name]
    process.kill()
    world.in_doubt += name.startswith("worker")
    is_rare = place.startswith(("recover", "expand"))
    process.environment["CARILLON_FAILPOINTS"] = f"{place}:kill:{1 if is_rare else world.rng.randint(1, HITS_MAX)}"
    world.start(name)
    del process.environment["CARILLON_FAILPOINTS"]
    end = time.monotonic() + DIE_WITHIN_S
    while process.is_running() and time.monotonic() < end:
        time.sleep(0.02)
    world.kill(name)
    world.start(name)


@death
def a_new_machine_for_a_worker(world):
    """It is killed and comes back without its folder: nobody knows what it had begun."""
    name = world.rng.choice(["worker-1", "worker-2"])
    world.kill(name)
    os.rename(world.processes[name].data, f"{world.processes[name].data}-{world.kills}")
    world.start(name)


@trouble
def restart_in_order(world):
    name = world.rng.choice(sorted(ROLES))
    world.tell(f"SIGTERM to {name}")
    process = world.processes[name]
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(world.rng.uniform(0, 1))
    process.stop()
    world.start(name)


def freeze(world, name, seconds):
    """SIGSTOP, and SIGCONT later: as a machine that was suspended, or moved to another host."""
    process = world.processes[name]
    world.tell(f"{name} stands still for {seconds:.1f} s")
    world.in_doubt += name.startswith("worker")
    os.kill(process.pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(process.pid, signal.SIGCONT)


@trouble
def freeze_a_worker(world):
    freeze(world, world.rng.choice(["worker-1", "worker-2"]), LEASE_S + world.rng.uniform(0.5, 3))


@trouble
def freeze_the_leader(world):
    leading = [n for n in ("scheduler-1", "scheduler-2") if "leads from now on" in world.processes[n].log_text()]
    freeze(world, (leading or ["scheduler-1"])[-1], world.rng.uniform(1.5, LEASE_S + 1))


@trouble
def freeze_the_rest(world):
    freeze(world, world.rng.choice(["api", "router"]), world.rng.uniform(0.5, LEASE_S + 1))


@trouble
def a_clock_jumps(world):
    """And stays there until it jumps again."""
    name = world.rng.choice(sorted(world.clocks))
    to = world.rng.choice(["+1h", "-1h", "+0"])
    world.tell(f"the clock of {name} jumps to {to}")
    world.clocks[name].jump(to)


@trouble
def vendors_with_faults(world):
    faults = world.rng.choice([f for f in FAULTS if f])
    world.tell(f"faults {faults}")
    world.simulator.faults(**faults)
    world.in_doubt += 20 * ("reset" in str(faults))
    time.sleep(1)
    world.simulator.faults()


# ---- PostgreSQL


@death
def crash_postgres(world):
    world.in_doubt += 2
    world.engines.postgres.stop("immediate")
    world.kills += 1
    time.sleep(world.rng.choice([0, 0, 0.5, LEASE_S + 1]))
    world.engines.postgres.start()


@trouble
def restart_postgres(world):
    world.in_doubt += 2
    world.engines.postgres.stop("fast")
    world.engines.postgres.start()


@trouble
def end_sessions(world):
    """As a proxy for connections does, or an administrator."""
    world.in_doubt += 2
    world.engines.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                               "AND backend_type = 'client backend'")


# ---- Redis


@trouble
def flush_redis(world):
    world.engines.redis_say("FLUSHALL")


@death
def kill_redis(world):
    world.engines.redis.kill()
    world.kills += 1
    time.sleep(world.rng.choice([0, 1]))
    world.engines.redis.start()


@trouble
def freeze_redis(world):
    world.engines.redis.signal(signal.SIGSTOP)
    time.sleep(world.rng.uniform(0.2, 2))
    world.engines.redis.signal(signal.SIGCONT)


# ---- Kafka, whose start takes several seconds: other things happen meanwhile


def lose_kafka(world, end):
    world.wait_kafka()
    end()
    world.kills += 1
    world.starting_kafka = threading.Thread(target=world.engines.kafka.start, daemon=True)
    world.starting_kafka.start()


@death
def kill_kafka(world):
    lose_kafka(world, world.engines.kafka.kill)


@death
def wipe_kafka(world):
    lose_kafka(world, world.engines.kafka.wipe)


@trouble
def freeze_kafka(world):
    world.wait_kafka()
    world.engines.kafka.signal(signal.SIGSTOP)
    time.sleep(world.rng.uniform(1, 6))
    world.engines.kafka.signal(signal.SIGCONT)


# ---- the network


def disturb(world, names, seconds, way):
    world.tell(f"{way} of {', '.join(names)} for {seconds:.1f} s")
    for name in names:
        world.network.disturb(name, way)
    time.sleep(seconds)
    for name in names:
        if world.rng.random() < 0.5:  # what waited comes late, or never
            world.network.disturb(name, "reset")
        world.network.heal(name)


@trouble
def one_way_breaks(world):
    """Between one process and one engine."""
    name = world.rng.choice(sorted(world.network.links))
    world.in_doubt += 1
    disturb(world, [name], world.rng.choice([0.3, 1, LEASE_S + 1.5]), world.rng.choice(WAYS))


@trouble
def a_process_is_cut_off(world):
    process = world.rng.choice(sorted(ROLES))
    names = [name for name in world.network.links if name.startswith(f"{process}>")]
    world.in_doubt += 1
    disturb(world, names, world.rng.choice([1, LEASE_S + 1.5]), "black_hole")


@trouble
def an_engine_is_cut_off(world):
    engine = world.rng.choice(["postgres", "redis", "kafka"])
    names = [name for name in world.network.links if name.endswith(engine)]
    world.in_doubt += 2
    way = world.rng.choice(["black_hole", "half_close", "reset"])
    disturb(world, names, world.rng.choice([0.5, LEASE_S + 1.5]), way)
