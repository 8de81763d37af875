"""A backup of everything that exists nowhere else, while the platform runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import yaml

from hven import __version__
from hven.core.clock import now_ns
from hven.core.errors import ConfigurationError, ConflictError
from hven.core.settings import Settings
from hven.hub.layout import Layout, write_private
from hven.hub.state.manifest import MANIFEST, BackedUp, Backup, measure
from hven.hub.state.parts import PLATFORM, REGISTRY
from hven.registry.database import Database
from hven.registry.journal import EDITS, QUANTA, cut_torn_line
from hven.registry.transfer import Copied, Tables, copy, present

PLATFORM_FILE, SITE_FILE = Path("platform.sqlite"), Path("site.yaml")
HUB_DATABASE, HUB_FILES = Path("hub", "jupyterhub.sqlite"), (Path("hub", "cookie_secret"), Path("password"))
JOURNALS = (EDITS, QUANTA)


def backup(settings: Settings, folder: Path) -> Backup:
    """Write jobs, audit, ledgers, the hub's database and secrets, the site's settings and the journals into a folder.

    Each database is read at one moment; the journals are read last. The folder appears when it is complete, and only
    its owner can read it: it holds secrets.

    Raises
    ------
    ConflictError
        When the folder is there already.
    ConfigurationError
        When tables are of another version, or there is no platform yet.
    """
    if folder.exists():
        raise ConflictError(f"{folder} is there already", hint="Name a new folder, for instance by the date.")
    part = folder.absolute().with_name(f".part-{folder.name}-{uuid.uuid4().hex[:8]}")
    before = os.umask(0o077)
    try:
        part.mkdir(parents=True)
        made = _write(settings, part)
        _sync(part)
        part.rename(folder)
        _sync_folder(folder.absolute().parent)
    finally:
        os.umask(before)
        shutil.rmtree(part, ignore_errors=True)
    return made


def _write(settings: Settings, part: Path) -> Backup:
    tables, copied = _platform(settings, part / PLATFORM_FILE)
    _hub(Layout.of(settings), part)
    write_private(part / SITE_FILE, yaml.safe_dump(settings.model_dump(mode="json")))
    journal = {str(name): _whole_lines(settings.root / name, part / name) for name in JOURNALS}
    files = sorted(file for file in part.rglob("*") if file.is_file())
    made = Backup(
        made_ns=now_ns(),
        hven=__version__,
        site=settings.site,
        day_obs_offset_hours=settings.observatory.day_obs_offset_hours,
        tables={some.name: some.version for some in tables},
        rows={one.table: one.rows for one in copied},
        files={str(file.relative_to(part)): measure(file) for file in files},
        journal={name: written for name, written in journal.items() if written is not None},
    )
    write_private(part / MANIFEST, made.model_dump_json(indent=1))
    return made


def _platform(settings: Settings, file: Path) -> tuple[list[Tables], list[Copied]]:
    source, target = Database(settings.platform_url), Database(f"sqlite:///{file}")
    try:
        tables = [some for some in present(source, (*PLATFORM, *REGISTRY)) if some in PLATFORM]
        if not tables:
            raise ConfigurationError(f"{source.name} holds nothing yet: there is nothing to back up")
        copied = copy([(source, tables)], target)
    finally:
        source.close()
        target.close()
    with closing(sqlite3.connect(file)) as alone:
        alone.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    return tables, copied


def _hub(layout: Layout, part: Path) -> None:
    source = layout.state / HUB_DATABASE
    (part / HUB_DATABASE).parent.mkdir()
    if source.exists():
        reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        with closing(reading), closing(sqlite3.connect(part / HUB_DATABASE)) as writing:
            reading.backup(writing)
    for name in HUB_FILES:
        if (layout.state / name).exists():
            shutil.copyfile(layout.state / name, part / name)


def _whole_lines(journal: Path, target: Path) -> BackedUp | None:
    """Copy a journal as far as it went, without a line that is being written."""
    target.parent.mkdir(exist_ok=True)
    if not journal.exists():
        return None
    with journal.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing)
    with target.open("r+b") as writing:
        cut_torn_line(writing.fileno())
    return measure(target)


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        _sync_folder(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
