"""Who gets at the dashboards, over HTTP and websocket, tried on a real hub and proxy."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import small_products
from bokeh.util.token import generate_jwt_token, generate_session_id, get_session_id, get_token_payload
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.errors import ConfigurationError
from hven.core.trust import trusted
from hven.hub.proxy import proxy_command
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

SUPPORT = Path(__file__).parents[2] / "support"
PASSWORD = "a-password-for-tests"
OWN_TOKEN = secrets.token_hex(32)
PREFIX = "/services/dashboards"
GUARDED = ("/tonight", "/jobs", "/tonight/autoload.js?bokeh-autoload-element=1", "/tonight/metadata")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of the observatory, and of the hub's log."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def jobs(folder):
    """Job table that the services read."""
    database = Database(f"sqlite:///{folder / 'state' / 'platform.sqlite'}")
    yield JobStore(database)
    database.close()


@pytest.fixture(scope="module")
def hub(folder):
    """Address of a hub that serves the dashboards of an empty observatory."""
    try:
        proxy_command(SUPPORT.parents[1])
    except ConfigurationError as error:
        pytest.skip(f"{error.message}; install it with: make up")
    (folder / "data").mkdir()
    (folder / "state").mkdir()
    ports = _free_ports(5)
    (folder / "site.yaml").write_text("root: data\nstate: state\n")
    environment = {
        **os.environ,
        "HVEN_SITE": str(folder / "site.yaml"),
        "HVEN_STATE": str(folder / "state"),
        "TEST_PORTS": ",".join(map(str, ports)),
        "TEST_PASSWORD": PASSWORD,
        "TEST_DASHBOARDS_TOKEN": OWN_TOKEN,
    }
    command = [sys.executable, "-m", "jupyterhub", "-f", str(SUPPORT / "dashboards_hub_config.py")]
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{ports[0]}"
    try:
        _wait(f"{address}{PREFIX}/tonight", 302, process, folder / "hub.log")
        _wait(f"{address}/services/api/health", 401, process, folder / "hub.log")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait(address, answer, process, log):
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(address, verify=trusted()).status_code == answer:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def login(hub):
    """Make a browser that is logged in."""
    browsers = []

    def browser(name):
        client = httpx.Client(base_url=hub, follow_redirects=True, timeout=60, verify=trusted())
        client.get("/hub/login")
        xsrf = client.cookies["_xsrf"]
        client.post("/hub/login", data={"username": name, "password": PASSWORD, "_xsrf": xsrf})
        browsers.append(client)
        return client

    yield browser
    for one in browsers:
        one.close()


@pytest.fixture(scope="module")
def alice(login):
    return login("alice")


@pytest.fixture(scope="module")
def bob(login):
    return login("bob")


def test_someone_with_the_scope_sees_every_guarded_address(alice):
    for path in GUARDED:
        assert alice.get(f"{PREFIX}{path}").status_code == 200, path


def test_a_page_fetches_nothing_from_elsewhere(alice):
    page = alice.get(f"{PREFIX}/tonight").text
    hosts = {url.split("/")[2] for url in re.findall(r"https?://[^\s\"'<>]+", page)}
    assert hosts <= {"www.w3.org", alice.base_url.netloc.decode()}


def test_the_first_page_is_tonight(alice):
    assert alice.get(f"{PREFIX}/").url.path == f"{PREFIX}/tonight"


def test_login_leads_back_to_the_page_asked_for(login):
    answer = login("alice").get(f"{PREFIX}/jobs?show=running")
    assert answer.url.path == f"{PREFIX}/jobs"
    assert answer.url.params["show"] == "running"


def test_someone_without_the_scope_is_refused_by_the_hub(bob):
    for path in GUARDED:
        assert bob.get(f"{PREFIX}{path}").status_code == 403, path


def test_nobody_is_sent_to_the_login(hub):
    for path in GUARDED:
        answer = httpx.get(f"{hub}{PREFIX}{path}")
        assert answer.status_code == 302, path
        assert "/login" in answer.headers["location"]


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example/", "//elsewhere.example/", "/hub/home", "/services/dashboards/../api"]
)
def test_login_leads_to_no_other_place(alice, wanted):
    answer = alice.get(f"{PREFIX}/login", params={"next": wanted})
    assert answer.url.path == f"{PREFIX}/tonight"


def test_websocket_opens_for_someone_with_the_scope(hub, alice):
    with _socket(hub, _token(alice), alice) as opened:
        assert b"ACK" in _bytes(opened.recv(timeout=20))


def test_websocket_refuses_a_stolen_token_without_a_login(hub, alice):
    _refused(hub, _token(alice), None)


def test_websocket_refuses_the_token_of_somebody_else(hub, alice, login):
    stolen = _token(alice)
    _refused(hub, stolen, login("carol"))
    with _socket(hub, stolen, alice) as opened:
        assert b"ACK" in _bytes(opened.recv(timeout=20))


def test_a_token_of_ones_own_cannot_be_rewritten_for_the_session_of_somebody_else(hub, alice, login):
    carol = login("carol")
    theirs, mine = _token(alice), get_token_payload(_token(carol))
    expiry = mine.pop("session_expiry") - int(time.time())
    forged = generate_jwt_token(get_session_id(theirs), signed=False, expiration=expiry, extra_payload=mine)
    _refused(hub, forged, carol)
    _refused(hub, f"{forged}.{theirs.partition('.')[2]}", carol)


def test_pages_do_not_show_the_session_of_somebody_else(hub, alice, login):
    stolen, carol = _token(alice), login("carol")
    session = get_session_id(stolen)
    for query in (f"?bokeh-token={stolen}", f"?bokeh-session-id={session}"):
        for address in ("/tonight", "/tonight/autoload.js", "/tonight/metadata"):
            assert carol.get(f"{PREFIX}{address}{query}").status_code == 403
    assert carol.get(f"{PREFIX}/tonight", headers={"Bokeh-Session-Id": session}).status_code == 403
    assert alice.get(f"{PREFIX}/tonight?bokeh-token={stolen}").status_code == 200


def test_websocket_refuses_someone_without_the_scope(hub, alice, bob):
    _refused(hub, _token(alice), bob)


def test_websocket_refuses_a_foreign_origin(hub, alice):
    _refused(hub, _token(alice), alice, origin="http://elsewhere.example")


def test_websocket_refuses_a_forged_token(hub):
    _refused(hub, _forged(), None)


def test_a_browser_that_calls_itself_guest_is_still_nobody(hub):
    answer = httpx.get(f"{hub}{PREFIX}/tonight", cookies={"is_guest": "1", "user": "alice"})
    assert answer.status_code == 302


SAY_S = 30


@pytest.fixture
def submit(hub, jobs):
    """Queue a job of somebody's."""

    def queue(user, **more):
        return jobs.submit(JobRequest(pipeline="panoseti/nightly", **more), user=user)

    return queue


def test_a_button_changes_the_visitors_own_job(hub, alice, jobs, submit):
    job = submit("alice")
    with _Page(hub, alice, f"jobs?job={job.id}") as page:
        page.press("Hold")
        page.wait_for("is held")
        assert jobs.get(job.id).state == "HELD"
        page.press("Let go")
        page.wait_for("is in the queue again")
        assert jobs.get(job.id).state == "READY"


def test_an_open_page_follows_what_happens(hub, alice, submit):
    with _Page(hub, alice, "jobs?show=queued") as page:
        job = submit("alice")
        page.wait_for(f"{job.id:04d}")


def test_cancelling_asks_first(hub, alice, jobs, submit):
    job = submit("alice")
    with _Page(hub, alice, f"jobs?job={job.id}") as page:
        page.press("Cancel …")
        page.wait_for(f"Cancel job {job.id:04d}?")
        assert jobs.get(job.id).state == "READY"
        page.press("Yes, cancel it")
        page.wait_for("is cancelled")
    assert jobs.get(job.id).state == "DELETED"
    assert jobs.events(job_id=job.id)[0].who == "alice"


def test_a_guest_who_may_not_submit_is_refused_in_words(hub, login, jobs, submit):
    job = submit("carol")
    with _Page(hub, login("carol"), f"jobs?job={job.id}") as page:
        page.press("Hold")
        page.wait_for("does not allow to submit")
    assert jobs.get(job.id).state == "READY"


def test_nobody_is_offered_to_change_the_job_of_somebody_else(hub, login, submit):
    job = submit("carol", shared=True)
    shown = {who: _shown(hub, login(who), f"jobs?job={job.id}") for who in ("alice", "olga")}
    assert {who: '"Hold"' in text for who, text in shown.items()} == {"alice": False, "olga": True}


def test_nobody_sees_the_own_job_of_somebody_else(hub, alice, login, submit):
    job = submit("carol")

    assert f"There is no job {job.id:04d}" in _shown(hub, alice, f"jobs?job={job.id}")
    assert f"There is no job {job.id:04d}" not in _shown(hub, login("carol"), f"jobs?job={job.id}")
    listed = rf"job={job.id}\b"
    assert re.search(listed, _shown(hub, login("carol"), "jobs?show=queued"))
    assert not re.search(listed, _shown(hub, alice, "jobs?show=queued"))


def test_a_page_shows_of_the_data_what_is_open_to_its_visitor(hub, alice, login, folder):
    run = "panoseti/runs/secret/1"
    with DirectRegistry(f"sqlite:///{folder / 'state' / 'registry.sqlite'}", folder / "data") as registry:
        for access in AccessClass:
            registry.define(Collection(f"{run}/{access}", CollectionKind.RUN, access))
            made = small_products.publish(
                folder / "data", "L0/panoseti.ph1024", run=f"{run}/{access}", observation=f"night-of-{access}"
            )
            registry.register([made], inputs={})

        shown = {who: _shown(hub, login(who), "observations") for who in ("alice", "olga")}

    assert {a for a in AccessClass if f"night-of-{a}" in shown["alice"]} == {"public", "collaboration"}
    assert {a for a in AccessClass if f"night-of-{a}" in shown["olga"]} == set(AccessClass)


def test_the_visitors_token_stays_in_the_service(hub, alice, folder, submit):
    submit("alice")
    signed = next(c.value for c in alice.cookies.jar if c.path == f"{PREFIX}/" and c.name == "service-dashboards")
    secret = base64.b64decode(signed.strip('"').split("|")[4].partition(":")[2]).decode()
    assert len(secret) > 20
    page = alice.get(f"{PREFIX}/jobs?job=1").text
    carried = get_token_payload(re.search(r'"token":\s*"([^"]+)"', page)[1])
    assert set(carried["cookies"]) == {"user"}
    for text in (page, str(carried), (folder / "hub.log").read_text()):
        assert secret not in text
        assert signed.strip('"') not in text


def _hub_api(hub, method, path, **more):
    """Ask the hub as the dashboards do in their own name."""
    headers = {"Authorization": f"token {OWN_TOKEN}"}
    return httpx.request(method, f"{hub}/hub/api{path}", headers=headers, timeout=60, verify=trusted(), **more)


@pytest.fixture
def alices_server(hub, alice):
    """A notebook server, which Alice's login has started."""
    end = time.monotonic() + SAY_S
    while not (server := _users(hub)["alice"]["servers"].get("", {})).get("ready"):
        assert time.monotonic() < end, server
        time.sleep(0.2)
    return server


def _users(hub):
    return {user["name"]: user for user in _hub_api(hub, "GET", "/users").json()}


def test_the_system_page_says_whose_servers_run(hub, login, alices_server):
    def is_listed(text):
        return "4 users known to the hub" in text and re.search(r"(>|&gt;|\\u003e)alice(<|&lt;|\\u003c)", text)

    with _Page(hub, login("olga"), "system") as page:
        end = time.monotonic() + SAY_S
        while not any(map(is_listed, page._frames)):  # an answer from before Alice's login holds for some seconds
            assert time.monotonic() < end
            page._receive()


def test_the_pages_learn_of_users_their_names_and_servers_only(hub, alices_server):
    users = _users(hub)
    assert set(users) == {"alice", "bob", "carol", "olga"}
    assert {key for user in users.values() for key in user} == {"kind", "name", "user_info", "admin", "servers"}
    assert "state" not in alices_server


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users/alice/server"),
        ("DELETE", "/users/alice/server"),
        ("POST", "/users/alice/tokens"),
        ("GET", "/users/alice/tokens"),
        ("POST", "/users/mallory"),
        ("DELETE", "/users/alice"),
        ("PATCH", "/users/alice"),
        ("POST", "/users/alice/activity"),
        ("GET", "/groups"),
        ("GET", "/services"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ],
)
def test_the_pages_own_token_does_nothing_else(hub, alices_server, method, path):
    assert _hub_api(hub, method, path, json={}).status_code in {403, 404}
    assert set(_users(hub)) == {"alice", "bob", "carol", "olga"}
    assert _users(hub)["alice"]["servers"][""]["ready"]


@pytest.mark.parametrize("place", ["/services/api/whoami", f"{PREFIX}/tonight"])
def test_the_pages_own_token_opens_nothing(hub, alices_server, place):
    answer = httpx.get(f"{hub}{place}", headers={"Authorization": f"token {OWN_TOKEN}"}, verify=trusted())
    assert answer.status_code in {302, 401, 403}


def _shown(hub, browser, page):
    """What a page holds, as its browser is sent it."""
    with _Page(hub, browser, page) as opened:
        return str(opened._document)


class _Page:
    """A page as a browser has it: what it shows, and buttons to press."""

    def __init__(self, hub, browser, page):
        self._opened = _socket(hub, _token(browser, page), browser, page=page.partition("?")[0])

    def __enter__(self):
        self._channel = self._opened.__enter__()
        self.wait_for("ACK", then=1)
        self._send("PULL-DOC-REQ", {})
        self._document = self.wait_for("PULL-DOC-REPLY", then=1)
        self._frames = [self._document]
        return self

    def __exit__(self, *error):
        self._opened.__exit__(*error)

    def press(self, label):
        while not (found := self._button(label)):
            self._receive()
        values = {
            "type": "map",
            "entries": [["model", {"id": found["id"]}], ["node", "click"], ["data", {"type": "map", "entries": []}]],
        }
        event = {"type": "event", "name": "dom_event", "values": values}
        self._send("PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}]})

    def wait_for(self, words, then=0):
        """Wait until the service sends some words; give the frame so many text frames later."""
        end = time.monotonic() + SAY_S
        while time.monotonic() < end:
            frame = self._receive()
            if words in frame:
                for _ in range(2 * then):  # metadata, content
                    frame = self._channel.recv(timeout=SAY_S)
                return frame
        raise AssertionError(f"the page never said {words!r}")

    def _button(self, label):
        return next((m for f in self._frames for m in _models(json.loads(f)) if _label(m) == label), None)

    def _receive(self):
        frame = _bytes(self._channel.recv(timeout=SAY_S)).decode(errors="replace")
        if '"events"' in frame:
            self._frames.insert(0, frame)
        return frame

    def _send(self, kind, content):
        for part in ({"msgid": secrets.token_hex(8), "msgtype": kind}, {}, content):
            self._channel.send(json.dumps(part))


def _models(tree):
    if isinstance(tree, dict):
        if "id" in tree and "attributes" in tree:
            yield tree
        for value in tree.values():
            yield from _models(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _models(value)


def _label(model):
    data = model["attributes"].get("data")
    return data.get("attributes", {}).get("label") if isinstance(data, dict) else None


def _token(browser, page="tonight"):
    page = browser.get(f"{PREFIX}/{page}").text
    return re.search(r'"token":\s*"([^"]+)"', page)[1]


def _forged():
    nothing = {"headers": {}, "cookies": {}, "arguments": {}}
    session = generate_session_id(signed=False)
    return generate_jwt_token(session, signed=False, expiration=300, extra_payload=nothing)


def _socket(hub, token, browser, origin=None, page="tonight"):
    headers = {}
    if browser is not None:
        headers["Cookie"] = "; ".join(
            f"{c.name}={c.value}" for c in browser.cookies.jar if c.path in {"/", f"{PREFIX}/"}
        )
    return connect(
        f"{hub.replace('http', 'ws')}{PREFIX}/{page}/ws", subprotocols=["bokeh", token], origin=origin or hub,
        additional_headers=headers, open_timeout=20,
    )  # fmt: skip


def _refused(hub, token, browser, origin=None):
    with pytest.raises(InvalidStatus) as refused, _socket(hub, token, browser, origin):
        pass
    assert refused.value.response.status_code == 403


def _bytes(message):
    return message.encode() if isinstance(message, str) else message
