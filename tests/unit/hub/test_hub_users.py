"""What is asked of the hub about its users, and what is made of its answer."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest
from jupyterhub import scopes

from hven.core.clock import parse_utc
from hven.core.errors import ServiceUnavailableError
from hven.hub import hub_users
from hven.hub.hub_users import AskHub, UserServer
from hven.hub.roles import roles

TOKEN = "the-token-of-the-dashboards"
ADA = {
    "name": "", "ready": True, "pending": None, "started": "2025-10-22T04:00:00.123456Z",
    "last_activity": "2025-10-22T05:00:00.000000Z", "user_options": {"profile": "small", "environment": ""},
}  # fmt: skip
BERT = {"name": "gpu", "ready": False, "pending": "spawn", "started": None, "last_activity": None}


class Hub:
    """As much of the hub's API as is asked for; keeps what it was asked."""

    def __init__(self):
        self.users = [{"name": "bert", "servers": {"gpu": BERT}}, {"name": "ada", "servers": {"": ADA}}]
        self.known, self.status, self.body, self.asked = 7, 200, None, []

    def answer(self, path, headers):
        self.asked.append((path, headers))
        if self.body is not None or self.status != 200:
            return self.body or b"{}"
        query = {key: values[0] for key, values in parse_qs(urlparse(path).query).items()}
        if query.get("state") != "active":
            return self.paged([{"kind": "user", "name": "zoe"}], self.known)
        begin = int(query["offset"])
        return self.paged(self.users[begin : begin + int(query["limit"])], len(self.users))

    def paged(self, items, total):
        return json.dumps({"items": items, "_pagination": {"offset": 0, "limit": 1, "total": total}}).encode()


@pytest.fixture
def hub():
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = hub.answer(self.path, dict(self.headers))
            self.send_response(hub.status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}/hub/api"
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_users_are_counted_and_servers_listed_by_user(hub):
    found = AskHub(hub.url, TOKEN)()
    assert found.users == 7
    assert found.servers == (
        UserServer("ada", "", True, "", parse_utc("2025-10-22T04:00:00Z"), parse_utc("2025-10-22T05:00:00Z"),
                   {"profile": "small"}),
        UserServer("bert", "gpu", False, "spawn", None, None, {}),
    )  # fmt: skip
    assert {headers["Authorization"] for _, headers in hub.asked} == {f"token {TOKEN}"}


def test_all_pages_of_a_long_list_are_read(hub):
    hub.users = [{"name": f"user{n:03}", "servers": {"": ADA}} for n in range(250)]
    assert [s.user for s in AskHub(hub.url, TOKEN)().servers] == [user["name"] for user in hub.users]


def test_many_pages_ask_the_hub_once_and_again_after_some_seconds(hub, monkeypatch):
    ask = AskHub(hub.url, TOKEN)
    with ThreadPoolExecutor(8) as pool:
        assert len({found.users for found in pool.map(lambda _: ask(), range(40))}) == 1
    assert len(hub.asked) == 2
    ask._until = 0.0
    hub.known = 8
    assert ask().users == 8


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, None, "403"),
        (200, b"<html>", "not of the form"),
        (200, b'{"items": [{}], "_pagination": {"total": 1}}', "not of the form"),
    ],
)
def test_a_hub_that_refuses_or_says_something_else_is_told_in_words(hub, status, body, words):
    hub.status, hub.body = status, body
    with pytest.raises(ServiceUnavailableError, match=words):
        AskHub(hub.url, TOKEN)()


def test_a_hub_that_does_not_answer_is_not_asked_by_every_page(hub, monkeypatch):
    monkeypatch.setattr(hub_users, "TIMEOUT_S", 0.2)
    release = threading.Event()
    monkeypatch.setattr(hub, "answer", lambda *asked: hub.asked.append(asked) or (release.wait(20) and b""))
    ask = AskHub(hub.url, TOKEN)
    for _ in range(5):
        with pytest.raises(ServiceUnavailableError, match=r"no answer \(ReadTimeout\)"):
            ask()
    assert len(hub.asked) == 1
    release.set()


def test_a_former_answer_is_not_given_for_a_hub_that_is_gone(hub):
    ask = AskHub(hub.url, TOKEN)
    ask()
    hub.status, ask._until = 503, 0.0
    with pytest.raises(ServiceUnavailableError):
        ask()


def test_the_token_is_in_no_text(hub):
    ask = AskHub(hub.url, TOKEN)
    hub.status = 500
    with pytest.raises(ServiceUnavailableError) as error:
        ask()
    assert TOKEN not in f"{ask!r} {error.value}"


def test_no_proxy_of_the_environment_sees_the_token(hub, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert AskHub(hub.url, TOKEN)().users == 7


def test_the_pages_may_list_users_and_servers_and_nothing_else():
    (role,) = [role for role in roles({}) if "dashboards" in role.get("services", [])]
    allowed = set().union(*map(scopes._expand_scope, role["scopes"]))
    assert allowed == {"list:users", "read:users:name", "read:servers"}
