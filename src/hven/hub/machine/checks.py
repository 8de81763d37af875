"""What is wrong with an installation for many users, and how to mend it.

Looks only: nothing is made or changed. Some of it can be seen by root alone, so `hven doctor --server` is run as root.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hven.core.errors import ConfigurationError, SettingsError
from hven.core.settings import ServerSettings, Settings
from hven.hub.as_account import groups_of
from hven.hub.doctor import NETWORK_FILESYSTEMS, Finding, filesystem_of
from hven.hub.layout import Layout, source_folder
from hven.hub.machine import accounts, files, folders, install
from hven.hub.machine.slurm_checks import examine_slurm
from hven.hub.ports import ROOTS_PORTS
from hven.store.acl import get_acl

AGAIN = "Run platform/install.sh again: it puts right what differs."
_LOWEST_OPEN_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_SECRET = re.compile(r"(password|passwd|secret|token)(?!_file)\w*\s*:\s*\S", re.IGNORECASE)
_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


def examine(settings: Settings, site: Path) -> Iterator[Finding]:
    """Everything that an installation for many users needs.

    Parameters
    ----------
    settings
        What the site file says.
    site
        That file.

    Raises
    ------
    SettingsError
        When the site is for one user.
    """
    server = settings.server
    if server is None:
        raise SettingsError(f"{site} is for one user", hint="A section `server: {}` makes it a site for many.")
    if os.geteuid() != 0:
        yield Finding("root", "this is not root, which alone can see everything", "warning", "Use sudo.")
    yield from _interpreter(server)
    yield from _accounts(settings, server)
    yield from _site(site)
    yield _local(settings.state)
    yield _acl_support(settings.root)
    yield from _folders(settings, server)
    yield from _deliveries(settings, server)
    yield _logs(settings, server)
    yield from _system_files(site, settings, server)
    yield _ports(settings)
    if settings.slurm is not None:
        yield from examine_slurm(settings.slurm, server)


def _interpreter(server: ServerSettings) -> Iterator[Finding]:
    """The program of an installation, which everybody must be able to run and nobody to change."""
    for name in ("venv/bin/python", "venv/bin/hven", "share/hven"):
        path = server.prefix / name
        if not path.exists():
            yield Finding("installation", f"{path} is missing", "problem", AGAIN)
            continue
        if closed := closed_to_others(path.resolve()):
            hint = f"chmod o+rx {closed}, or install below a folder that everybody can enter."
            yield Finding("installation", f"{path} cannot be used by others: {closed} is closed", "problem", hint)
        elif open_part := open_to_others(path.resolve()):
            hint = f"chown root {open_part}; chmod go-w {open_part}"
            yield Finding("installation", f"{open_part} can be changed by others than root", "problem", hint)
        else:
            yield Finding("installation", f"{path} is for everybody")
    python = server.prefix / "venv" / "bin" / "python"
    if os.geteuid() == 0 and python.exists() and (error := _error_for_nobody(python)):
        yield Finding("installation", f"{python} does not run for others: {error}", "problem", AGAIN)


def _error_for_nobody(python: Path) -> str:
    """What the installed hven says when somebody without any rights runs it; empty when it runs."""
    command = [python, "-I", "-c", "import hven.core.settings, ssl, sqlite3"]
    nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd="/", **nobody)  # type: ignore[call-overload] # noqa: S603 - the installed interpreter
    except OSError as error:
        return str(error)
    return str(done.stderr).strip().rpartition("\n")[2] if done.returncode else ""


def closed_to_others(path: Path) -> Path | None:
    """The first part of a path that others cannot pass, or use at its end; None when they can."""
    for part in (*reversed(path.parents), path):
        mode = part.stat().st_mode
        wanted = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if mode & wanted != wanted:
            return part
    return None


def open_to_others(path: Path) -> Path | None:
    """The first part of a path that somebody else than root could replace; None when there is none."""
    for part in (*reversed(path.parents), path):
        found = part.stat()
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
        if found.st_uid != 0 or others:
            return part
    return None


def _accounts(settings: Settings, server: ServerSettings) -> Iterator[Finding]:
    lacking = [" ".join(command) for command in accounts.missing(server, Layout.of(settings).homes)]
    for command in lacking:
        yield Finding("accounts", f"`{command}` has not been done", "problem", AGAIN)
    if not lacking:
        yield Finding("accounts", f"{', '.join(a.name for a in accounts.service_accounts(server))} are there")
    services = {account.name for account in accounts.service_accounts(server)}
    for person in accounts.members(server.services_group) if accounts.group_exists(server.services_group) else ():
        if person not in services:
            hint = f"gpasswd --delete {person} {server.services_group}"
            yield Finding("accounts", f"{person} is in {server.services_group} and reads the state", "problem", hint)
    for account in sorted(services):
        if more := set(groups_of(account)) & {server.users_group, server.operators_group}:
            hint = f"gpasswd --delete {account} {min(more)}"
            yield Finding("accounts", f"{account} is in {min(more)}, which is for people", "problem", hint)


def _site(site: Path) -> Iterator[Finding]:
    """The site file: everybody reads it, so nothing in it may be secret."""
    if closed := closed_to_others(site):
        hint = f"chmod o+r {site}" if closed == site else f"chmod o+x {closed}"
        yield Finding("site file", f"{site} is not readable for everybody: {closed} is closed", "problem", hint)
    elif open_part := open_to_others(site):
        hint = f"chown root {open_part}; chmod go-w {open_part}"
        yield Finding("site file", f"{open_part} can be changed by others than root", "problem", hint)
    else:
        yield Finding("site file", f"{site} is readable for everybody")
    for number, line in enumerate(site.read_text().splitlines(), 1):
        text = line.partition("#")[0]
        if _SECRET.search(text) or _IN_URL.search(text):
            hint = "Use peer authentication for databases, and files of root's for everything else."
            yield Finding("site file", f"{site}: line {number} looks like a secret", "problem", hint)


def _local(state: Path) -> Finding:
    kind = filesystem_of(state)
    if kind in NETWORK_FILESYSTEMS:
        hint = "Set `state` to a local disk: SQLite loses data on a network filesystem."
        return Finding("state", f"{state} is on {kind}, a network filesystem", "problem", hint)
    return Finding("state", f"{state} is on {kind}")


def _acl_support(root: Path) -> Finding:
    """Lists are there where the installer could set one."""
    users = root / "L1"
    if users.is_dir() and get_acl(users, default=True):
        return Finding("access lists", f"{root} keeps them")
    hint = f"{AGAIN} Where that fails, mount {root} with ACLs; docs/operator-guide.md says what BeeGFS needs."
    return Finding("access lists", f"{root} has none", "problem", hint)


def _folders(settings: Settings, server: ServerSettings) -> Iterator[Finding]:
    try:
        planned = [*folders.data_folders(settings, server), *folders.state_folders(settings, server)]
        wrong = [(f.path, text) for f in planned for text in folders.differences(f)]
    except (KeyError, ConfigurationError) as error:
        yield Finding("folders", f"cannot be compared: {error.args[0]}", "problem", AGAIN)
        return
    for path, text in wrong:
        yield Finding("folders", f"{path}: {text}", "problem", AGAIN)
    if not wrong:
        yield Finding("folders", f"{len(planned)} folders of {settings.root} and {settings.state} are as planned")
    for path in (settings.root, settings.state):
        if taken := open_to_others(path.parent.resolve()):
            hint = f"chown root {taken}; chmod go-w {taken}"
            yield Finding("folders", f"{taken}, above {path}, can be changed by others than root", "problem", hint)


def _deliveries(settings: Settings, server: ServerSettings) -> Iterator[Finding]:
    """What copiers delivered must be readable for the archive: a copied mode may have cut the inherited rights."""
    for base, names, files_ in os.walk(settings.root / "incoming"):
        for name in (*names, *files_) if Path(base) != settings.root / "incoming" else ():
            path = Path(base, name)
            if not path.is_symlink() and not _readable_for(server.archive_account, get_acl(path)):
                hint = f"setfacl -R -m u:{server.archive_account}:rX {path}; deliver with rsync -rt, without modes."
                yield Finding("deliveries", f"{server.archive_account} cannot read {path}", "problem", hint)
                return
    yield Finding("deliveries", f"{server.archive_account} reads everything in incoming/")


def _readable_for(account: str, acl: str) -> bool:
    """Whether a list lets an account read, by name or as one of all."""
    entries = dict(entry.rsplit(":", 1) for entry in acl.split(","))
    named = entries.get(f"u:{account}")
    return "r" in entries["o:"] if named is None else "r" in named and "r" in entries.get("m:", "r")


def _logs(settings: Settings, server: ServerSettings) -> Finding:
    """Logs may name what is not for everybody."""
    found = [f for f in Layout.of(settings).logs.glob("*") if f.is_file() and f.stat().st_mode & stat.S_IRWXO]
    if found:
        return Finding("logs", f"{found[0]} is readable for everybody", "problem", f"chmod o= {found[0]}")
    return Finding("logs", f"{Layout.of(settings).logs} is for {server.services_group}")


def _system_files(site: Path, settings: Settings, server: ServerSettings) -> Iterator[Finding]:
    """Sudoers line, runner's script and units as this version of hven has them."""
    try:
        platform = source_folder() / "platform"
        wanted = install.system_files(site, settings, server, platform)
    except SettingsError as error:
        yield Finding("system files", error.message, "problem", error.hint)
        return
    wrong = [file for file in wanted if not files.is_right(file)]
    for file in wrong:
        says = "differs from this version's" if file.path.exists() else "is missing"
        yield Finding("system files", f"{file.path} {says}", "problem", AGAIN)
    if not wrong:
        yield Finding("system files", f"{', '.join(str(f.path) for f in wanted)} are right")
    if not files.has_systemd():
        yield Finding("units", "systemd does not run here", "warning", "`hven up` as root keeps the platform alive.")


def _ports(settings: Settings) -> Finding:
    """Nobody may listen in the place of a service that is down."""
    open_from = int(_LOWEST_OPEN_PORT.read_text())
    if open_from > max(ROOTS_PORTS) and settings.hub.port < open_from:
        return Finding("ports", f"the hub's and its services' lie below {open_from}, where only root's programs listen")
    if open_from <= max(ROOTS_PORTS):
        says, hint = f"everybody may listen from {open_from} on", "sysctl net.ipv4.ip_unprivileged_port_start=1024"
    else:
        says, hint = f"everybody may listen on {settings.hub.port} while the hub is down", "hub: port below 1024"
    return Finding("ports", says, "warning", hint)
