"""What JupyterLab tells people: announcements, and a warning before a server that nobody uses stops."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import sync_playwright

from hven.core.trust import trusted
from hven.hub.announcement import announce, as_html, read_announcement
from hven.hub.notices import Idleness, server_options
from hven.hub.ports import free_port

TOKEN = "0123456789abcdef"


@contextmanager
def lab(folder, idle_s):
    """JupyterLab with the extension, alone; its address, process and announcement."""
    port, file = free_port(), folder / "announcement"
    environment = {
        **os.environ,
        "HOME": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder),
        "HVEN_ANNOUNCEMENT": str(file),
        "HVEN_IDLE_S": str(idle_s),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    options = [f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0", *server_options()]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, *options], env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"{address}/api", verify=trusted()).raise_for_status()
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < until
                    time.sleep(0.2)
            yield SimpleNamespace(address=address, process=process, announcement=file)
        finally:
            process.terminate()
            process.wait(20)


def call(server, method="GET"):
    return httpx.request(
        method, f"{server.address}/hven/notices", headers={"Authorization": f"token {TOKEN}"}, verify=trusted()
    )


def test_an_announcement_is_one_line_and_can_be_cleared(tmp_path):
    file = tmp_path / "announcement"
    assert read_announcement(file) == ""
    announce(file, "Maintenance\n on  Monday ")
    assert read_announcement(file) == "Maintenance on Monday"
    announce(file, "")
    assert read_announcement(file) == ""


def test_an_announcement_is_text_on_a_page(tmp_path):
    announce(tmp_path / "announcement", "<script>alert(1)</script>")

    assert as_html(tmp_path / "announcement", "Log in.") == "&lt;script&gt;alert(1)&lt;/script&gt;<br>Log in."


def kernels(*models):
    return SimpleNamespace(list_kernels=lambda: models)


def kernel(seconds_ago, state):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds_ago))
    return {"execution_state": state, "last_activity": stamp}


def idleness(*models, began_s_ago=5000):
    found = Idleness(kernels(*models), None, 3600)
    found._kept = time.time() - began_s_ago
    return found


@pytest.mark.parametrize(
    ("seconds_ago", "left"),
    [
        ([], -1400),
        ([(60, "idle")], 3540),
        ([(4000, "idle")], -400),
        ([(4000, "idle"), (1000, "idle")], 2600),
        ([(4000, "busy")], 3600),
    ],
)
def test_time_is_counted_from_the_last_computation(seconds_ago, left):
    models = [kernel(seconds, state) for seconds, state in seconds_ago]

    assert idleness(*models).left_s() == pytest.approx(left, abs=5)


def test_who_wants_the_server_keeps_it():
    found = idleness()
    found.keep()

    assert found.left_s() == pytest.approx(3600, abs=5)


def test_without_a_limit_nothing_stops():
    assert Idleness(kernels(), None, 0).left_s() is None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with lab(tmp_path_factory.mktemp("lab"), idle_s=80) as server:
        yield server


def test_notices_are_for_the_servers_own_user(server):
    assert httpx.get(f"{server.address}/hven/notices").status_code == 403
    assert httpx.post(f"{server.address}/hven/notices").status_code == 403
    assert call(server).json() == {"announcement": "", "stops_in_s": None}
    assert call(server, "POST").status_code == 204


def test_lab_shows_what_is_announced_and_warns_before_it_stops(server, chromium):
    with sync_playwright() as playwright:
        announce(server.announcement, "Maintenance on Monday")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{server.address}/lab?token={TOKEN}")
        page.get_by_text("Maintenance on Monday").first.wait_for(timeout=60_000)
        while call(server).json()["stops_in_s"] is None:
            time.sleep(0.5)
        page.reload()
        page.get_by_role("button", name="Keep it running").first.click(timeout=60_000)
        page.get_by_text("your server stops in").first.wait_for(state="hidden", timeout=30_000)
        assert call(server).json()["stops_in_s"] is None
        browser.close()


def test_a_server_that_nobody_uses_stops_itself(tmp_path):
    with lab(tmp_path, idle_s=1) as server:
        assert server.process.wait(60) == 0
        assert "nothing has run for 1 s: stopping" in (tmp_path / "log").read_text()
