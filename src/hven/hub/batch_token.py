"""The batch service as the hub knows it: it may read, by a token that lives as long as this hub."""

from __future__ import annotations

import os
import pwd
import secrets
from pathlib import Path
from typing import Any

from hven.batch.hub_token import token_file
from hven.core.settings import Settings

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
    token, file = secrets.token_hex(32), token_file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(file, token, pwd.getpwnam(account).pw_uid if account else -1)
    return {"name": SERVICE, "api_token": token, "display": False}


def _give(file: Path, text: str, uid: int) -> None:
    """Write a file in a folder that its receiver owns and might have filled with links: no name is followed."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        os.fchown(descriptor, uid, -1)
        stream.write(text)
    part.replace(file)
