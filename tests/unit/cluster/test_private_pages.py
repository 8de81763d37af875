"""Dask's pages on a machine with other users; what stands behind them runs as root here."""

from __future__ import annotations

import os
import socket
import time

import psutil
import pytest

from hven.cluster.local import notebook_client
from hven.cluster.private_pages import user_of_peer
from hven.core.settings import Profile

GET = "GET {path} HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n"
UPGRADE = (
    "GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
)
PAGES = {
    "status": (GET, "/status"),
    "JSON": (GET, "/json/counts.json"),
    "performance": (GET, "/individual-task-stream"),
    "metrics": (GET, "/metrics"),
    "sitemap": (GET, "/sitemap.json"),
    "websocket": (UPGRADE, "/eventstream"),
    "bokeh's websocket": (UPGRADE, "/status/ws"),
}


@pytest.fixture(scope="module")
def client():
    client = notebook_client(Profile(workers=1, memory_gb=0.6))
    yield client
    client.close()
    client.cluster.close()


@pytest.fixture(scope="module")
def pages(client):
    return client.scheduler_info(n_workers=0)["services"]["dashboard"]


def ask(account, port, request, path):
    """What a program of somebody gets for a request; it waits a moment for more than one answer."""
    script = f'exec 3<>/dev/tcp/127.0.0.1/{port}; printf "{request.format(path=path)}" >&3; timeout 5 head -c 12 <&3'
    return account.run("bash", "-c", script).stdout


@pytest.mark.parametrize("page", PAGES)
def test_another_user_gets_nothing(page, pages, accounts):
    assert ask(accounts.bert, pages, *PAGES[page]) == ""


def test_the_owner_gets_pages_and_websocket(pages):
    for page, first in (("status", b"HTTP/1.1 200"), ("websocket", b"HTTP/1.1 101")):
        request, path = PAGES[page]
        with socket.create_connection(("127.0.0.1", pages)) as connection:
            connection.sendall(request.format(path=path).replace("\\r\\n", "\r\n").encode())
            connection.settimeout(20)
            assert connection.recv(12) == first


def test_a_connection_that_was_left_is_nobodys(accounts):
    """A closed socket has no owner in the kernel's table, which writes root's number there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        accounts.bert.run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}; echo >&3")
        connection, _ = server.accept()
        until = time.monotonic() + 5
        with connection:
            while (found := user_of_peer(connection)) == accounts.bert.uid and time.monotonic() < until:
                time.sleep(0.05)
            assert found is None


def test_the_kernel_tells_users_apart(accounts):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with accounts.bert.popen("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}; read -u 3 line") as bert:
            connection, _ = server.accept()
            with connection:
                assert user_of_peer(connection) == accounts.bert.uid
            bert.wait(10)
        with socket.create_connection(("127.0.0.1", port)):
            connection, _ = server.accept()
            with connection:
                assert user_of_peer(connection) == os.geteuid()


def test_workers_have_no_pages(client, accounts):
    def ports():
        return [c.laddr.port for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]

    ((worker, found),) = client.run(ports).items()

    assert len(found) == 2  # for the scheduler and its pages' place
    for port in set(found) - {int(worker.rpartition(":")[2])}:
        assert ask(accounts.bert, port, GET, "/health") == ""
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 404"
