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

_TAKEN = (JOB.c.id, JOB.c.user, JOB.c.priority, JOB.c.cores, JOB.c.memory_gb)


def scene(connection: sa.Connection, rules: BatchSettings, now_ns: int) -> Scene:
    """What runs and what was used."""
    running = sa.select(*_TAKEN, JOB.c.claimed_ns.label("since_ns"), JOB.c.wish).where(JOB.c.state.in_(ACTIVE))
    active = [_claim(row, leaving=row.wish != Wish.NONE) for row in connection.execute(running)]
    return Scene(active, uses(connection), rules, now_ns)


def uses(connection: sa.Connection) -> dict[Owner, Use]:
    """What was used, by class and user."""
    rows = connection.execute(USE.select())
    return {(JobClass(row.job_class), row.user): Use(row.core_s, row.at_ns, row.served_ns) for row in rows}


def any_waits(connection: sa.Connection) -> bool:
    """Whether there is a waiting job at all."""
    return connection.scalar(sa.select(JOB.c.id).where(JOB.c.state == JobState.READY).limit(1)) is not None


def heads(connection: sa.Connection, now_ns: int) -> list[Claim]:
    """First waiting job of each user in each class."""
    ready = (JOB.c.state == JobState.READY) & (JOB.c.not_before_ns <= now_ns)
    first = sa.select(sa.func.min(JOB.c.id)).where(ready).group_by(JOB.c.priority, JOB.c.user)
    return _waiting(connection, JOB.c.id.in_(first))


def queued(connection: sa.Connection) -> list[Claim]:
    """All waiting jobs."""
    return _waiting(connection, JOB.c.state == JobState.READY)


def _waiting(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Claim]:
    query = sa.select(*_TAKEN, JOB.c.submitted_ns.label("since_ns")).where(condition)
    return [_claim(row) for row in connection.execute(query)]


def _claim(row: Any, *, leaving: bool = False) -> Claim:
    return Claim(row.id, row.user, CLASSES[row.priority], row.cores, row.memory_gb, row.since_ns, leaving)


def taken(connection: sa.Connection, job: int) -> Claim:
    """What a running job takes."""
    query = sa.select(*_TAKEN, JOB.c.claimed_ns.label("since_ns")).where(JOB.c.id == job)
    return _claim(connection.execute(query).one())


def served(connection: sa.Connection, owner: Owner, now_ns: int) -> None:
    """Note that a job of somebody's starts."""
    _write(connection, owner, {"served_ns": now_ns}, {"core_s": 0.0, "at_ns": now_ns})


def charge(connection: sa.Connection, job: int, rules: BatchSettings, now_ns: int) -> None:
    """Add what a running job took, which now stops to run, to what its user has used."""
    claim = taken(connection, job)
    row = connection.execute(USE.select().where(_mine(claim.owner))).first()
    before = Use(row.core_s, row.at_ns) if row else Use()
    total = before.later(now_ns, rules.half_life_h) + claim.cores * max(0, now_ns - claim.since_ns) / NS
    _write(connection, claim.owner, {"core_s": total, "at_ns": now_ns}, {"served_ns": claim.since_ns})


def _mine(owner: Owner) -> sa.ColumnElement[bool]:
    job_class, user = owner
    return (USE.c.job_class == job_class) & (USE.c.user == user)


def _write(connection: sa.Connection, owner: Owner, values: dict[str, Any], first: dict[str, Any]) -> None:
    if not connection.execute(USE.update().where(_mine(owner)).values(values)).rowcount:
        job_class, user = owner
        connection.execute(USE.insert().values(job_class=job_class, user=user, **values, **first))
