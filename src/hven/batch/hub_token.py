"""The token by which the batch service speaks to the hub, which writes it here and renews it before it expires."""

from __future__ import annotations

from pathlib import Path

from hven.core.settings import Settings


def token_file(settings: Settings) -> Path:
    """File with the token, in a folder of the service account's own.

    Examples
    --------
    >>> token_file(Settings(root="/data", state="/state"))
    PosixPath('/state/batch/hub-token')
    """
    if settings.server is not None:
        return settings.state / "homes" / settings.server.batch_account / "hub-token"
    return settings.state / "batch" / "hub-token"


def read_token(settings: Settings) -> str:
    """The token that is valid now; empty where no hub has written one."""
    try:
        return token_file(settings).read_text().strip()
    except FileNotFoundError:
        return ""
