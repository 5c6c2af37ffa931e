"""Fixtures of the scenarios; harness.py says how to use them.

    server        a running server with its own data folder, nothing configured: all ends in the sandbox
    make_server   the same on demand: make_server(settings={"dedup.window": "1m"}), start=False to wait
    simulator     the vendors' simulator, running
    connected     `server` with the simulator's four integrations
"""
import sys

import pytest

import harness
import postgres

sys.path.append(str(harness.ROOT / "build" / "python"))  # libraries of others: tools/install_dependencies.sh test


@pytest.fixture
def processes(request):
    """Ends what the test started and, when it failed, shows the end of each log."""
    started = []
    yield started
    report = getattr(request.node, "report_call", None)
    for process in reversed(started):
        if report is not None and report.failed and process.log_file.exists():
            print(f"\n---- {process.log_file.name} ----\n"
                  f"{process.log_text(since_start=False)[-harness.LOG_TAIL_BYTES:]}")
        process.end()


@pytest.fixture(autouse=True)
def account(processes):
    """Whatever the story was: what was accepted is the sum of all states, exactly."""
    yield
    for server in processes:
        answers = isinstance(server, harness.Server) and server.command[0] in ("serve", "api")
        if answers and server.is_running() and server.token:
            seen = server.accountability()
            assert seen["exact"], f"accepted is not the sum of the states: {seen}"


@pytest.fixture
def make_server(tmp_path, processes):
    def make(settings=None, environment=None, name="server", start=True, command=("serve",)):
        server = harness.Server(tmp_path / name, settings, environment, command)
        processes.append(server)
        return server.start() if start else server
    return make


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def make_simulator(tmp_path, processes):
    def make(*flags, name="simulator"):
        simulator = harness.Simulator(tmp_path / name, *flags)
        processes.append(simulator)
        return simulator.start()
    return make


@pytest.fixture
def simulator(make_simulator):
    return make_simulator()


@pytest.fixture
def connected(server, simulator):
    return harness.connect(server, simulator)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.report_call = report


@pytest.fixture(scope="session")
def postgres_cluster():
    """A PostgreSQL that runs as long as the tests; without one they skip, which CI=true turns into a failure."""
    if not postgres.binaries():
        pytest.skip("postgres: PostgreSQL is not installed; run tools/install_dependencies.sh test")
    cluster = postgres.Cluster()
    yield cluster
    cluster.end()
