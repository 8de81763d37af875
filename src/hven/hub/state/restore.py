"""A backup put back into an empty installation."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hven.core.errors import ConflictError
from hven.core.settings import Settings
from hven.hub.state.backup import HUB_DATABASE, HUB_FILES, PLATFORM_FILE
from hven.hub.state.manifest import BackedUp, Backup, measure, read_manifest
from hven.hub.state.parts import PLATFORM
from hven.hub.state.quiet import quiet, sqlite_file
from hven.registry.database import Database
from hven.registry.rebuild import Rebuilt, rebuild
from hven.registry.transfer import Copied, copy, migrate, present


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: the backup's record, its tables, and the registry made from the disk."""

    backup: Backup
    tables: list[Copied]
    registry: Rebuilt


def restore(settings: Settings, folder: Path) -> Restored:
    """Put a backup back into an installation that has no jobs and no hub yet, and make its registry from the disk.

    Every file is checked first. A restore that was interrupted can be repeated.

    Parameters
    ----------
    settings
        Of the installation; its databases may be of another kind than those of the backup.
    folder
        As `hven.hub.state.backup.backup` wrote it.

    Raises
    ------
    ConflictError
        When the installation is not empty, is another site, runs, or its journals do not continue those of the backup.
    ChecksumError
        When a file of the backup is not as it was written.
    ConfigurationError
        When the backup is of another version.
    """
    found = read_manifest(folder)
    _check_site(settings, found)
    journals = [name for name, written in found.journal.items() if _is_missing(settings.root / name, written)]
    with quiet(settings):
        for file in (HUB_DATABASE, *HUB_FILES):
            if str(file) in found.files:
                _place(folder / file, settings.state / file)
        for name in journals:
            _place(folder / name, settings.root / name, mode=0o666)  # an inherited list of rights says the rest
        tables = _platform(settings, folder / PLATFORM_FILE)
        registry = rebuild(settings.registry_url, settings.root)
        _share(settings)
    return Restored(found, tables, registry)


def _check_site(settings: Settings, found: Backup) -> None:
    here = (settings.site, settings.observatory.day_obs_offset_hours)
    if here != (found.site, found.day_obs_offset_hours):
        raise ConflictError(
            f"the backup is of site {found.site} with day_obs_offset_hours {found.day_obs_offset_hours:g},"
            f" this is {here[0]} with {here[1]:g}",
            hint="The backup's site.yaml shows its settings.",
        )


def _is_missing(journal: Path, written: BackedUp) -> bool:
    """Whether a journal is to be put back; ConflictError when there is one that does not begin as the backup's."""
    if not journal.exists():
        return True
    if measure(journal, written.size) != written:
        raise ConflictError(
            f"{journal} is not the journal of this backup, or has lost lines",
            hint="Move it away to have the backup's put back.",
        )
    return False


def _place(source: Path, target: Path, *, mode: int = 0o600) -> None:
    if target.exists():
        if measure(target) == measure(source):
            return
        raise ConflictError(f"{target} is there already", hint="Restore into an empty state folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as writing:
        writing.write(source.read_bytes())
        writing.flush()
        os.fsync(writing.fileno())
    part.replace(target)


def _platform(settings: Settings, file: Path) -> list[Copied]:
    with TemporaryDirectory(dir=settings.state) as private:  # opening a database changes its file
        source = Database(f"sqlite:///{shutil.copy(file, private)}")
        target = Database(settings.platform_url)
        try:
            migrate(source, PLATFORM)
            return copy([(source, present(source, PLATFORM))], target)
        finally:
            source.close()
            target.close()


def _share(settings: Settings) -> None:
    """In server mode all services write SQLite's files."""
    if settings.server is None:
        return
    for file in filter(None, map(sqlite_file, (settings.registry_url, settings.platform_url))):
        shutil.chown(file, group=settings.server.services_group)
        file.chmod(0o660)
