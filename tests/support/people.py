"""A platform for many users, brought up by root; people log in at it with their Unix accounts."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import installation as installing
from accounts import Account, Accounts
from websockets.sync.client import connect as connect_websocket

from hven.core.trust import trusted
from hven.hub.layout import Layout
from hven.hub.ports import ROOTS_PORTS, free_port, read_ports

START_S = 120


@dataclass
class Platform:
    """A platform that runs, and the people who are logged in."""

    site: installing.Site
    accounts: Accounts
    people: dict[str, Person] = field(default_factory=dict)
    browsers: list[httpx.Client] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(self.site.state)

    @property
    def ports(self):
        return read_ports(self.layout.ports)

    @property
    def address(self) -> str:
        return self.ports.address

    def hven(self, *words: object, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `hven` as root."""
        return subprocess.run(
            [str(self.site.installation.hven), *map(str, words)],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "COLUMNS": "200", **self.site.environment},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **more,
        )

    def log_in(self, account: Account, password: str | None = None) -> Person:
        """A browser in which somebody has tried to log in."""
        return Person(self, account, password or self.accounts.password)

    def person(self, account: Account) -> Person:
        """The same browser for everybody who asks, logged in."""
        if account.name not in self.people:
            self.people[account.name] = self.log_in(account)
        return self.people[account.name]


class Person:
    """Somebody's browser."""

    def __init__(self, platform: Platform, account: Account, password: str) -> None:
        self.platform = platform
        self.account = account
        self.name = account.name
        self.browser = httpx.Client(base_url=platform.address, follow_redirects=True, timeout=120, verify=trusted())
        platform.browsers.append(self.browser)
        self.browser.get("/hub/login")
        form = {"username": self.name, "password": password, "_xsrf": self._xsrf}
        # Without a place to go to, logging in starts a server, which few tests need.
        self.answer = self.browser.post("/hub/login", params={"next": "/hub/home"}, data=form)
        self._kernel = ""
        self._token = ""

    @property
    def _xsrf(self) -> str:
        return str(self.browser.cookies.get("_xsrf", path="/hub/"))

    def new_token(self, scopes: list[str] | None = None, of: str = "") -> httpx.Response:
        """Ask the hub for a token, one's own or somebody else's."""
        return self.browser.post(
            f"/hub/api/users/{of or self.name}/tokens",
            headers={"X-XSRFToken": self._xsrf, "Referer": f"{self.platform.address}/hub/token"},
            json={"note": "test", "expires_in": 3600, **({"scopes": scopes} if scopes is not None else {})},
        )

    @property
    def token(self) -> str:
        """A token with all that this person may do."""
        if not self._token:
            self._token = self.new_token().raise_for_status().json()["token"]
        return self._token

    def call(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        """A request with a token instead of the browser's cookies."""
        headers = {"Authorization": f"token {token or self.token}"}
        return httpx.request(
            method, self.platform.address + path, headers=headers, timeout=120, **more, verify=trusted()
        )

    def start_server(self) -> None:
        """Start the person's server and wait until it is ready."""
        self.call("POST", f"/hub/api/users/{self.name}/server", json={"profile": "small"}).raise_for_status()
        until = time.monotonic() + START_S
        while not self.call("GET", f"/hub/api/users/{self.name}").json()["servers"].get("", {}).get("ready"):
            assert time.monotonic() < until, (self.platform.layout.logs / "hub.log").read_text()[-4000:]
            time.sleep(0.3)

    @property
    def channels(self) -> str:
        """Address of the kernel's websocket; the kernel is started with the first question for it."""
        if not self._kernel:
            made = self.call("POST", f"/user/{self.name}/api/kernels", json={"name": "python3"})
            self._kernel = made.raise_for_status().json()["id"]
        address = self.platform.address.replace("http", "ws", 1)
        return f"{address}/user/{self.name}/api/kernels/{self._kernel}/channels"

    def compute(self, code: str) -> str:
        """Run code in the person's kernel; what it printed."""
        header = {"msg_id": "m1", "msg_type": "execute_request", "session": "s", "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        said = []
        with connect_websocket(self.channels, additional_headers={"Authorization": f"token {self.token}"}) as channel:
            channel.send(json.dumps(request))
            while True:
                message = json.loads(channel.recv(timeout=120))
                if message["parent_header"].get("msg_id") != "m1":
                    continue
                if message["msg_type"] == "stream":
                    said.append(message["content"]["text"])
                if message["msg_type"] == "error":
                    raise AssertionError("\n".join(message["content"]["traceback"]))
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return "".join(said)


@contextmanager
def running(accounts: Accounts, installation: installing.Installation, **settings: Any) -> Iterator[Platform]:
    """A platform of its own on the installation, up until the block ends."""
    with installing.open_folder("platform") as folder, _short_folder() as runtime:
        more = {"hub": {"port": free_port(ROOTS_PORTS)}, **settings}
        more["server"] = {"runtime": str(runtime), **settings.get("server", {})}
        platform = Platform(installing.make_site(folder, accounts, installation, **more), accounts)
        command = [str(installation.hven), "up"]
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **platform.site.environment}
        with (folder / "up.log").open("w+") as log:
            process = subprocess.Popen(command, env=environment, cwd="/", stdout=log, stderr=log)
            try:
                _wait(process, folder / "up.log", platform)
                yield platform
            finally:
                for browser in platform.browsers:
                    browser.close()
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(90)
                process.kill()
                process.wait()


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Sockets have short paths: a folder for the runtime's files that root alone changes."""
    folder = Path(tempfile.mkdtemp(prefix="hvt-", dir="/run"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], log: Path, platform: Platform) -> None:
    until = time.monotonic() + START_S
    while "is up at" not in log.read_text():
        hub = platform.layout.logs / "hub.log"
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(log.read_text() + (hub.read_text()[-6000:] if hub.exists() else ""))
        time.sleep(0.2)
