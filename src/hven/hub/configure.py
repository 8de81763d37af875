"""JupyterHub's configuration, made from the site's settings.

This is the try-out: every process runs as one Unix user on loopback, one password opens it, roles shape the pages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hven.core.settings import Settings
from hven.hub.hub_services import HubService, hub_services
from hven.hub.layout import Layout, source_folder
from hven.hub.password import ensure_password, login_name
from hven.hub.ports import LOOPBACK, Ports, read_ports
from hven.hub.processes import MARK
from hven.hub.proxy import proxy_command
from hven.hub.roles import KERNEL, SCOPES, roles
from hven.hub.spawning import HomeSpawner, prepare, read_size_form, server_arguments, size_form


def configure(c: Any, settings: Settings, services: Sequence[HubService] | None = None) -> None:
    """Fill JupyterHub's configuration object.

    Parameters
    ----------
    c
        What `get_config()` gives in a configuration file.
    settings
        The site.
    services
        Instead of the observatory's own services.

    Raises
    ------
    ConfigurationError
        When the proxy is missing.
    """
    layout = Layout.of(settings)
    layout.create()
    ports = read_ports(layout.ports)
    environment = shared_environment(settings, ports)
    _network(c, layout, ports)
    _login(c, settings, layout)
    c.JupyterHub.custom_scopes = SCOPES
    c.JupyterHub.load_roles = roles([login_name(settings)])
    declared = hub_services(settings.hub.idle_timeout_s) if services is None else services
    c.JupyterHub.services = [service.declare(ports, environment) for service in declared]
    _servers(c, settings, layout, environment)


def shared_environment(settings: Settings, ports: Ports) -> dict[str, str]:
    """Variables by which the platform's processes find the observatory and each other."""
    mark = {MARK: os.environ[MARK]} if MARK in os.environ else {}
    return {
        **mark,
        "HVEN_SITE": str(Layout.of(settings).site),
        "HVEN_ROOT": str(settings.root),
        "HVEN_API_URL": f"{ports.address}/services/api",
        "HVEN_PUBLIC_URL": ports.address,
    }


def _network(c: Any, layout: Layout, ports: Ports) -> None:
    c.JupyterHub.bind_url = ports.address
    c.JupyterHub.hub_bind_url = f"http://{LOOPBACK}:{ports.hub}"
    c.JupyterHub.db_url = f"sqlite:///{layout.hub}/jupyterhub.sqlite"
    c.JupyterHub.cookie_secret_file = str(layout.hub / "cookie_secret")
    c.ConfigurableHTTPProxy.api_url = f"http://{LOOPBACK}:{ports.proxy_api}"
    c.ConfigurableHTTPProxy.command = proxy_command(source_folder())
    c.ConfigurableHTTPProxy.pid_file = str(layout.hub / "proxy.pid")


def _login(c: Any, settings: Settings, layout: Layout) -> None:
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = ensure_password(layout)
    c.Authenticator.allowed_users = {login_name(settings), *settings.hub.guests}
    c.JupyterHub.template_vars = {
        "announcement_login": f"{settings.observatory.name}. `hven up` printed the user and the password."
    }


def _servers(c: Any, settings: Settings, layout: Layout, environment: dict[str, str]) -> None:
    c.JupyterHub.spawner_class = HomeSpawner
    c.SimpleLocalProcessSpawner.home_dir_template = f"{layout.homes}/{{username}}"
    c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]
    c.Spawner.args = server_arguments()
    c.Spawner.ip = LOOPBACK
    c.Spawner.default_url = "/lab"
    c.Spawner.start_timeout = c.Spawner.http_timeout = 90
    c.Spawner.server_token_scopes = KERNEL
    c.Spawner.options_form = size_form(settings.engine)
    c.Spawner.options_from_form = read_size_form
    c.Spawner.pre_spawn_hook = partial(prepare, settings.engine, source_folder() / "notebooks", layout.homes)
    c.Spawner.environment = {
        **environment,
        "DASK_DISTRIBUTED__DASHBOARD__LINK": "{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status",
    }
