"""Login at an OpenID Connect provider, a real one on loopback; Unix accounts say who gets in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import yaml
from oidc_provider_mock import User, run_server_in_thread
from traitlets.config import Config

from hven.core.settings import load_settings
from hven.hub.configure import configure
from hven.hub.layout import Layout
from hven.hub.ports import ROOTS_PORTS, free_port
from hven.hub.supervised import is_healthy

PEOPLE = {"ada.lovelace": "hvt-ada", "otto": "hvt-otto", "the-root": "root"}


@pytest.fixture(scope="module")
def provider():
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    names = [*PEOPLE, "hvt-bert"]
    users = [User(sub=f"id-{name}", claims={"preferred_username": name}) for name in names]
    with run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"
    del os.environ["AUTHLIB_INSECURE_TRANSPORT"]


@pytest.fixture(scope="module")
def site(accounts, provider):
    with tempfile.TemporaryDirectory(prefix="hvt-", dir="/run") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "secret").write_text("a-secret-of-the-client\n")
        oidc = {
            "client_id": "hven",
            "client_secret_file": str(folder / "secret"),
            "authorize_url": f"{provider}/oauth2/authorize",
            "token_url": f"{provider}/oauth2/token",
            "userdata_url": f"{provider}/userinfo",
            "accounts": PEOPLE,
            "login_service": "the Observatory",
        }
        server = {**accounts.server(folder), "runtime": str(folder / "run"), "oidc": oidc}
        settings = {"root": str(folder / "data"), "state": str(folder / "state"), "server": server}
        file = folder / "site.yaml"
        file.write_text(yaml.safe_dump({**settings, "hub": {"port": free_port(ROOTS_PORTS)}}))
        (folder / "data").mkdir()
        yield file


@pytest.fixture(scope="module")
def hub(site, repository):
    config = repository / "tests/support/people_hub_config.py"
    settings = load_settings(site, environ={})
    with (site.parent / "hub.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "--config", config],
            env={**os.environ, "HVEN_SITE": str(site)},
            cwd=site.parent,
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{settings.hub.port}"
            until = time.monotonic() + 90
            while not is_healthy(address):
                assert process.poll() is None, (site.parent / "hub.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.3)
            yield SimpleNamespace(address=address, log=site.parent / "hub.log")
        finally:
            process.terminate()
            process.wait(40)


def log_in(hub, name):
    """Answer of the hub about who somebody is, after they came back from the provider."""
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        form = browser.get(f"{hub.address}/hub/oauth_login")
        assert form.url.path == "/oauth2/authorize"
        browser.post(form.url, data={"sub": f"id-{name}"})
        return browser.get(f"{hub.address}/hub/api/user")


def test_a_person_is_their_unix_account_with_its_groups(hub):
    found = log_in(hub, "ada.lovelace").json()

    assert found["name"] == "hvt-ada"
    assert sorted(found["groups"]) == ["hvt-ada", "hvt-users"]
    assert "custom:hven:submit" in found["scopes"]
    assert "custom:hven:operate" not in found["scopes"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("otto", "outside the group"), ("the-root", "root"), ("hvt-bert", "an account that is not named for them")],
)
def test_others_are_refused(name, why, hub):
    assert log_in(hub, name).status_code == 403


def test_an_answer_that_nobody_asked_for_is_refused(hub):
    answer = httpx.get(f"{hub.address}/hub/oauth_callback?code=abc&state=made-up")

    assert answer.status_code in {400, 403}


def test_the_password_of_an_account_is_no_way_in(hub, accounts):
    with httpx.Client(base_url=hub.address, follow_redirects=True) as browser:
        page = browser.get("/hub/login")
        assert re.search("the Observatory", page.text)
        form = {
            "username": "hvt-ada",
            "password": accounts.password,
            "_xsrf": browser.cookies.get("_xsrf", path="/hub/"),
        }
        browser.post("/hub/login", data=form)
        assert browser.get("/hub/api/user").status_code == 403


def test_the_clients_secret_stays_with_root(hub, site):
    assert "a-secret-of-the-client" not in hub.log.read_text()
    assert "a-secret-of-the-client" not in site.read_text()


def test_configuration_names_the_provider_and_the_way_back(site, provider, monkeypatch):
    settings = load_settings(site, environ={})
    public = settings.model_copy(
        update={"hub": settings.hub.model_copy(update={"public_url": "https://hven.example.org"})}
    )
    monkeypatch.setenv("HVEN_SITE", str(site))
    Layout.of(settings).create()
    c = Config()

    before = os.umask(0o022)
    try:
        configure(c, public, services=[])
    finally:
        os.umask(before)

    assert c.JupyterHub.authenticator_class.__name__ == "OidcLogin"
    assert c.OidcLogin.oauth_callback_url == "https://hven.example.org/hub/oauth_callback"
    assert c.OidcLogin.token_url == f"{provider}/oauth2/token"
    assert c.OidcLogin.people == PEOPLE
    assert c.LocalAuthenticator.allowed_groups == {"hvt-users"}
