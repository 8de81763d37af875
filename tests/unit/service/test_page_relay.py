"""The relay before page processes, with real servers behind it and real clients before it."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpx
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler
from websockets.sync.client import connect

from hven.service.page_relay import relay

LONG = 3_000_000


class Who(RequestHandler):
    def get(self):
        self.write({"seat": self.application.settings["seat"], "host": self.request.host})

    def post(self):
        self.write({"seat": self.application.settings["seat"], "length": len(self.request.body)})


class Long(RequestHandler):
    def get(self):
        self.write(b"x" * LONG)


class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(f"{self.application.settings['seat']} {message}")


class Server:
    """One of the servers that are handed visitors."""

    def __init__(self, seat, folder):
        routes = [("/who", Who), ("/long", Long), ("/ws", Echo)]
        self.server = HTTPServer(Application(routes, seat=seat))
        self._socket = folder / str(seat)
        self.server.add_socket(bind_unix_socket(str(self._socket)))

    async def socket(self):
        return self._socket

    def end(self):
        self.server.stop()


@pytest.fixture
def relayed(tmp_path):
    """Port of a relay before two servers, and what runs a function beside them."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    servers, started, loops = [], threading.Event(), []

    async def work():
        servers.extend([Server(0, tmp_path), Server(1, tmp_path)])
        loops.append(asyncio.get_running_loop())
        loops[0].call_later(0.1, started.set)
        await relay("127.0.0.1", port, servers)

    threading.Thread(target=asyncio.run, args=(work(),), daemon=True).start()
    assert started.wait(10)
    return port, lambda seat: loops[0].call_soon_threadsafe(servers[seat].end)


def by(session):
    return {"Cookie": f"other=1; jupyterhub-session-id={session}; more=2"}


def test_visitors_are_shared_out_and_come_back_to_where_they_were_though_they_share_a_connection(relayed):
    port, _ = relayed
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        seats = [client.get("/who", headers=by(who)).json()["seat"] for who in ("a", "b", "c", "d") * 3]
        told = client.get("/who", headers=by("a")).json()

    assert seats[:4] == [0, 1, 0, 1]
    assert seats == seats[:4] * 3
    assert told["host"] == f"127.0.0.1:{port}"


def test_bodies_and_long_answers_go_through_whole(relayed):
    port, _ = relayed
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.post("/who", content=b"y" * LONG, headers=by("a")).json()["length"] == LONG
        assert len(client.get("/long").content) == LONG


def test_websockets_of_a_visitor_come_to_the_process_of_their_page(relayed):
    port, _ = relayed
    httpx.get(f"http://127.0.0.1:{port}/who", headers=by("a"))
    seat = httpx.get(f"http://127.0.0.1:{port}/who", headers=by("b")).json()["seat"]

    with connect(f"ws://127.0.0.1:{port}/ws", additional_headers=by("b")) as channel:
        for word in ("one", "two"):
            channel.send(word)
            assert channel.recv(10) == f"{seat} {word}"


def test_a_visitor_whose_process_has_just_gone_is_told_to_come_again_and_the_others_stay(relayed):
    port, end = relayed
    first, second = (httpx.get(f"http://127.0.0.1:{port}/who", headers=by(who)).json()["seat"] for who in "ab")
    end(first)

    gone = httpx.get(f"http://127.0.0.1:{port}/who", headers=by("a"))

    assert (gone.status_code, gone.headers["Retry-After"]) == (503, "5")
    assert httpx.get(f"http://127.0.0.1:{port}/who", headers=by("b")).json()["seat"] == second


def test_what_is_no_request_ends_its_own_connection_only(relayed):
    port, _ = relayed
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(b"no request\r\n" * 10_000)
        one.shutdown(socket.SHUT_WR)

    assert httpx.get(f"http://127.0.0.1:{port}/who").status_code == 200
