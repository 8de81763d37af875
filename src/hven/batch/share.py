"""What the policy needs to know, read from the tables, and what was used, written back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hven.batch.model import ACTIVE, JobClass, JobState, Wish
from hven.batch.policy import Claim, Owner, Scene, Use
from hven.batch.tables import JOB, USE
from hven.core.clock import NS
from hven.core.settings import BatchSettings

CLASSES = {job_class.priority: job_class for job_class in JobClass}
"""Classes by their number in the table."""

# Statements are made once: SQLAlchemy takes longer to put one together than SQLite to run it.
_TAKES = sa.select(JOB.c.id, JOB.c.user, JOB.c.priority, JOB.c.cores, JOB.c.memory_gb)
_RUNS = _TAKES.add_columns(JOB.c.claimed_ns.label("since_ns"), JOB.c.wish)
_RUNNING = _RUNS.where(JOB.c.state.in_(ACTIVE))
_WAITS = _TAKES.add_columns(JOB.c.submitted_ns.label("since_ns"))
_READY = JOB.c.state == JobState.READY
_FIRST = (
    sa.select(sa.func.min(JOB.c.id))
    .where(_READY, JOB.c.not_before_ns <= sa.bindparam("now_ns"))
    .group_by(JOB.c.priority, JOB.c.user)
)
_HEADS = _WAITS.where(JOB.c.id.in_(_FIRST))
_ANY = sa.select(JOB.c.id).where(_READY).limit(1)
_OF_JOB = _RUNS.where(JOB.c.id == sa.bindparam("job"))
_MINE = (USE.c.job_class == sa.bindparam("of_class")) & (USE.c.user == sa.bindparam("of_user"))
_USED, _NOTE_USE = USE.select().where(_MINE), USE.update().where(_MINE)


def scene(connection: sa.Connection, rules: BatchSettings, now_ns: int) -> Scene:
    """What runs and what was used."""
    active = [_claim(row, leaving=row.wish != Wish.NONE) for row in connection.execute(_RUNNING)]
    return Scene(active, uses(connection), rules, now_ns)


def uses(connection: sa.Connection) -> dict[Owner, Use]:
    """What was used, by class and user."""
    rows = connection.execute(USE.select())
    return {(JobClass(row.job_class), row.user): Use(row.core_s, row.at_ns, row.served_ns) for row in rows}


def any_waits(connection: sa.Connection) -> bool:
    """Whether there is a waiting job at all."""
    return connection.scalar(_ANY) is not None


def heads(connection: sa.Connection, now_ns: int) -> list[Claim]:
    """First waiting job of each user in each class."""
    return [_claim(row) for row in connection.execute(_HEADS, {"now_ns": now_ns})]


def queued(connection: sa.Connection) -> list[Claim]:
    """All waiting jobs."""
    return [_claim(row) for row in connection.execute(_WAITS.where(_READY))]


def _claim(row: Any, *, leaving: bool = False) -> Claim:
    return Claim(row.id, row.user, CLASSES[row.priority], row.cores, row.memory_gb, row.since_ns, leaving)


def taken(connection: sa.Connection, job: int) -> Claim:
    """What a running job takes."""
    return _claim(connection.execute(_OF_JOB, {"job": job}).one())


def served(connection: sa.Connection, owner: Owner, now_ns: int) -> None:
    """Note that a job of somebody's starts."""
    _write(connection, owner, {"served_ns": now_ns}, {"core_s": 0.0, "at_ns": now_ns})


def charge(connection: sa.Connection, job: int, rules: BatchSettings, now_ns: int) -> None:
    """Add what a running job took, which now stops to run, to what its user has used."""
    claim = taken(connection, job)
    row = connection.execute(_USED, _mine(claim.owner)).first()
    before = Use(row.core_s, row.at_ns) if row else Use()
    total = before.later(now_ns, rules.half_life_h) + claim.cores * max(0, now_ns - claim.since_ns) / NS
    _write(connection, claim.owner, {"core_s": total, "at_ns": now_ns}, {"served_ns": claim.since_ns})


def _mine(owner: Owner) -> dict[str, str]:
    job_class, user = owner
    return {"of_class": job_class, "of_user": user}


def _write(connection: sa.Connection, owner: Owner, values: dict[str, Any], first: dict[str, Any]) -> None:
    if not connection.execute(_NOTE_USE, {**_mine(owner), **values}).rowcount:
        job_class, user = owner
        connection.execute(USE.insert(), {"job_class": job_class, "user": user, **values, **first})
