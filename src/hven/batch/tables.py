"""Tables of the job core in `platform.sqlite` or PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    column,
    select,
    table,
)

from hven.registry.schema import Text

NAME = "batch"
VERSION = 4
METADATA = MetaData()

JOB = Table(
    "job",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("estimate", JSON),
    Column("priority", Integer, nullable=False),
    Column("cores", Integer, nullable=False, default=1),
    Column("memory_gb", Float, nullable=False, default=0),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("deaths", Integer, nullable=False, default=0),
    Column("reached", Integer, nullable=False, default=0),
    Column("retries", JSON, nullable=False, default={}),
    Column("not_before_ns", BigInteger, nullable=False, default=0),
    Column("again", JSON),
    Column("run", Text, nullable=False),
    Column("total", Integer, nullable=False, default=0),
    Column("error", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("flavour", Text),
    Column("message", Text, nullable=False, default=""),
    Column("wish", Text, nullable=False, default=""),
    Column("submitted_ns", BigInteger, nullable=False),
    Column("claimed_ns", BigInteger, nullable=False, default=0),
    Column("started_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
    Column("heartbeat_ns", BigInteger, nullable=False, default=0),
    Column("runner", Text, nullable=False, default=""),
    Column("lease", Text, nullable=False, default=""),
    Column("lease_until_ns", BigInteger, nullable=False, default=0),
    Index("job_queue", "state", "priority", "user", "not_before_ns", "id"),
    sqlite_autoincrement=True,
)
"""One row per job.

`lease` names who works on it and is void after `lease_until_ns`; `wish` is what its runner should do. `reached` is how
many quanta were done at best, `deaths` counts the runners that died since more were, `retries` by flavour how often it
was queued again after an error, and `not_before_ns` is when it may run after that. `again` is what a restart wants.
"""

USE = Table(
    "use",
    METADATA,
    Column("job_class", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("core_s", Float, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("served_ns", BigInteger, nullable=False),
)
"""What users have used in each class: core seconds, as they counted at `at_ns`, and when they were last served."""

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
    Index("quantum_counts", "job", "state", "reused"),
)
"""How the quanta of a job's present attempt ended."""

PROFILE = Table(
    "profile",
    METADATA,
    Column("job", ForeignKey(JOB.c.id), primary_key=True),
    Column("began_ns", BigInteger, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("stacks", JSON, nullable=False),
)
"""Where the time of sampled jobs went: microseconds by stack, for each runner, by when it began, and each step."""

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


def _share_out(connection: Connection) -> None:
    """Version 2: what jobs take, what was used, what is tried again."""
    text = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    for statement in (
        "ALTER TABLE job ADD COLUMN cores INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE job ADD COLUMN memory_gb FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE job ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE job ADD COLUMN reached INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE job ADD COLUMN retries JSON NOT NULL DEFAULT '{}'",
        "ALTER TABLE job ADD COLUMN not_before_ns BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE job ADD COLUMN again JSON",
        "ALTER TABLE job ADD COLUMN claimed_ns BIGINT NOT NULL DEFAULT 0",
        "DROP INDEX job_by_state",
        'CREATE INDEX job_queue ON job (state, priority, "user", not_before_ns, id)',
        f"""CREATE TABLE "use" (
            job_class {text} NOT NULL, "user" {text} NOT NULL, core_s FLOAT NOT NULL, at_ns BIGINT NOT NULL,
            served_ns BIGINT NOT NULL, PRIMARY KEY (job_class, "user"))""",
    ):
        connection.exec_driver_sql(statement)
    _name_classes(connection)


def _name_classes(connection: Connection) -> None:
    """Jobs were `interactive` or `batch` once; people's own work is of one class, the observatory's of several."""
    job = table("job", column("id"), column("request", JSON), column("priority"))
    for row in connection.execute(select(job.c.id, job.c.request)).all():
        if row.request.get("job_class") not in {"interactive", "batch"}:
            continue
        shared = row.request.get("shared") and row.request["job_class"] == "batch"
        name, priority = ("offline", 50) if shared else ("data-access", 30)
        moved = {"request": {**row.request, "job_class": name}, "priority": priority}
        connection.execute(job.update().where(job.c.id == row.id).values(moved))


def _sample(connection: Connection) -> None:
    """Version 3: where the time of jobs went."""
    PROFILE.create(connection)


def _count(connection: Connection) -> None:
    """Version 4: quanta of a job are counted by an index."""
    for index in QUANTUM_PROGRESS.indexes:
        index.create(connection)


MIGRATIONS = (_share_out, _sample, _count)
"""From version 1 on, see `Database.prepare`."""
