"""The try-out's one password: generated once, kept where only its owner reads it."""

from __future__ import annotations

import getpass
import secrets

from hven.core.settings import Settings
from hven.hub.layout import Layout, write_private

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


def ensure_password(layout: Layout) -> str:
    """The password of this platform, generated at the first start."""
    if not layout.password.exists():
        groups = ["".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4)]
        write_private(layout.password, "-".join(groups))
    return layout.password.read_text().strip()


def login_name(settings: Settings) -> str:
    """The try-out's login: the one in the site file, else the Unix user's name in lower case.

    Examples
    --------
    >>> login_name(Settings(root="/d", state="/s", hub={"user": "Tycho"}))
    'tycho'
    """
    return (settings.hub.user or getpass.getuser()).lower()
