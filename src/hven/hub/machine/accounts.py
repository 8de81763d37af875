"""Groups and accounts of the services: which there must be, and the commands that make those that are missing."""

from __future__ import annotations

import grp
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hven.core.errors import InfrastructureError
from hven.core.settings import ServerSettings
from hven.hub.as_account import groups_of

_NO_LOGIN = "/usr/sbin/nologin"


@dataclass(frozen=True)
class ServiceAccount:
    """An account without password and shell; `also` are groups beside that of the services."""

    name: str
    group: str
    also: tuple[str, ...] = ()


def groups(server: ServerSettings) -> tuple[str, ...]:
    """Groups of an installation."""
    return server.services_group, server.users_group, server.operators_group, server.copiers_group


def service_accounts(server: ServerSettings) -> tuple[ServiceAccount, ...]:
    """Accounts of its services."""
    services = server.services_group
    return (
        ServiceAccount(server.archive_account, services, (server.copiers_group,)),
        ServiceAccount(server.batch_account, services),
        ServiceAccount(server.api_account, services),
        ServiceAccount(server.dashboards_account, services),
        ServiceAccount(server.culler_account, services),
    )


def missing(server: ServerSettings, homes: Path) -> Iterator[tuple[str, ...]]:
    """Commands that make what is not there, or put an account into its groups; run each before asking for the next.

    Parameters
    ----------
    homes
        Where accounts keep their caches.
    """
    for name in groups(server):
        if not group_exists(name):
            yield "groupadd", "--system", name
    for account in service_accounts(server):
        if not account_exists(account.name):
            also = ("--groups", ",".join(account.also)) if account.also else ()
            home = ("--home-dir", str(homes / account.name), "--no-create-home", "--shell", _NO_LOGIN)
            yield "useradd", "--system", "--gid", account.group, *also, *home, account.name
        elif lacking := [g for g in (account.group, *account.also) if g not in groups_of(account.name)]:
            yield "usermod", "--append", "--groups", ",".join(lacking), account.name


def make_accounts(server: ServerSettings, homes: Path) -> Iterator[str]:
    """Make what is missing; gives the commands that did.

    Raises
    ------
    InfrastructureError
        When the system refuses.
    """
    for command in missing(server, homes):
        program = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin") or command[0]
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise InfrastructureError(f"{' '.join(command)} failed: {done.stderr.strip()}")
        yield " ".join(command)


def members(group: str) -> list[str]:
    """Users of a group, whether it is their first one or not."""
    entry = grp.getgrnam(group)
    return sorted({*entry.gr_mem, *(user.pw_name for user in pwd.getpwall() if user.pw_gid == entry.gr_gid)})


def account_exists(name: str) -> bool:
    """Whether there is a user of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def group_exists(name: str) -> bool:
    """Whether there is a group of this name."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
