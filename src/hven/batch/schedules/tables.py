"""Tables of schedules, in the database of the jobs; the schedules themselves are files."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "schedules"
VERSION = 1
METADATA = MetaData()

SWITCH = Table(
    "schedule_switch",
    METADATA,
    Column("schedule", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
)
"""Whether a schedule fires, since when, and who said so; one without a row does not."""

FIRE = Table(
    "schedule_fire",
    METADATA,
    Column("schedule", Text, primary_key=True),
    Column("fire_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("who", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("missed", Integer, nullable=False, default=0),
    Column("campaign", Text, nullable=False, default=""),
    Column("job", Integer),
    Column("error", Text, nullable=False, default=""),
    Column("acted_ns", BigInteger, nullable=False, default=0),
)
"""One row per fire: its key lets a time of a schedule come once, however many services look."""

CHECK = Table(
    "check_run",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("fire_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False, index=True),
    Column("version", Text, nullable=False, default=""),
    Column("text", Text, nullable=False, default=""),
    Column("started_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
)
"""One row per run of a check, with the version of the software that it ran with."""

EVENT = Table(
    "schedule_event",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("schedule", Text, nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("parameters", JSON, nullable=False),
    sqlite_autoincrement=True,
)
"""Audit, only ever added to."""
