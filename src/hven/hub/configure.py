"""JupyterHub's configuration, made from the site's settings; who gets in and as whom is said by the site's mode."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hven.core.settings import Settings
from hven.hub.announcement import VARIABLE, as_html
from hven.hub.as_account import environment_of
from hven.hub.batch_token import BATCH
from hven.hub.choices import form, read_form
from hven.hub.hub_services import HubService, hub_services
from hven.hub.layout import Layout, source_folder
from hven.hub.mode import Mode, mode_of
from hven.hub.notices import IDLE, server_options
from hven.hub.ports import LOOPBACK, Ports
from hven.hub.processes import MARK
from hven.hub.proxy import proxy_command
from hven.hub.roles import KERNEL, SCOPES, roles
from hven.hub.spawning import server_arguments


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
    mode = mode_of(settings)
    mode.begin()
    ports = mode.ports()
    environment = shared_environment(settings, mode, ports)
    declared = hub_services(settings.hub.idle_timeout_s) if services is None else services
    c.JupyterHub.template_vars = {
        "announcement": lambda _user: as_html(mode.announcement),
        "announcement_login": lambda _user: as_html(mode.announcement, mode.invitation()),
    }
    _network(c, Layout.of(settings), ports)
    mode.login(c)
    c.JupyterHub.custom_scopes = SCOPES
    c.JupyterHub.load_roles = roles(mode.operators())
    c.JupyterHub.services = [_declare(service, mode, ports, environment) for service in declared]
    c.JupyterHub.services.append(BATCH)
    _servers(c, settings, environment)
    mode.servers(c)


def shared_environment(settings: Settings, mode: Mode, ports: Ports) -> dict[str, str]:
    """Variables by which the platform's processes find the observatory and each other; none is secret."""
    mark = {MARK: os.environ[MARK]} if MARK in os.environ else {}
    return {
        **mark,
        "HVEN_SITE": str(mode.site),
        "HVEN_ROOT": str(settings.root),
        "HVEN_API_URL": f"{ports.address}/services/api",
        "HVEN_PUBLIC_URL": settings.hub.public_url or ports.address,
        VARIABLE: str(mode.announcement),
    }


def _declare(service: HubService, mode: Mode, ports: Ports, environment: dict[str, str]) -> dict[str, Any]:
    account = mode.account(service.account)
    own = environment_of(account, mode.home(account))
    return service.declare(ports, {**environment, **own}, account)


def _network(c: Any, layout: Layout, ports: Ports) -> None:
    c.JupyterHub.bind_url = ports.address
    c.JupyterHub.hub_bind_url = f"http://{LOOPBACK}:{ports.hub}"
    c.JupyterHub.db_url = f"sqlite:///{layout.hub}/jupyterhub.sqlite"
    c.JupyterHub.cookie_secret_file = str(layout.hub / "cookie_secret")
    c.ConfigurableHTTPProxy.api_url = f"http://{LOOPBACK}:{ports.proxy_api}"
    c.ConfigurableHTTPProxy.command = proxy_command(source_folder())
    c.ConfigurableHTTPProxy.pid_file = str(layout.hub / "proxy.pid")


def _servers(c: Any, settings: Settings, environment: dict[str, str]) -> None:
    c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]
    c.Spawner.args = [*server_arguments(), *server_options()]
    c.Spawner.ip = LOOPBACK
    c.Spawner.default_url = "/lab"
    c.Spawner.start_timeout = c.Spawner.http_timeout = 90
    c.Spawner.server_token_scopes = KERNEL
    c.Spawner.options_form = lambda _spawner: form(settings)  # environments come and go
    c.Spawner.options_from_form = read_form
    c.Spawner.environment = {
        **environment,
        IDLE: str(
            settings.hub.idle_timeout_s if settings.server else 0
        ),  # on one's own machine an open tab counts as use
        "DASK_DISTRIBUTED__DASHBOARD__LINK": "{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status",
    }
