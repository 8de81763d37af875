"""Tables of campaigns, in the database of the jobs."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
)

from hven.registry.schema import Text

NAME = "campaigns"
VERSION = 2
METADATA = MetaData()

CAMPAIGN = Table(
    "campaign",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False, index=True),
    Column("spec", JSON, nullable=False),
    Column("loaded_by", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("late", Boolean, nullable=False, default=False),
    Column("loaded_ns", BigInteger, nullable=False),
    Column("started_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
)
"""One row per campaign."""

STEP = Table(
    "campaign_step",
    METADATA,
    Column("campaign", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("note", Text, nullable=False, default=""),
    Column("started_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
    Column("chosen_ns", BigInteger, nullable=False, default=0),
    ForeignKeyConstraint(["campaign"], ["campaign.name"]),
)
"""One row per step, with its present attempt."""

GROUP = Table(
    "campaign_group",
    METADATA,
    Column("campaign", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("values", JSON, nullable=False),
    Column("where", Text, nullable=False),
    Column("tries", Integer, nullable=False, default=1),
    Column("job", Integer),
    Column("total", Integer, nullable=False, default=0),
    Column("done", Integer, nullable=False, default=0),
    Column("bad", Integer, nullable=False, default=0),
    Column("judged", Integer, nullable=False, default=0),
    Column("errors", Integer, nullable=False, default=0),
    Column("error", Text, nullable=False, default=""),
    Column("started_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
    ForeignKeyConstraint(["campaign", "step"], ["campaign_step.campaign", "campaign_step.number"]),
)
"""One row per group of each attempt of a step; its job follows from campaign, step, attempt, name and tries."""

EVENT = Table(
    "campaign_event",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("campaign", Text, nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("group", Text, nullable=False),
    Column("parameters", JSON, nullable=False),
    sqlite_autoincrement=True,
)
"""Audit, only ever added to."""


def _choose(connection: Connection) -> None:
    """Version 2: products are found by default once their step is accepted; before, they were at once."""
    connection.exec_driver_sql("ALTER TABLE campaign_step ADD COLUMN chosen_ns BIGINT NOT NULL DEFAULT 0")
    connection.exec_driver_sql("UPDATE campaign_step SET chosen_ns = ended_ns WHERE state = 'accepted'")


MIGRATIONS = (_choose,)
"""From version 1 on, see `Database.prepare`."""
