"""A hub without proxy whose only service is the real API: for tests of who may do what."""

import os
import sys

from jupyterhub.proxy import Proxy

from hven.hub.roles import SCOPES, roles


class NoProxy(Proxy):
    """Nothing stands in front: tests speak to hub and API themselves."""

    should_start = False

    async def get_all_routes(self):
        return {}

    async def add_route(self, *_route):
        return None

    async def delete_route(self, _route):
        return None


c = get_config()  # noqa: F821 - JupyterHub defines it
state, hub, api, public = (os.environ[f"TEST_{n}"] for n in ("STATE", "HUB", "API", "PUBLIC"))
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = f"http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub}"
c.JupyterHub.db_url = f"sqlite:///{state}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{state}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {"tycho", "sophie"}
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.custom_scopes = SCOPES
rights = ["admin:users", "tokens", "custom:hven:read", "custom:hven:submit", "custom:hven:operate"]
c.JupyterHub.load_roles = [
    *(role for role in roles({"users": ["tycho"]}) if "services" not in role),
    {"name": "tester", "services": ["tester"], "scopes": [*rights, "access:services"]},
]
c.JupyterHub.services = [
    {"name": "tester", "api_token": os.environ["TEST_TOKEN"]},
    {
        "name": "api",
        "url": f"http://127.0.0.1:{api}",
        "command": [sys.executable, "-m", "hven.service.api"],
        "environment": {"HVEN_SITE": os.environ["TEST_SITE"], "PYTHONUNBUFFERED": "1"},
    },
]
