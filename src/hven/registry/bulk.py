"""Many rows into a table, without what SQLAlchemy's own `execute` does for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection


def insert_rows(connection: Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows that give every column its plain value: text, number or None."""
    _execute(connection, sa.insert(table), rows)


def upsert_rows(connection: Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows as `insert_rows` does; one with the same primary key is replaced."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
    _execute(connection, statement.on_conflict_do_update(index_elements=keys, set_=others), rows)


def _execute(connection: Connection, statement: sa.Insert, rows: Iterable[Mapping[str, Any]]) -> None:
    compiled: Any = statement.compile(dialect=connection.dialect)
    in_order = [itemgetter(*compiled.positiontup)(row) for row in rows]
    if in_order:
        connection.exec_driver_sql(compiled.string, in_order)
