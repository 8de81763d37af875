"""The platform comes up, lets the right people in, and goes down without a trace; two of them side by side."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from listening import LOOPBACK, listeners
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from hven.core.settings import load_settings
from hven.hub.layout import Layout
from hven.hub.ports import free_port, is_free, read_ports
from hven.hub.processes import marked
from hven.hub.run_record import read_run
from hven.hub.supervised import is_healthy

pytestmark = pytest.mark.journey
HVEN = str(Path(sys.executable).with_name("hven"))


@dataclass
class Platform:
    folder: Path
    process: subprocess.Popen[str] | None = None
    secrets: list[str] = field(default_factory=list)

    @property
    def site(self):
        return self.folder / "site.yaml"

    @property
    def layout(self):
        return Layout(self.folder / "state")

    @property
    def address(self):
        return read_ports(self.layout.ports).address

    @property
    def password(self):
        return self.layout.password.read_text()

    def hven(self, *arguments):
        environment = {**os.environ, "HVEN_SITE": str(self.site), "TERM": "dumb", "COLUMNS": "200"}
        return subprocess.run([HVEN, *arguments], env=environment, capture_output=True, text=True, check=False)

    def prepare(self):
        self.folder.mkdir()
        settings = {"root": f"{self.folder}/data", "state": f"{self.folder}/state"}
        settings["hub"] = {"user": "tycho", "guests": ["kepler"], "port": free_port()}
        self.site.write_text(json.dumps(settings))

    def start(self, script):
        self.prepare()
        self.process = subprocess.Popen(
            [sys.executable, script, self.site], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_until_ready(self):
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("ready"):
                return
        pytest.fail("".join(said) + (self.layout.logs / "hub.log").read_text())


@pytest.fixture(scope="module")
def platforms(tmp_path_factory, repository):
    both = [Platform(tmp_path_factory.mktemp("up") / name) for name in ("uraniborg", "stjerneborg")]
    try:
        for platform in both:
            platform.start(repository / "tests" / "support" / "up_alone.py")
        for platform in both:
            platform.wait_until_ready()
        yield both
    finally:
        for platform in both:
            platform.process.terminate()
            platform.process.wait(60)
            platform.process.stdout.close()


@pytest.fixture(scope="module")
def platform(platforms):
    return platforms[0]


@contextmanager
def log_in(platform, user="tycho", password=None):
    with httpx.Client(base_url=platform.address, follow_redirects=True, timeout=60) as client:
        client.get("/hub/login")
        xsrf = client.cookies.get("_xsrf", path="/hub/")
        form = {"username": user, "password": password or platform.password, "_xsrf": xsrf}
        yield client, client.post("/hub/login", data=form)


@pytest.fixture(scope="module")
def visitor(platform):
    with log_in(platform) as (client, answer):
        assert answer.status_code == 200
        yield client


@pytest.fixture(scope="module")
def token(platform, visitor):
    headers = {"X-XSRFToken": visitor.cookies.get("_xsrf", path="/hub/"), "Referer": f"{platform.address}/hub/token"}
    answer = visitor.post("/hub/api/users/tycho/tokens", headers=headers, json={"note": "test", "expires_in": 600})
    platform.secrets.append(answer.json()["token"])
    return answer.json()["token"]


@pytest.fixture(scope="module")
def server(platform, token):
    """The user's own server, small: client of its API."""
    with httpx.Client(base_url=platform.address, headers={"Authorization": f"token {token}"}, timeout=60) as client:
        client.post("/hub/api/users/tycho/server", json={"user_options": {"profile": "small"}}).raise_for_status()
        until = time.monotonic() + 120
        while not client.get("/hub/api/users/tycho").json()["servers"].get("", {}).get("ready"):
            assert time.monotonic() < until, (platform.layout.logs / "hub.log").read_text()
            time.sleep(0.3)
        yield client


@pytest.fixture(scope="module")
def kernel(platform, server):
    """Run code in the user's kernel and give back what it printed."""
    made = server.post("/user/tycho/api/kernels", json={"name": "python3"}).json()["id"]
    address = platform.address.replace("http", "ws", 1) + f"/user/tycho/api/kernels/{made}/channels"

    def run(code):
        header = {"msg_id": "m1", "msg_type": "execute_request", "session": "s", "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        said = []
        with connect_websocket(address, additional_headers=dict(server.headers)) as channel:
            channel.send(json.dumps(request))
            while True:
                message = json.loads(channel.recv(timeout=60))
                if message["parent_header"].get("msg_id") != "m1":
                    continue
                if message["msg_type"] == "stream":
                    said.append(message["content"]["text"])
                if message["msg_type"] == "error":
                    pytest.fail("\n".join(message["content"]["traceback"]))
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return "".join(said)

    run.address = address
    return run


def test_password_is_private_and_unguessable(platforms):
    for platform in platforms:
        assert stat.S_IMODE(platform.layout.password.stat().st_mode) == 0o600
        assert len(platform.password) > 20
    assert platforms[0].password != platforms[1].password


@pytest.mark.parametrize(("user", "password"), [("tycho", "wrong-password"), ("galileo", None), ("root", None)])
def test_wrong_password_and_unknown_users_are_refused(platform, user, password):
    with log_in(platform, user, password) as (client, answer):
        assert answer.status_code == 403
        assert client.get("/hub/api/user").status_code == 403


def test_password_of_one_platform_does_not_open_the_other(platforms):
    with log_in(platforms[1], password=platforms[0].password) as (_client, answer):
        assert answer.status_code == 403


def test_guest_may_read_and_submit_but_not_operate(platform, visitor):
    with log_in(platform, "kepler") as (guest, _answer):
        scopes = guest.get("/hub/api/user").json()["scopes"]

    assert "custom:hven:operate" not in scopes
    assert {"custom:hven:read", "custom:hven:submit"} <= set(scopes)
    assert "custom:hven:operate" in visitor.get("/hub/api/user").json()["scopes"]


@pytest.mark.parametrize("path", ["/hub/home", "/user/tycho/lab", "/hub/spawn", "/hub/token"])
def test_anonymous_is_sent_to_the_login(platform, path):
    answer = httpx.get(platform.address + path, follow_redirects=True)

    assert "/hub/login" in str(answer.url)
    assert "password_input" in answer.text


@pytest.mark.parametrize("path", ["/hub/api/users", "/hub/api/services", "/hub/api/proxy", "/hub/metrics"])
def test_anonymous_is_refused_by_the_api(platform, path):
    assert httpx.get(platform.address + path).status_code == 403


def test_anonymous_cannot_change_the_routes_of_the_proxy(platform):
    port = read_ports(platform.layout.ports).proxy_api

    assert httpx.get(f"http://127.0.0.1:{port}/api/routes").status_code == 403


def test_kernel_has_the_observatory_and_no_right_to_operate(platform, kernel):
    found = json.loads(
        kernel(
            "import json, os, httpx, hven\n"
            "from hven.core.settings import load_settings\n"
            "headers = {'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']}\n"
            "me = httpx.get(os.environ['JUPYTERHUB_API_URL'] + '/user', headers=headers).json()\n"
            "print(json.dumps([load_settings().model_dump(mode='json'), me['scopes'], dict(os.environ), os.getcwd()]))"
        )
    )
    settings, scopes, environment, folder = found

    assert settings["root"] == str(load_settings(platform.site).root)
    assert settings["engine"]["default_profile"] == "small"
    assert {"custom:hven:read", "custom:hven:submit", "access:services!service=api"} <= set(scopes)
    assert not [s for s in scopes if "operate" in s or "admin" in s]
    assert environment["HVEN_API_URL"] == f"{platform.address}/services/api"
    assert folder.startswith(str(platform.layout.homes / "tycho"))
    platform.secrets.append(environment["JUPYTERHUB_API_TOKEN"])


def test_notebooks_are_copies_of_the_users_own(platform, server, repository):
    given = sorted(p.name for p in (repository / "notebooks").glob("*.ipynb"))
    folder = platform.layout.homes / "tycho" / "notebooks"

    assert sorted(p.name for p in folder.glob("*.ipynb")) == given


def test_what_jupyterlab_asks_when_a_notebook_is_saved_is_answered(visitor, server):
    assert visitor.get("/user/tycho/panel-preview/layout/notebooks/01-first-look.ipynb").status_code == 200


def test_foreign_origin_is_refused(platform, visitor, server, kernel):
    visitor.get("/user/tycho/lab")
    cookies = "; ".join(f"{c.name}={c.value}" for c in visitor.cookies.jar)
    foreign = {"Cookie": cookies, "Origin": "http://evil.example"}

    with connect_websocket(kernel.address, additional_headers={"Cookie": cookies}, origin=platform.address):
        pass
    cookie, evil = {"Cookie": cookies}, "http://evil.example"
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect_websocket(kernel.address, additional_headers=cookie, origin=evil),
    ):
        pass
    assert httpx.post(f"{platform.address}/hub/api/users/tycho/tokens", headers=foreign, json={}).status_code == 403
    assert httpx.post(f"{platform.address}/user/tycho/api/kernels", headers=foreign, json={}).status_code == 403


def test_websocket_of_anonymous_is_refused(kernel):
    with pytest.raises(InvalidStatus, match="403"), connect_websocket(kernel.address):
        pass


def test_nothing_listens_beyond_loopback(platforms, kernel):
    for platform in platforms:
        found = list(listeners(read_run(platform.layout).mark))

        assert len(found) >= 5
        assert [entry for entry in found if entry[0] not in LOOPBACK] == []


def test_second_up_says_so_and_gives_the_address(platform):
    answer = platform.hven("up")

    assert answer.returncode == 0
    assert "running already" in answer.stdout
    assert platform.address in answer.stdout


def test_busy_port_names_its_holder(platforms):
    busy = read_ports(platforms[0].layout.ports).public
    third = Platform(platforms[0].folder.parent / "third")
    third.folder.mkdir()
    settings = {"root": f"{third.folder}/data", "state": f"{third.folder}/state", "hub": {"port": busy}}
    third.site.write_text(json.dumps(settings))

    answer = third.hven("up", "--no-data")

    assert answer.returncode == 5
    assert re.search(rf"port {busy} is taken by process \d+: .*configurable-http-proxy", answer.stderr)
    assert "--port" in answer.stderr


def test_status_shows_every_service(platform):
    answer = platform.hven("status", "--json")
    found = json.loads(answer.stdout)

    assert (answer.returncode, found["phase"], found["address"]) == (0, "ready", platform.address)
    assert {row["name"]: row["state"] for row in found["services"]} == dict.fromkeys(
        ("hub", "worker", "api", "dashboards", "idle-culler"), "running"
    )


def test_doctor_finds_nothing_wrong_with_a_running_platform(platform):
    answer = platform.hven("doctor", "--json")

    assert [f for f in json.loads(answer.stdout) if f["level"] == "problem"] == []
    assert answer.returncode == 0


def test_killed_service_is_started_again(platform):
    before = next(s for s in read_run(platform.layout).services if s.name == "worker")
    os.kill(before.pid, signal.SIGKILL)

    until = time.monotonic() + 30
    while (now := next(s for s in read_run(platform.layout).services if s.name == "worker")).state != "running" or (
        now.pid in {before.pid, None}
    ):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert now.restarts == 1


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_hub_that_dies_comes_back_and_finds_the_users_server(platform, server, kernel):
    kernel("x = 'still here'")
    hub = next(s for s in read_run(platform.layout).services if s.name == "hub")
    os.kill(hub.pid, signal.SIGKILL)

    wait_for(lambda: next(s for s in read_run(platform.layout).services if s.name == "hub").pid not in {None, hub.pid})
    wait_for(lambda: is_healthy(platform.address))
    wait_for(lambda: platform.hven("status").returncode == 0)

    assert kernel("print(x)") == "still here\n"
    assert server.get("/hub/api/users/tycho").json()["servers"][""]["ready"]
    services = [p for p in marked(read_run(platform.layout).mark) if "jupyterhub_idle_culler" in p.cmdline()]
    assert len(services) == 1


def test_logs_hold_no_secret(platform, kernel):
    secrets = [platform.password, *platform.secrets, (platform.layout.hub / "cookie_secret").read_text().strip()]
    logs = "".join(log.read_text() for log in platform.layout.logs.iterdir())

    assert len(secrets) >= 4
    assert not [s for s in secrets if s in logs]


def test_interrupt_leaves_nothing_and_the_other_platform_alone(platforms, kernel):
    first, second = platforms
    record, ports = read_run(first.layout), read_ports(first.layout.ports)
    assert len(marked(record.mark)) >= 8

    first.process.send_signal(signal.SIGINT)

    assert first.process.wait(40) == 0
    assert marked(record.mark) == []
    assert all(is_free(port) for port in ports.model_dump().values())
    assert read_run(first.layout) is None
    assert json.loads(first.hven("status", "--json").stdout)["phase"] == "down"
    assert httpx.get(f"{second.address}/hub/health").status_code == 200


def test_down_clears_up_after_a_killed_supervisor(platforms):
    second = platforms[1]
    record, ports = read_run(second.layout), read_ports(second.layout.ports)
    second.process.kill()
    second.process.wait(10)
    assert marked(record.mark)

    answer = second.hven("down")

    assert answer.returncode == 0, answer.stderr
    assert marked(record.mark) == []
    assert all(is_free(port) for port in ports.model_dump().values())
    assert "Nothing was running" in second.hven("down").stdout
