"""Tables of the completeness ledger in `platform.sqlite`; losing them costs another look at the disk, not data."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "completeness"
VERSION = 1
METADATA = MetaData()

NIGHT = Table(
    "ledger_night",
    METADATA,
    Column("instrument", Text, primary_key=True),
    Column("day_obs", BigInteger, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, nullable=False),
    Column("logged", Boolean, nullable=False),
    Column("checked_ns", BigInteger, nullable=False),
    Column("listed_ns", BigInteger, nullable=False),
)
"""One row per night; while `fingerprint` is that of the disk and of the registry, its lines still hold."""

LINE = Table(
    "ledger_line",
    METADATA,
    Column("instrument", Text, primary_key=True),
    Column("day_obs", BigInteger, primary_key=True, autoincrement=False),
    Column("observation", Text, primary_key=True),
    Column("dataset_type", Text, primary_key=True),
    Column("data_id", Text, primary_key=True),
    Column("announced", BigInteger),
    Column("archived", BigInteger),
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("product", Text, nullable=False),
    Column("levels", JSON, nullable=False),
    Column("done", JSON, nullable=False),
)

FINDING = Table(
    "ledger_finding",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("instrument", Text, nullable=False),
    Column("day_obs", BigInteger, nullable=False, index=True),
    Column("observation", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
)
"""What is amiss now; one that is found no more is taken out."""

READ = Table(
    "ledger_read",
    METADATA,
    Column("path", Text, primary_key=True),
    Column("instrument", Text, nullable=False),
    Column("day_obs", BigInteger, nullable=False, index=True),
    Column("bytes", BigInteger, nullable=False),
    Column("read_ns", BigInteger, nullable=False, index=True),
)
"""Raw files and product folders, and when their bytes were last compared."""
