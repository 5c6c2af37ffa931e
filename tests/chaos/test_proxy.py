"""The network that the cluster is tested on breaks as it says: a test on one that does not would prove nothing."""
import socket
import threading

import pytest

from proxy import Network

SOON_S = 0.3


@pytest.fixture
def echo():
    """An engine that says again what it hears; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection):
        with connection:
            try:
                while data := connection.recv(1000):
                    connection.sendall(data)
            except OSError:
                pass

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()
    listener.close()


@pytest.fixture
def network(echo):
    made = Network()
    made.link("x", echo)
    yield made
    made.end()


@pytest.fixture
def connection(network):
    with socket.create_connection(("127.0.0.1", network.links["x"]), timeout=5) as made:
        assert says(made, b"hello") == b"hello"
        yield made


def says(connection, what):
    connection.sendall(what)
    return connection.recv(1000)


def test_a_black_hole_keeps_all_until_it_ends(network, connection):
    network.disturb("x", "black_hole")
    connection.settimeout(SOON_S)
    with pytest.raises(TimeoutError):
        says(connection, b"one")
    with socket.create_connection(("127.0.0.1", network.links["x"]), timeout=SOON_S) as other:
        with pytest.raises(TimeoutError):
            says(other, b"two")
        network.heal()
        for each, text in ((connection, b"one"), (other, b"two")):
            each.settimeout(5)
            assert each.recv(1000) == text


def test_a_reset_ends_what_there_is_and_what_comes(network, connection):
    network.disturb("x", "reset")
    with pytest.raises(ConnectionError):
        while True:
            says(connection, b"one")
    with pytest.raises(OSError):
        with socket.create_connection(("127.0.0.1", network.links["x"]), timeout=5) as other:
            assert says(other, b"two") == b"two"
    network.heal()
    with socket.create_connection(("127.0.0.1", network.links["x"]), timeout=5) as other:
        assert says(other, b"three") == b"three"


def test_a_half_closed_one_ends_and_others_pass(network, connection):
    network.disturb("x", "half_close")
    assert connection.recv(1000) == b""
    with socket.create_connection(("127.0.0.1", network.links["x"]), timeout=5) as other:
        assert says(other, b"two") == b"two"


def test_a_slow_one_passes_all(network, connection):
    network.disturb("x", "slow")
    assert says(connection, b"one") == b"one"
