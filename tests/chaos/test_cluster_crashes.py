import time
import pytest
from cluster import ClusterWorld, Engines

@pytest.fixture(scope="module")
def engines():
    e = Engines()
    yield e
    e.end()

def test_one_worker(tmp_path, engines, capsys):
    world = ClusterWorld(tmp_path, engines, "1")
    try:
        world.tell("up")
        world.clients.resume()
        time.sleep(3)
        world.kill("worker-1")
        world.start("worker-1")
        time.sleep(3)
        world.settle()
        v = world.verdict()
    finally:
        world.end()
        with capsys.disabled():
            print("\n".join(world.told))
    with capsys.disabled():
        print(v.line())
    assert not v.problems
