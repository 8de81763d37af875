"""All rows of one database into another, of the same kind or not, proven by comparing counts and digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ChecksumError, ConfigurationError, ConflictError
from hven.registry.database import Database, Migration, version_of, versions
from hven.registry.schema import storable

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables that belong together, with the name and version under which `Database.prepare` made them."""

    name: str
    version: int
    metadata: sa.MetaData
    migrations: tuple[Migration, ...] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """One table that has been copied: how many rows, and the digest of all of them in the order of their key."""

    table: str
    rows: int
    digest: str


def present(source: Database, known: Sequence[Tables]) -> list[Tables]:
    """Those of some tables that a database holds.

    Raises
    ------
    ConfigurationError
        When one was made by another version, or when there is a table that is not known: nothing is left behind
        unnoticed.
    """
    with source.read() as connection:
        there = set(sa.inspect(connection).get_table_names())
        found = _versions(connection) if versions.name in there else {}
    mine = [tables for tables in known if tables.name in found]
    for tables in mine:
        if found[tables.name] != tables.version:
            raise ConfigurationError(
                f"{source.name} holds {tables.name} tables of version {found[tables.name]},"
                f" this hven knows {tables.version}",
                hint="Use the version of hven that made them.",
            )
    strange = there - {versions.name} - {table for tables in known for table in tables.metadata.tables}
    if strange:
        raise ConfigurationError(
            f"{source.name} holds tables that this hven does not know: {', '.join(sorted(strange))}"
        )
    return mine


def migrate(database: Database, known: Sequence[Tables]) -> None:
    """Bring those of some tables that a database holds to the versions that this hven knows.

    Raises
    ------
    ConfigurationError
        When some are of a newer version, or of one from which no migration leads here.
    """
    for tables in known:
        with database.read() as connection:
            there = version_of(connection, tables.name) is not None
        if there:
            database.prepare(
                tables.metadata,
                name=tables.name,
                version=tables.version,
                when_older="Use the version of hven that made them.",
                migrations=tables.migrations,
            )


def _versions(connection: Connection) -> dict[str, int]:
    return {row.name: row.version for row in connection.execute(sa.select(versions))}


def copy(sources: Sequence[tuple[Database, Sequence[Tables]]], target: Database) -> list[Copied]:
    """Copy tables with their rows and the numbers given out; sources are only read, each at one moment.

    Everything is written and compared in one transaction: after an error or a crash the target is as empty as before.

    Raises
    ------
    ConflictError
        When the target has rows already.
    ChecksumError
        When what was written does not read back equal.
    """
    parts = [tables for _, some in sources for tables in some]
    for tables in parts:
        target.prepare(
            tables.metadata, name=tables.name, version=tables.version, when_older="Choose an empty database."
        )
    with target.write() as writing:
        for tables in parts:
            _refuse_rows(target, writing, tables)
        return [copied for source, some in sources for copied in _copy_all(source, some, writing)]


def _copy_all(source: Database, parts: Sequence[Tables], writing: Connection) -> list[Copied]:
    with source.read() as reading:
        return [_copy(table, reading, writing) for tables in parts for table in tables.metadata.sorted_tables]


def digest(connection: Connection, table: sa.Table) -> Copied:
    """Count and digest a table."""
    rows, total = 0, hashlib.sha256()
    for row in _rows(connection, table):
        rows += 1
        total.update(json.dumps(list(row.values()), sort_keys=True).encode() + b"\n")
    return Copied(table.name, rows, total.hexdigest())


def _copy(table: sa.Table, reading: Connection, writing: Connection) -> Copied:
    for some in batched(_rows(reading, table), _AT_ONCE):
        writing.execute(sa.insert(table), list(some))
    if table.autoincrement_column is not None:
        _set_last_number(writing, table, _last_number(reading, table))
    before, after = digest(reading, table), digest(writing, table)
    if before != after:
        raise ChecksumError(
            f"table {table.name}: {before.rows} rows {before.digest} became {after.rows} rows {after.digest}",
            hint="Nothing has been kept. Do not use the target before this is understood.",
        )
    return after


def _rows(connection: Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """Rows in the order of their key, as they can be stored everywhere."""
    statement = sa.select(table).order_by(*table.primary_key)
    for row in connection.execute(statement.execution_options(yield_per=_AT_ONCE)).mappings():
        yield {key: storable(value) if isinstance(value, str) else value for key, value in row.items()}


def _refuse_rows(target: Database, connection: Connection, tables: Tables) -> None:
    for table in tables.metadata.sorted_tables:
        if connection.execute(sa.select(table).limit(1)).first() is not None:
            raise ConflictError(
                f"{target.name} is not empty: table {table.name} has rows",
                hint="Choose an empty database, or empty it.",
            )


def _last_number(connection: Connection, table: sa.Table) -> int:
    """The highest number ever given out, which may belong to a row that is gone."""
    if connection.dialect.name == "sqlite":
        query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return connection.scalar(query, {"name": table.name}) or 0
    query = sa.text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {_sequence(connection, table)}")  # noqa: S608 - a name of ours
    return int(connection.scalar(query) or 0)


def _set_last_number(connection: Connection, table: sa.Table, number: int) -> None:
    if not number:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        statement = sa.text("INSERT INTO sqlite_sequence VALUES (:name, :number)")
        connection.execute(statement, {"name": table.name, "number": number})
    else:
        statement = sa.text("SELECT setval(:sequence, :number)")
        connection.execute(statement, {"sequence": _sequence(connection, table), "number": number})


def _sequence(connection: Connection, table: sa.Table) -> str:
    column = table.autoincrement_column
    query = sa.text("SELECT pg_get_serial_sequence(:name, :column)")
    return str(connection.scalar(query, {"name": table.name, "column": column.name if column is not None else ""}))
