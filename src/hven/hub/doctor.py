"""What is wrong with an installation, in words."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from hven.core.errors import ConfigurationError, ServiceUnavailableError
from hven.core.settings import Settings
from hven.hub.layout import Layout, source_folder
from hven.hub.ports import describe_holder, is_free
from hven.hub.proxy import find_node, proxy_command
from hven.hub.run_record import is_running
from hven.hub.status import status
from hven.registry.database import Database
from hven.store.manifest import MANIFEST, PROVENANCE

NETWORK_FILESYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afpfs",
        "beegfs",
        "lustre",
        "gpfs",
        "ceph",
        "fuse.sshfs",
        "9p",
        "glusterfs",
        "webdav",
    }
)
_FULL_FRACTION = 0.95
_FULL_BYTES = 2e9
_STUCK_S = 3600.0
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    check
        What was looked at.
    says
        What was found, in words.
    level
        A `warning` deserves a look; a `problem` keeps the platform from working.
    hint
        What to do about it.
    """

    check: str
    says: str
    level: Literal["ok", "warning", "problem"] = "ok"
    hint: str = ""


def doctor(settings: Settings) -> list[Finding]:
    """Examine an installation, whether its platform runs or not."""
    layout = Layout.of(settings)
    return [
        _python(),
        _proxy(),
        _port(settings, layout),
        *(_disk(name, folder) for name, folder in (("data root", settings.root), ("state", settings.state))),
        _filesystem(settings.state),
        _clock(settings.state),
        *_databases(settings),
        *_archive(settings.root, quiet=not is_running(layout)),
        *_services(settings),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", f"{version} at {sys.executable}")


def _proxy() -> Finding:
    try:
        command = proxy_command(source_folder())
        return Finding("proxy", f"{command[-1]}, node {find_node()}")
    except ConfigurationError as error:
        return Finding("proxy", error.message, "problem", error.hint)


def _port(settings: Settings, layout: Layout) -> Finding:
    port = settings.hub.port
    if is_running(layout):
        return Finding("port", "in use by this platform")
    if is_free(port):
        return Finding("port", f"{port} is free")
    return Finding("port", f"{port} is taken by {describe_holder(port)}", "problem", "Stop it or use `hven up --port`.")


def _disk(name: str, folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.parents) if p.exists())
    usage = shutil.disk_usage(there)
    says = f"{usage.used / usage.total:.0%} used, {usage.free / 1e9:.1f} GB free at {there}"
    if usage.free < _FULL_BYTES or usage.used > _FULL_FRACTION * usage.total:
        return Finding(
            f"disk of {name}", f"nearly full: {says}", "problem", "Free space, or move it (HVEN_ROOT, HVEN_STATE)."
        )
    if not os.access(there, os.W_OK):
        return Finding(f"disk of {name}", f"{there} is not writable for you", "problem")
    return Finding(f"disk of {name}", says)


def filesystem_of(folder: Path) -> str:
    """Type of the filesystem that holds a folder, such as `ext4`."""
    mounts = [m for m in psutil.disk_partitions(all=True) if folder.absolute().is_relative_to(m.mountpoint)]
    return max(mounts, key=lambda m: len(m.mountpoint)).fstype if mounts else "unknown"


def _filesystem(state: Path) -> Finding:
    kind = filesystem_of(state)
    if kind in NETWORK_FILESYSTEMS:
        hint = "Set HVEN_STATE to a local disk: SQLite loses data on a network filesystem."
        return Finding("state filesystem", f"{state} is on {kind}, a network filesystem", "problem", hint)
    return Finding("state filesystem", kind)


def _clock(state: Path) -> Finding:
    newest = max((f.stat().st_mtime for f in state.glob("*") if f.is_file()), default=0.0)
    if newest > time.time() + 60:
        hint = "Set the clock: observing days and leases follow it."
        return Finding("clock", "files of the state folder come from the future", "problem", hint)
    if _synchronised() is False:
        return Finding("clock", "the system clock is not synchronised", "warning", "Run chrony or systemd-timesyncd.")
    return Finding("clock", "in order")


def _synchronised() -> bool | None:
    """Whether the kernel says that something disciplines its clock; None where it cannot say."""
    if not sys.platform.startswith("linux"):
        return None
    answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if answer < 0 else answer != _TIME_ERROR


def _databases(settings: Settings) -> Iterator[Finding]:
    state = settings.state
    for file in (state / "registry.sqlite", state / "platform.sqlite", state / "hub" / "jupyterhub.sqlite"):
        if file.exists():
            yield _database_file(file)
    for url in dict.fromkeys((settings.registry_url, settings.platform_url)):
        if not url.startswith("sqlite:"):
            yield _database_server(url)


def _database_server(url: str) -> Finding:
    database = Database(url)
    try:
        with database.read():
            return Finding("database server", f"{database.name} answers")
    except ServiceUnavailableError as error:
        return Finding("database server", error.message, "problem", "Start it, or correct its URL in the site file.")
    finally:
        database.close()


def _database_file(file: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            answer = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer == "ok":
        return Finding(file.name, "in order")
    hint = "`hven registry rebuild` makes it from the disk." if file.name == "registry.sqlite" else "Restore a backup."
    return Finding(file.name, f"damaged: {answer}", "problem", hint)


def _archive(root: Path, *, quiet: bool) -> Iterator[Finding]:
    """Publications that were not finished; with nothing running, every unfinished one is left over."""
    oldest = time.time() - (0 if quiet else _STUCK_S)
    unfinished, open_products = [], []
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        unfinished += [here / n for n in (*folders, *files) if n.startswith(".part-") and _mtime(here / n) < oldest]
        is_product = {MANIFEST, PROVENANCE}.issubset(files)  # manifests of raw files grow with late ones
        if is_product and _mtime(here / MANIFEST) < oldest and _writable(here / MANIFEST):
            open_products.append(here)
        folders[:] = [n for n in folders if not n.startswith(".") and not n.endswith(".zarr")]
    if unfinished:
        says = f"{len(unfinished)} unfinished, the first {unfinished[0]}"
        yield Finding("publications", says, "problem", "The next `hven ingest` or job redoes the work; then delete it.")
    if open_products:
        says = f"{len(open_products)} published but writable, the first {open_products[0]}"
        yield Finding("publications", says, "problem", "`chmod -R a-w` it after checking it with `hven show`.")
    if not unfinished and not open_products:
        yield Finding("publications", "all sealed")


def _mtime(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()


def _writable(file: Path) -> bool:
    return bool(file.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _services(settings: Settings) -> Iterator[Finding]:
    found = status(settings)
    if found.phase == "lost":
        yield Finding(
            "platform", "its supervisor was killed", "problem", "`hven down` clears up, `hven up` starts again."
        )
    for row in found.services:
        if row.state in {"restarting", "lost"} or (row.state == "stopped" and found.phase == "ready"):
            log = Layout.of(settings).logs / f"{row.name if row.name in {'ingest', 'batch'} else 'hub'}.log"
            yield Finding(row.name, f"is {row.state} after {row.restarts} restarts", "problem", f"{log} says why.")
