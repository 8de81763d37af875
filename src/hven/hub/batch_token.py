"""The batch service as the hub knows it: it may read, by tokens of a day that are renewed long before they expire."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path
from typing import Any

from jupyterhub import orm

from hven.batch.hub_token import token_file
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.hub.mode import mode_of

BATCH = {"name": "batch", "display": False}
"""The entry of `JupyterHub.services`."""

LIFE_S = 86_400
"""A token that gets out is of no use after a day."""

_EVERY_S = LIFE_S / 4
_AGAIN_S = 60.0
_GLANCE_S = 0.5
_tasks: set[asyncio.Task[None]] = set()  # event loops forget those that nobody holds
_log = get_logger(__name__)


def renew_while_it_runs(hub: Any, settings: Settings) -> None:
    """Keep a valid token in the batch account's file for as long as a hub runs; called in the hub's own event loop.

    Parameters
    ----------
    hub
        The JupyterHub, which may still be starting.
    settings
        The site.
    """
    account = mode_of(settings).account("batch_account")
    _tasks.add(asyncio.get_running_loop().create_task(_keep_renewed(hub, settings, account)))


async def _keep_renewed(hub: Any, settings: Settings, account: str) -> None:
    while hub.http_server is None:  # noqa: ASYNC110 - the hub has no event for that
        await asyncio.sleep(_GLANCE_S)
    while True:
        try:
            renew(hub.db, settings, account)
        except OSError as error:
            _log.warning("the batch service got no new token", error=str(error))
            await asyncio.sleep(_AGAIN_S)
        else:
            await asyncio.sleep(_EVERY_S)


def renew(database: Any, settings: Settings, account: str) -> None:
    """Give the batch service a new token; former ones are good until they expire, for what is under way.

    Parameters
    ----------
    database
        Session of the hub's.
    settings
        The site.
    account
        Unix account of the batch service; that of the hub, if empty.
    """
    service = orm.Service.find(database, BATCH["name"])
    token = service.new_api_token(note="renewed by the hub", expires_in=LIFE_S)
    file = token_file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(file, token, pwd.getpwnam(account).pw_uid if account else -1)


def _give(file: Path, text: str, uid: int) -> None:
    """Write a file in a folder that its receiver owns and might have filled with links: no name is followed."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        os.fchown(descriptor, uid, -1)
        stream.write(text)
    part.replace(file)
