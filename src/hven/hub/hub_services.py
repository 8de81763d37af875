"""Services that the hub starts and stands in front of: declared once, used by the hub, `up`, `status` and `doctor`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hven.cluster.threads import WHEN_LOADED
from hven.hub.as_account import as_account
from hven.hub.ports import LOOPBACK, Ports
from hven.hub.priority import first
from hven.hub.roles import DASHBOARD


@dataclass(frozen=True)
class HubService:
    """A process managed by JupyterHub.

    Parameters
    ----------
    name
        As in its address, `/services/<name>/`.
    command
        Arguments of the platform's Python.
    port
        Field of `Ports` on which it listens; empty for one without an address.
    account
        Field of `ServerSettings` with the account under which it runs where there are many users.
    scopes
        What it may do on behalf of a visitor, at most.
    """

    name: str
    command: tuple[str, ...]
    port: str = ""
    account: str = ""
    scopes: tuple[str, ...] = ()
    display: bool = False

    def declare(self, ports: Ports, environment: Mapping[str, str], account: str = "") -> dict[str, Any]:
        """The entry of `JupyterHub.services`; `account` runs it, before all else, or the hub's own if empty."""
        program = (sys.executable, *self.command)
        entry: dict[str, Any] = {
            "name": self.name,
            "command": [*(first() if account else ()), *as_account(account, low_ports=True), *program],
            "environment": {**WHEN_LOADED, **environment, "PYTHONUNBUFFERED": "1"},
            "display": self.display,
        }
        if self.port:
            entry |= {
                "url": f"http://{LOOPBACK}:{getattr(ports, self.port)}",
                "oauth_no_confirm": True,
                "oauth_client_allowed_scopes": list(self.scopes),
                "timeout": 90,
            }
        return entry


def hub_services(idle_timeout_s: int) -> tuple[HubService, ...]:
    """The services of an observatory."""
    return (
        HubService("api", ("-P", "-m", "hven.service.api"), port="api", account="api_account"),
        HubService(
            "dashboards",
            ("-P", "-m", "hven.service.dashboards"),
            port="dashboards",
            account="dashboards_account",
            scopes=tuple(DASHBOARD),
            display=True,
        ),
        HubService(
            "idle-culler",
            ("-P", "-m", "jupyterhub_idle_culler", f"--timeout={idle_timeout_s}"),
            account="culler_account",
        ),
    )
