"""The ledger: what ingest has seen and how it ended, so that a pass over unchanged files costs a look at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hven.archive.results import FileState
from hven.core.clock import now_ns
from hven.registry.database import Database
from hven.registry.schema import Text

NAME = "ingest"
VERSION = 1
METADATA = sa.MetaData()
_FILES = sa.Table(
    "ingest_files",
    METADATA,
    sa.Column("path", Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("observation", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("sha256", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("seen_ns", sa.BigInteger, nullable=False),
)
_OBSERVATIONS = sa.Table(
    "ingest_observations",
    METADATA,
    sa.Column("instrument", Text, primary_key=True),
    sa.Column("observation", Text, primary_key=True),
    sa.Column("fingerprint", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("error", Text, nullable=False),
    sa.Column("seen_ns", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was last dealt with."""

    path: str
    size: int
    mtime_ns: int
    observation: str
    state: FileState
    sha256: str = ""
    reason: str = ""


class Ledger:
    """Tables in `platform.sqlite`; losing them costs time, not data."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._database.prepare(
            METADATA, name=NAME, version=VERSION, when_older="Drop the ingest tables; the next ingest fills them again."
        )

    def close(self) -> None:
        """Give connections back."""
        self._database.close()

    def file(self, path: str) -> Seen | None:
        """What is known about a file; None where it was never seen."""
        query = sa.select(*[_FILES.c[name] for name in Seen.__slots__]).where(_FILES.c.path == path)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return Seen(**{**row._mapping, "state": FileState(row.state)}) if row else None  # noqa: SLF001 - SQLAlchemy's public name

    def record(self, files: list[Seen]) -> None:
        """Keep how files ended."""
        rows = [{name: getattr(f, name) for name in Seen.__slots__} | {"seen_ns": now_ns()} for f in files]
        if rows:
            with self._database.write() as connection:
                connection.execute(sa.delete(_FILES).where(_FILES.c.path.in_([f.path for f in files])))
                connection.execute(sa.insert(_FILES), rows)

    def newest_ns(self) -> int:
        """When a file was last dealt with; 0 where none was."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.max(_FILES.c.seen_ns)).where(_FILES.c.observation != "")) or 0

    def note_closed(self, folders: Mapping[str, str]) -> bool:
        """Keep which folders could not be looked into, with the reason; whether that has changed.

        They belong to no observation; those that are not named any more are forgotten.
        """
        query = sa.select(_FILES.c.path, _FILES.c.reason).where(_FILES.c.observation == "")
        with self._database.read() as connection:
            known = {row.path: row.reason for row in connection.execute(query)}
        if known == dict(folders):
            return False
        with self._database.write() as connection:
            connection.execute(sa.delete(_FILES).where(_FILES.c.observation == ""))
        self.record([Seen(path, 0, 0, "", FileState.FAILED, reason=why) for path, why in folders.items()])
        return True

    def finished(self, instrument: str, observation: str, fingerprint: str) -> bool:
        """Whether an observation with exactly these files needs nothing more."""
        query = sa.select(_OBSERVATIONS.c.state).where(
            _OBSERVATIONS.c.instrument == instrument,
            _OBSERVATIONS.c.observation == observation,
            _OBSERVATIONS.c.fingerprint == fingerprint,
        )
        with self._database.read() as connection:
            return connection.scalar(query) == "done"

    def finish(self, instrument: str, observation: str, fingerprint: str, *, error: str = "") -> None:
        """Keep that nothing more is to do for these files."""
        key = {"instrument": instrument, "observation": observation}
        row = {**key, "fingerprint": fingerprint, "state": "done", "error": error, "seen_ns": now_ns()}
        with self._database.write() as connection:
            where = [_OBSERVATIONS.c[name] == value for name, value in key.items()]
            connection.execute(sa.delete(_OBSERVATIONS).where(*where))
            connection.execute(sa.insert(_OBSERVATIONS), row)
