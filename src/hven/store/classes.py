"""Access classes as rights on the folders of versions: who cannot enter the folder reads nothing in it."""

from __future__ import annotations

from pathlib import Path

from hven.core.errors import AccessDeniedError
from hven.core.settings import ServerSettings
from hven.model.collection import AccessClass
from hven.store.acl import canonical, get_acl, set_acl

EVERYBODY = "u::{owner},g::r-x,o::r-x"


def class_acl(access: AccessClass, server: ServerSettings, *, owner: str = "r-x") -> str:
    """Access control list of a folder of a class.

    Groups are named in it, so that whoever owns a folder can close it to groups of which they are no member.

    Parameters
    ----------
    access
        The class.
    server
        Names of the groups; that of the services reads everything.
    owner
        What the owner may do.

    Examples
    --------
    >>> class_acl(AccessClass.OPERATORS, ServerSettings())
    'u::r-x,g::---,g:hven:r-x,g:hven-operators:r-x,o::---'
    """
    if access == AccessClass.PUBLIC:
        return EVERYBODY.format(owner=owner)
    groups = [server.services_group, server.operators_group]
    groups += [server.users_group] if access == AccessClass.COLLABORATION else []
    named = ",".join(f"g:{group}:r-x" for group in groups)
    return f"u::{owner},g::---,{named},o::---"


def is_of_class(folder: Path, access: AccessClass, server: ServerSettings) -> bool:
    """Whether a folder has the rights of a class."""
    found = get_acl(folder)
    return found == canonical(class_acl(access, server, owner=_owners_part(found)))


def set_class(folder: Path, access: AccessClass, server: ServerSettings) -> None:
    """Give a folder the rights of a class; what its owner may do stays.

    Raises
    ------
    AccessDeniedError
        When the folder is another's.
    """
    try:
        set_acl(folder, class_acl(access, server, owner=_owners_part(get_acl(folder))))
    except PermissionError:
        raise AccessDeniedError(f"{folder} belongs to another account", hint="Root may change it: use sudo.") from None


def _owners_part(acl: str) -> str:
    return acl.removeprefix("u::")[:3]
