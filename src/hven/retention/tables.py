"""Tables of retention in `platform.sqlite` or PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "retention"
VERSION = 1
METADATA = MetaData()

DEED = Table(
    "retention_deed",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Audit, only ever added to, before the deed: a deed that was killed stands here twice."""

WISH = Table(
    "retention_wish",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_ns", BigInteger, nullable=False),
    Column("done_ns", BigInteger, nullable=False, default=0),
    Column("error", Text, nullable=False, default=""),
    sqlite_autoincrement=True,
)
"""What people asked of the account that may move products; `what` is apply or restore."""
