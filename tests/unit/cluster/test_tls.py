"""What breaks one TLS connection of a cluster leaves the others of the same thread whole."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing, suppress

import pytest

from hven.cluster.certificates import make_keys, security


@pytest.fixture
def contexts(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    make_keys(folder)
    keys = security(folder)
    return keys.get_listen_args("scheduler")["ssl_context"], keys.get_connection_args("worker")["ssl_context"]


def connected(contexts):
    """Give both ends of a connection, that of the scheduler first; it does not wait."""
    listening, connecting = contexts
    ends = socket.socketpair()
    made = []
    other = threading.Thread(target=lambda: made.append(connecting.wrap_socket(ends[1])))
    other.start()
    here = listening.wrap_socket(ends[0], server_side=True)
    other.join()
    here.setblocking(False)
    return here, made[0]


def lost(contexts, use):
    """Give the scheduler's end of a connection whose other end is gone; one that has yet to shake hands, for that."""
    if use is not shake_hands:
        here, there = connected(contexts)
    else:
        ends = socket.socketpair()
        here, there = contexts[0].wrap_socket(ends[0], server_side=True, do_handshake_on_connect=False), ends[1]
    there.close()
    return here


def read(connection):
    connection.recv(1)


def write(connection):
    for _ in range(3):
        connection.send(b"x")


def shake_hands(connection):
    connection.do_handshake()


@pytest.mark.parametrize("use", [read, write, shake_hands])
def test_a_connection_that_breaks_takes_no_other_along(contexts, use):
    whole, peer = connected(contexts)
    with closing(whole), closing(peer), closing(lost(contexts, use)) as broken:
        with suppress(OSError):
            use(broken)

        with pytest.raises(ssl.SSLWantReadError):
            whole.recv(1)
        peer.send(b"still here")
        whole.setblocking(True)
        assert whole.recv(20) == b"still here"
