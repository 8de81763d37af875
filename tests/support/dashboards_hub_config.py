"""A hub with dashboards and API: alice, carol and olga see pages, alice may submit, olga operate, bob nothing."""

import os
import sys
from pathlib import Path

from hven.hub.proxy import proxy_command
from hven.hub.roles import DASHBOARD, SCOPES, USE_API, USE_DASHBOARDS, roles

c = get_config()  # noqa: F821 - JupyterHub defines it
public, hub, proxy_api, service, api = os.environ["TEST_PORTS"].split(",")
state = Path(os.environ["HVEN_STATE"])
kept = {name: os.environ[name] for name in ("HVEN_SITE", "LD_LIBRARY_PATH") if name in os.environ}

c.JupyterHub.bind_url = f"http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.command = proxy_command(Path(__file__).parents[2])
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ["TEST_PASSWORD"]
c.Authenticator.allowed_users = {"alice", "bob", "carol", "olga"}
c.JupyterHub.spawner_class = "simple"
c.Spawner.cmd = [sys.executable, str(Path(__file__).with_name("quiet_service.py"))]
c.Spawner.notebook_dir = str(state)
c.Spawner.environment = {"JUPYTERHUB_SERVICE_NAME": "quiet"}
environment = {
    **kept,
    "HVEN_PUBLIC_URL": f"http://127.0.0.1:{public}",
    "HVEN_API_URL": f"http://127.0.0.1:{public}/services/api",
    "PYTHONUNBUFFERED": "1",
}
c.JupyterHub.services = [
    {
        "name": name,
        "url": f"http://127.0.0.1:{port}",
        "command": [sys.executable, "-m", f"hven.service.{name}"],
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": DASHBOARD if name == "dashboards" else [],
        "environment": environment,
    }
    for name, port in (("dashboards", service), ("api", api))
]
c.JupyterHub.services[0]["api_token"] = os.environ["TEST_DASHBOARDS_TOKEN"]
c.JupyterHub.custom_scopes = SCOPES
c.JupyterHub.load_roles = [
    {"name": "viewers", "users": ["alice", "carol", "olga"], "scopes": [USE_DASHBOARDS, USE_API, "custom:hven:read"]},
    {"name": "submitters", "users": ["alice"], "scopes": ["custom:hven:submit"]},
    {"name": "operators", "users": ["olga"], "scopes": ["custom:hven:operate"]},
    *(role for role in roles({}) if role.get("services") == ["dashboards"]),
]
