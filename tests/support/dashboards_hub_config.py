"""A hub with the dashboards behind it; alice may see them, bob may not."""

import os
import sys
from pathlib import Path

from hven.hub.proxy import proxy_command

c = get_config()  # noqa: F821 - JupyterHub defines it
public, hub, proxy_api, service = os.environ["TEST_PORTS"].split(",")
state = Path(os.environ["HVEN_STATE"])
kept = {name: os.environ[name] for name in ("HVEN_ROOT", "HVEN_STATE", "LD_LIBRARY_PATH") if name in os.environ}

c.JupyterHub.bind_url = f"http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.command = proxy_command(Path(__file__).parents[2])
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ["TEST_PASSWORD"]
c.Authenticator.allowed_users = {"alice", "bob"}
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.services = [
    {
        "name": "dashboards",
        "url": f"http://127.0.0.1:{service}",
        "command": [sys.executable, "-m", "hven.service.dashboards"],
        "oauth_no_confirm": True,
        "environment": {**kept, "HVEN_PUBLIC_URL": f"http://127.0.0.1:{public}", "PYTHONUNBUFFERED": "1"},
    }
]
c.JupyterHub.load_roles = [
    {"name": "viewers", "users": ["alice"], "scopes": ["access:services!service=dashboards"]},
]
