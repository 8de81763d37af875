"""In whose name the observatory's own jobs are."""

from __future__ import annotations

import getpass

from hven.core.settings import Settings


def service_account(settings: Settings) -> str:
    """The batch service's account; in a try-out its user.

    Examples
    --------
    >>> from hven.core.settings import ServerSettings
    >>> service_account(Settings(root="/data", state="/state", server=ServerSettings()))
    'hven-batch'
    """
    if settings.server is not None:
        return settings.server.batch_account
    return (settings.hub.user or getpass.getuser()).lower()
