"""Who may do what: hven's own scopes, and the roles that JupyterHub hands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCOPES = {
    "custom:hven:read": {"description": "Find and read products, quality and jobs"},
    "custom:hven:submit": {"description": "Submit jobs and save own products"},
    "custom:hven:operate": {"description": "Run shared processing, edit collections, handle alarms"},
}
USE_API = "access:services!service=api"
USE_DASHBOARDS = "access:services!service=dashboards"
KERNEL = ["users:activity!user", "access:servers!server", "custom:hven:read", "custom:hven:submit", USE_API]
DASHBOARD = [*SCOPES, USE_API]
"""What the pages may do for a visitor, at most."""
SEE_PEOPLE = ["list:users", "read:servers"]
"""What the pages ask in their own name: who there is, and whose servers run; names and times, nothing to change."""


def roles(operators: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Roles: everybody who is let in may read and submit, operators may operate.

    Parameters
    ----------
    operators
        Their `users` or `groups`.
    """
    everybody = ["self", "custom:hven:read", "custom:hven:submit", USE_API, USE_DASHBOARDS]
    return [
        {"name": "user", "scopes": everybody},
        {"name": "operator", **operators, "scopes": ["custom:hven:operate"]},
        {"name": "server", "scopes": KERNEL},
        {"name": "batch", "services": ["batch"], "scopes": ["custom:hven:read", USE_API, USE_DASHBOARDS]},
        {"name": "dashboards", "services": ["dashboards"], "scopes": SEE_PEOPLE},
        {
            "name": "idle-culler",
            "services": ["idle-culler"],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        },
    ]
