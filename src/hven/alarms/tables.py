"""The outbox, in the database of the jobs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "notifications"
VERSION = 1
METADATA = MetaData()

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("transport", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_ns", BigInteger, nullable=False),
    Column("sent_ns", BigInteger, nullable=False, default=0),
    Column("error", Text, nullable=False, default=""),
)
"""One row for each message and way to people.

A row that is being sent is due again only after a while, so that two services do not send it at the same time, and a
killed one loses nothing.
"""
