"""The batch service as the hub knows it: it may read, by a token that lives as long as this hub."""

from __future__ import annotations

import secrets
import shutil
from typing import Any

from hven.batch.hub_token import token_file
from hven.core.settings import Settings
from hven.hub.layout import write_private

SERVICE = "batch"


def declare_batch(settings: Settings, account: str) -> dict[str, Any]:
    """The entry of `JupyterHub.services`; its new token goes to a file of the account's own.

    Parameters
    ----------
    settings
        The site.
    account
        Unix account of the batch service; that of the hub, if empty.
    """
    token = secrets.token_hex(32)
    file = token_file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, token)
    if account:
        shutil.chown(file, account)
    return {"name": SERVICE, "api_token": token, "display": False}
