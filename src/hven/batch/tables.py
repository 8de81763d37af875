"""Tables of the job core in `platform.sqlite` or PostgreSQL."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "batch"
VERSION = 1
METADATA = MetaData()

JOB = Table(
    "job",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("estimate", JSON),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("run", Text, nullable=False),
    Column("total", Integer, nullable=False, default=0),
    Column("error", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("flavour", Text),
    Column("message", Text, nullable=False, default=""),
    Column("wish", Text, nullable=False, default=""),
    Column("submitted_ns", BigInteger, nullable=False),
    Column("started_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
    Column("heartbeat_ns", BigInteger, nullable=False, default=0),
    Column("runner", Text, nullable=False, default=""),
    Column("lease", Text, nullable=False, default=""),
    Column("lease_until_ns", BigInteger, nullable=False, default=0),
    Index("job_by_state", "state", "priority", "id"),
    sqlite_autoincrement=True,
)
"""One row per job.

`lease` names who works on it and is void after `lease_until_ns`; `wish` is what its runner should do.
"""

QUANTUM_PROGRESS = Table(
    "quantum_progress",
    METADATA,
    Column("job", ForeignKey(JOB.c.id), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("data_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reused", Boolean, nullable=False),
    Column("error", Text, nullable=False),
    Column("flavour", Text),
    Column("wall_s", Float, nullable=False),
    Column("ended_ns", BigInteger, nullable=False),
)
"""How the quanta of a job's present attempt ended."""

EVENT = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("job", Integer, index=True),
    Column("parameters", JSON, nullable=False),
    sqlite_autoincrement=True,
)
"""Audit, only ever added to."""
