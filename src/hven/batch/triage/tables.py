"""Decisions, in `platform.sqlite` or PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "triage"
VERSION = 1
METADATA = MetaData()

DECISION = Table(
    "triage_decision",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""What people decided about kinds of failures, only ever added to; the last of a fingerprint holds."""
