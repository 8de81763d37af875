"""Tables of what comes in: samples that were pushed and wait for the store, and files that were taken."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "telemetry"
VERSION = 1
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
