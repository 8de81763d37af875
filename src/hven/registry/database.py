"""Connections to SQLite and PostgreSQL with the same promises.

A write transaction takes the write lock when it begins (``BEGIN IMMEDIATE``; on PostgreSQL an advisory lock), so that
what it has read still holds when it writes, and writers queue up instead of failing half-way.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, InternalError, NoSuchModuleError, OperationalError

from hven.core.errors import AccessDeniedError, ConfigurationError, ServiceUnavailableError

Migration = Callable[[Connection], None]
"""Changes tables of one version into those of the next."""

_BUSY_TIMEOUT_MS = 30_000
_CACHE_KB = 16 * 1024  # a batch of some thousand rows with its indexes; SQLite's own 2 MB spill it in the middle
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA cache_size = {-_CACHE_KB}",
)
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext(current_schema()), 2)")
_LOCK_AND_DEFER = sa.text(f"{_LOCK.text}, set_config('synchronous_commit', 'off', true)")
_SESSION = (
    f"-c lock_timeout={_BUSY_TIMEOUT_MS}"
    " -c idle_in_transaction_session_timeout=600000"  # a stopped process does not keep all others from writing
)
_POSTGRESQL = {
    "connect_timeout": "10",
    "keepalives_idle": "30",  # a server that has vanished is noticed in a minute, not in two hours
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "hven",
    "options": _SESSION,
}
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_HIDDEN = frozenset({"password", "sslpassword"})

versions = sa.Table(
    "schema_version",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)


class Database:
    """One SQL database; thread-safe. Its connections are given back with `close`, or when nobody holds it any more.

    Parameters
    ----------
    url
        SQLAlchemy URL, ``sqlite:////path/file.sqlite`` or ``postgresql://user@host/name``.

    Raises
    ------
    ConfigurationError
        When the URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.name = _without_secrets(parsed)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite(parsed) if self.is_sqlite else _postgresql(parsed)
        self._writing = self.engine.execution_options(hven_write=True)
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(**_SNAPSHOT)
        weakref.finalize(self, self.engine.dispose).atexit = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads; all it reads is of one moment."""
        with self._named_errors(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, deferred: bool = False) -> Iterator[Connection]:
        """Open a transaction that holds the write lock from its first moment; it is committed at the end.

        A deferred one PostgreSQL puts on disk a moment later, at the latest with the next one that is not: it is for
        what a server that crashes meanwhile may forget. The others wait for the disk with the write lock held.
        """
        with self._named_errors(), self._writing.begin() as connection:
            if not self.is_sqlite:
                connection.execute(_LOCK_AND_DEFER if deferred else _LOCK)
            yield connection

    def prepare(
        self, metadata: sa.MetaData, *, name: str, version: int, when_older: str, migrations: Sequence[Migration] = ()
    ) -> None:
        """Create the tables where there are none, and bring those that are there to this version.

        Parameters
        ----------
        metadata
            The tables.
        name, version
            What the tables are for, and the version this code knows.
        when_older
            What to do about tables that are too old for the migrations, for the error.
        migrations
            Each makes the next version out of one; the last makes `version`. All that are needed happen in one
            transaction: after an error or a crash the tables are as they were.

        Raises
        ------
        ConfigurationError
            When the tables were made by a newer version, or by one from which no migration leads here.
        """
        with self.read() as connection:
            found = version_of(connection, name)
        if found == version:
            return
        with self.write() as connection:
            found = version_of(connection, name)  # another process may have done it meanwhile
            if found is None:
                metadata.create_all(connection)
            elif 0 <= (behind := version - found) <= len(migrations):
                for migrate in migrations[len(migrations) - behind :]:
                    migrate(connection)
            else:
                raise self._strange(name, found, version, when_older)
            self.stamp(connection, name=name, version=version)

    def _strange(self, name: str, found: int, version: int, when_older: str) -> ConfigurationError:
        hint = "Update hven: a newer one has made these tables." if found > version else when_older
        return ConfigurationError(
            f"{self.name} holds {name} tables of version {found}, this hven knows {version}", hint=hint
        )

    def stamp(self, connection: Connection, *, name: str, version: int) -> None:
        """Note the version of tables that have just been made or migrated."""
        versions.create(connection, checkfirst=True)
        connection.execute(sa.delete(versions).where(versions.c.name == name))
        connection.execute(sa.insert(versions).values(name=name, version=version))

    def optimize(self) -> None:
        """Let SQLite refresh its statistics where they are old: without them it picks wrong indexes."""
        if self.is_sqlite:
            connecting = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with suppress(OperationalError), connecting as connection:  # others write just now: next time will do
                connection.exec_driver_sql("PRAGMA optimize = 0x10002")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, InternalError) as error:
            if self.is_sqlite and _is_closed(Path(str(self.engine.url.database)).parent):
                raise AccessDeniedError(
                    f"{self.name} is closed to this account",
                    hint="It is for the platform's services: go through the API, as servers of JupyterHub do, or use "
                    "sudo -u with the account of the archive or the batch service.",
                ) from error
            raise ServiceUnavailableError(
                f"{self.name}: {error.orig}", hint="Is the database there, and is its disk not full?"
            ) from error


@lru_cache(maxsize=8)
def shared_database(url: str) -> Database:
    """The one that this process reads for as long as it lives: each would keep connections of its own open.

    Nobody closes it.
    """
    return Database(url)


def _is_closed(folder: Path) -> bool:
    """Whether there may be a folder that this account cannot enter."""
    try:
        return folder.is_dir() and not os.access(folder, os.X_OK)
    except PermissionError:
        return True


def version_of(connection: Connection, name: str) -> int | None:
    """Version of the tables of this name; None where there are none."""
    if not sa.inspect(connection).has_table(versions.name):
        return None
    return connection.scalar(sa.select(versions.c.version).where(versions.c.name == name))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):  # their texts hold the URL with its password
        raise ConfigurationError(
            f"what begins with {url.partition(':')[0]!r} is no database URL",
            hint="Use sqlite:////path/file.sqlite or postgresql://user@host/name.",
        ) from None
    if backend not in {"sqlite", "postgresql"}:
        raise ConfigurationError(
            f"database {backend!r} is not supported", hint="Use sqlite:////path/file.sqlite or postgresql://..."
        )
    if backend == "sqlite" and not parsed.database:
        raise ConfigurationError("the database has no file", hint="Write it as sqlite:////path/file.sqlite.")
    return parsed


def _without_secrets(url: URL) -> str:
    query = {key: "***" if key in _HIDDEN else value for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def _sqlite(url: URL) -> sa.Engine:
    file = Path(str(url.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    _share(file)
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MS / 1000})
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _share(file: Path) -> None:
    """Make a new file as its folder wants it: where that belongs to a group (setgid), the group writes.

    SQLite by itself makes files that only their owner writes; what it makes beside them gets the same mode.
    """
    if file.parent.stat().st_mode & stat.S_ISGID:
        with suppress(OSError):  # it is there, or SQLite says better why it cannot be
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            os.fchmod(descriptor, 0o660)
            os.close(descriptor)


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not before the first write
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("hven_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql(url: URL) -> sa.Engine:
    ours = {key: value for key, value in _POSTGRESQL.items() if key not in url.query}
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, paramstyle="format", connect_args=ours
        )
    except ModuleNotFoundError:
        raise ConfigurationError(
            "PostgreSQL needs its driver", hint='Install it with: pip install "hven[postgres]".'
        ) from None
