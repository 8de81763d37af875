"""Tables of what comes in: samples that wait for the store, files that were taken, nights that were tabulated."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table
from sqlalchemy.engine import Connection

from hven.registry.schema import Text

NAME = "telemetry"
VERSION = 2
METADATA = MetaData()

SPOOL = Table(
    "telemetry_spool",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("pushed_ns", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Samples on their way: `body` is JSON, columns by name."""

TAKEN = Table(
    "telemetry_taken",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("taken_ns", BigInteger, nullable=False),
)
"""Files (by path) and products (by id) that were taken, and how it ended; losing it costs time, not data."""

TABULATED = Table(
    "telemetry_tabulated",
    METADATA,
    Column("instrument", Text, primary_key=True),
    Column("night", Integer, primary_key=True),
    Column("source", Text, nullable=False),
)
"""Nights whose exposures were tabulated: `source` is the digest of all that they were made from."""


def add_tabulated(connection: Connection) -> None:
    """Version 2: exposures are tabulated as nights end."""
    TABULATED.create(connection)


MIGRATIONS = (add_tabulated,)
