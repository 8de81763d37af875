"""Run a program as a Unix account, with the groups of that account and nothing of root's."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

_ONLY_LOW_PORTS = (
    "--inh-caps=-all,+net_bind_service",
    "--ambient-caps=-all,+net_bind_service",
    "--bounding-set=-all,+net_bind_service",
    "--no-new-privs",
)


def as_account(account: str, *, low_ports: bool = False) -> tuple[str, ...]:
    """What to put before a command that root starts; nothing for no account.

    Parameters
    ----------
    low_ports
        It listens below 1024, where no other user can listen in its place while it is down, and never becomes more than
        it is.

    Examples
    --------
    >>> as_account("")
    ()
    >>> as_account("daemon")
    ('setpriv', '--reuid=daemon', '--regid=daemon', '--init-groups', '--')
    """
    if not account:
        return ()
    group = grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name
    more = _ONLY_LOW_PORTS if low_ports else ()
    return ("setpriv", f"--reuid={account}", f"--regid={group}", "--init-groups", *more, "--")


def environment_of(account: str, home: Path) -> dict[str, str]:
    """Variables that name an account and where it keeps caches; nothing for no account."""
    return {"HOME": str(home), "USER": account, "LOGNAME": account} if account else {}


def folder_for(account: str, folder: Path) -> None:
    """Make a folder that only an account enters, in a folder that only root changes."""
    owner = pwd.getpwnam(account)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def groups_of(account: str) -> list[str]:
    """Names of the groups of a Unix account; none for an account that does not exist."""
    try:
        primary = pwd.getpwnam(account).pw_gid
    except KeyError:
        return []
    named = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    return sorted(named[gid] for gid in os.getgrouplist(account, primary) if gid in named)
