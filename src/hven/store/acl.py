"""POSIX access control lists of files and folders, as Linux keeps them.

Written as `setfacl` has them, without spaces: ``u::rwx,u:ada:r-x,g::r-x,g:hven:rwx,m::rwx,o::---``. A mask that is left
out is the union of what it limits, as with `setfacl`.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import stat
import struct
from pathlib import Path

from hven.core.errors import ConfigurationError, InfrastructureError

_ACCESS = "system.posix_acl_access"
_DEFAULT = "system.posix_acl_default"
_VERSION = 2
_NOBODY = 0xFFFFFFFF
_HEADER, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_KINDS = {_USER_OBJ: "u", _USER: "u", _GROUP_OBJ: "g", _GROUP: "g", _MASK: "m", _OTHER: "o"}
_TEXT = re.compile(r"([ugmo]):([^:,]*):([r-][w-][x-])")

Place = Path | int
"""A file or folder: a path that is no link, or an open descriptor."""

Entry = tuple[int, int, int]
"""Tag, user or group number, permission bits; in this order sorted as the kernel wants them."""


def set_acl(path: Place, acl: str, *, default: bool = False) -> None:
    """Give a path an access control list.

    Parameters
    ----------
    path
        What to give it to.
    acl
        All of it.
    default
        The list that new entries of a folder inherit, instead of its own.

    Raises
    ------
    ConfigurationError
        When the text is no list, or names a user or group that does not exist.
    InfrastructureError
        When the filesystem has no access control lists.
    """
    content = _HEADER.pack(_VERSION) + b"".join(_ENTRY.pack(tag, bits, who) for tag, who, bits in _parse(acl))
    try:
        os.setxattr(path, _DEFAULT if default else _ACCESS, content, follow_symlinks=_is_open(path))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        raise InfrastructureError(
            f"{path}: its filesystem keeps no access control lists",
            hint="Mount it with the option acl; docs/operator-guide.md says what BeeGFS needs.",
        ) from None


def get_acl(path: Place, *, default: bool = False) -> str:
    """Access control list of a path; empty where it has no default one."""
    try:
        content = os.getxattr(path, _DEFAULT if default else _ACCESS, follow_symlinks=_is_open(path))
    except OSError as error:
        if error.errno not in {errno.ENODATA, errno.ENOTSUP}:
            raise
        status = os.stat(path, follow_symlinks=_is_open(path))  # noqa: PTH116 - a descriptor has no other
        return "" if default else _of_mode(status.st_mode)
    entries = _ENTRY.iter_unpack(content[_HEADER.size :])
    return _write([(tag, who, bits) for tag, bits, who in entries])


def canonical(acl: str) -> str:
    """The same list as `get_acl` gives it.

    Examples
    --------
    >>> canonical("o::---,g::r-x,u::rwx,u:root:rwx")
    'u::rwx,u:root:rwx,g::r-x,m::rwx,o::---'
    """
    return _write(_parse(acl)) if acl else ""


def remove_acl(path: Place, *, only_default: bool = False) -> None:
    """Leave the mode bits alone to rule, or only take away what new entries inherit."""
    for name in (_DEFAULT,) if only_default else (_ACCESS, _DEFAULT):
        try:
            os.removexattr(path, name, follow_symlinks=_is_open(path))
        except OSError as error:
            if error.errno not in {errno.ENODATA, errno.ENOTSUP}:
                raise


def _is_open(path: Place) -> bool:
    """The system wants to follow a descriptor, and we never follow a link."""
    return isinstance(path, int)


def _parse(acl: str) -> list[Entry]:
    entries = [_entry(text) for text in acl.split(",")]
    tags = [tag for tag, _who, _bits in entries]
    if {_USER, _GROUP} & set(tags) and _MASK not in tags:
        entries.append((_MASK, _NOBODY, _union(entries)))
    if not {_USER_OBJ, _GROUP_OBJ, _OTHER} <= set(tags) or len({e[:2] for e in entries}) < len(entries):
        raise ConfigurationError(f"{acl!r} is no access control list")
    return sorted(entries)


def _union(entries: list[Entry]) -> int:
    bits = 0
    for tag, _who, granted in entries:
        bits |= granted if tag in {_USER, _GROUP_OBJ, _GROUP} else 0
    return bits


def _entry(text: str) -> Entry:
    match = _TEXT.fullmatch(text)
    if not match:
        raise ConfigurationError(f"{text!r} is no entry of an access control list")
    kind, name, letters = match.groups()
    bits = sum(bit for letter, bit in zip(letters, (4, 2, 1), strict=True) if letter != "-")
    if not name:
        return {"u": _USER_OBJ, "g": _GROUP_OBJ, "m": _MASK, "o": _OTHER}[kind], _NOBODY, bits
    try:
        return (_USER, pwd.getpwnam(name).pw_uid, bits) if kind == "u" else (_GROUP, grp.getgrnam(name).gr_gid, bits)
    except KeyError:
        raise ConfigurationError(f"there is no {'user' if kind == 'u' else 'group'} {name!r}") from None


def _write(entries: list[Entry]) -> str:
    return ",".join(f"{_KINDS[tag]}:{_name(tag, who)}:{_letters(bits)}" for tag, who, bits in entries)


def _name(tag: int, who: int) -> str:
    try:
        if tag == _USER:
            return pwd.getpwuid(who).pw_name
        return grp.getgrgid(who).gr_name if tag == _GROUP else ""
    except KeyError:
        return str(who)


def _letters(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))


def _of_mode(mode: int) -> str:
    bits = stat.S_IMODE(mode)
    return f"u::{_letters(bits >> 6 & 7)},g::{_letters(bits >> 3 & 7)},o::{_letters(bits & 7)}"
