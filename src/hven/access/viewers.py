"""Which access classes are open to somebody: their Unix groups say it, as they say it to the filesystem."""

from __future__ import annotations

import grp
import os
import pwd

from hven.core.settings import ServerSettings
from hven.model.access import Viewer
from hven.model.collection import AccessClass

_EVERYBODY = frozenset({AccessClass.PUBLIC})
_COLLABORATION = _EVERYBODY | {AccessClass.COLLABORATION}
_ALL = frozenset(AccessClass)


def viewer_of(name: str, server: ServerSettings | None, *, operator: bool) -> Viewer:
    """Somebody as a viewer.

    Parameters
    ----------
    name
        Account; one that this machine does not know sees what is public.
    server
        Names of the groups; None is the try-out, which has no groups: there the right to operate opens everything.
    operator
        Whether they may operate.
    """
    if server is None:
        return Viewer(name, _ALL if operator else _COLLABORATION)
    groups = groups_of(name)
    if server.operators_group in groups:
        return Viewer(name, _ALL, groups)
    return Viewer(name, _COLLABORATION if server.users_group in groups else _EVERYBODY, groups)


def groups_of(name: str) -> frozenset[str]:
    """Unix groups of an account, empty for one that does not exist."""
    try:
        numbers = os.getgrouplist(name, pwd.getpwnam(name).pw_gid)
    except (KeyError, ValueError):
        return frozenset()
    return frozenset(filter(None, map(_group, numbers)))


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return ""
