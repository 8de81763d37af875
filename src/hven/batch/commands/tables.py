"""Table of commands, in the database of the jobs."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "commands"
VERSION = 1
METADATA = MetaData()

COMMAND = Table(
    "command",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("who", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("told", Text, nullable=False, default=""),
    Column("aborting", Boolean, nullable=False, default=False),
    Column("job", Integer),
    Column("summary", JSON, nullable=False, default={}),
    Column("error", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("sent_ns", BigInteger, nullable=False),
    Column("began_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
)
"""One row per command; `digest` tells whether one sent again is the same, `told` is the state last published."""
