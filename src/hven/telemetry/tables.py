"""Tables of the gateway in `platform.sqlite` or PostgreSQL."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "gateway"
VERSION = 1
METADATA = MetaData()

RECORD = Table(
    "gateway_record",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("time_ns", BigInteger, nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", JSON, nullable=False),
)
"""What was published within the window."""

LATEST = Table(
    "gateway_latest",
    METADATA,
    Column("channel", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("value", JSON, nullable=False),
)
"""The last value of each name, however old."""

HEAD = Table(
    "gateway_head",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
    Column("pruned_ns", BigInteger, nullable=False),
)
"""One row: the newest sequence, the newest one that is kept no longer, and when that was last looked at."""
