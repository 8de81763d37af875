"""From SQLite to PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack, closing

from hven.core.errors import ConfigurationError
from hven.core.settings import Settings
from hven.hub.state.parts import PLATFORM, REGISTRY
from hven.hub.state.quiet import quiet, sqlite_file
from hven.registry.database import Database
from hven.registry.transfer import Copied, copy, present


def move(settings: Settings, url: str) -> list[Copied]:
    """Copy registry, jobs, audit and ledgers of an installation from SQLite into an empty PostgreSQL database.

    The SQLite files stay as they are; the site file has to name the new database. After an error or a crash the new
    database is as empty as before, and the same call can be made again.

    Parameters
    ----------
    settings
        Of the installation, whose platform must be down.
    url
        SQLAlchemy URL of the new database.

    Raises
    ------
    ConfigurationError
        When the installation is not on SQLite, the new database not PostgreSQL, or tables are of another version.
    ConflictError
        When the platform runs, or the new database is not empty.
    ChecksumError
        When what was written does not read back equal.
    """
    target = Database(url)
    if target.is_sqlite:
        raise ConfigurationError(f"{target.name} is SQLite", hint="Give a URL like postgresql://user@host/name.")
    sources = [(settings.registry_url, REGISTRY), (settings.platform_url, PLATFORM)]
    with closing(target), quiet(settings), ExitStack() as stack:
        opened = [(stack.enter_context(closing(_source(source))), tables) for source, tables in sources]
        return copy([(source, present(source, tables)) for source, tables in opened], target)


def _source(url: str) -> Database:
    file = sqlite_file(url)
    if file is None or not file.exists():
        what = "is no SQLite database" if file is None else "is not there"
        raise ConfigurationError(f"{Database(url).name} {what}: there is nothing to move")
    return Database(url)
