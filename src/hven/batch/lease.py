"""The job table as the service and its runners use it: who works on a job, and how far it is.

A claimed job carries a lease, a name that only its runner knows. The runner renews it; one that is silent for too long
has lost it, and the job goes back into the queue for an heir. Everything a runner writes is bound to its lease, so that
a runner that comes back from the dead changes nothing.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

from hven.batch.model import Job, JobState, QuantumLine, Wish
from hven.batch.store import ACTIVE, JobStore, note
from hven.batch.tables import JOB, QUANTUM_PROGRESS
from hven.batch.triage.model import Decision
from hven.core.clock import NS, now_ns
from hven.core.errors import ConflictError, Flavour
from hven.registry.database import Database
from hven.registry.schema import storable

MAX_ATTEMPTS = 3
"""Runners that may die over one job before it fails."""

_WHO = "batch"
_LEASE = sa.select(JOB.c.lease, JOB.c.state, JOB.c.lease_until_ns)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job; its name is a secret."""

    job: int
    name: str = field(repr=False)


class RunnerSide(Protocol):
    """What a runner says of its job, at the table itself or through the API.

    All raise ConflictError when the job is another runner's or has ended; saying the same thing twice does
    no harm.
    """

    lease_s: float

    def begin(self, lease: Lease, *, runner: str) -> None:
        """Say that a runner, given as `host:pid`, is at work."""
        ...

    def job(self, lease: Lease) -> Job:
        """The job."""
        ...

    def decisions(self, lease: Lease) -> list[Decision]:
        """What people decided about kinds of failures, see `hven.batch.triage`."""
        ...

    def renew(self, lease: Lease) -> Wish:
        """Say that the runner lives; gives what it should do."""
        ...

    def report(self, lease: Lease, lines: Sequence[QuantumLine], *, total: int, message: str = "") -> None:
        """Keep how quanta ended."""
        ...

    def release(self, lease: Lease) -> None:
        """Put the job back into the queue."""
        ...

    def finish(
        self, lease: Lease, state: JobState, *, error: str = "", hint: str = "", flavour: Flavour | None = None
    ) -> None:
        """Say how the job ended and give the lease back."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class JobQueue:
    """Hands out jobs and keeps what their runners report: `RunnerSide` at the table itself.

    Parameters
    ----------
    database
        That of the `JobStore`.
    lease_s
        A runner that is silent for so many seconds has lost its job.
    start_s
        So does one that has not begun after so many seconds: starting Python on a busy machine takes its time.
    """

    def __init__(self, database: Database, *, lease_s: float, start_s: float = 60.0) -> None:
        self.database = database
        self.lease_s = lease_s
        self.start_s = start_s
        self._store = JobStore(database)

    def claim(self) -> Lease | None:
        """Take the next job, highest priority and oldest first; None when none waits."""
        query = sa.select(JOB.c.id).where(JOB.c.state == JobState.READY).order_by(JOB.c.priority.desc(), JOB.c.id)
        with self.database.write() as connection:
            job = connection.scalar(query.limit(1))
            if job is None:
                return None
            lease = Lease(job, uuid.uuid4().hex)
            connection.execute(
                JOB.update()
                .where(JOB.c.id == job)
                .values(
                    state=JobState.PENDING,
                    attempt=JOB.c.attempt + 1,
                    lease=lease.name,
                    lease_until_ns=now_ns() + round(max(self.start_s, self.lease_s) * NS),
                    heartbeat_ns=now_ns(),
                )
            )
            note(connection, _WHO, "claim", job)
        return lease

    def active(self) -> int:
        """Jobs that occupy a slot."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(JOB.c.state.in_(ACTIVE))) or 0

    def reap(self) -> list[int]:
        """Take jobs from runners that are silent; gives their numbers.

        They are queued again, unless they were to be cancelled or have lost `MAX_ATTEMPTS` runners.
        """
        silent = JOB.c.state.in_(ACTIVE) & (JOB.c.lease_until_ns < now_ns())
        with self.database.write() as connection:
            rows = connection.execute(sa.select(JOB.c.id, JOB.c.wish, JOB.c.attempt).where(silent)).all()
            for job, wish, attempt in rows:
                values = _after_loss(wish, attempt)
                connection.execute(JOB.update().where(JOB.c.id == job).values(lease="", wish=Wish.NONE, **values))
                note(connection, _WHO, "lost", job, attempt=attempt)
        return [row[0] for row in rows]

    def begin(self, lease: Lease, *, runner: str) -> None:
        """Say that a runner, given as `host:pid`, is at work; forgets the progress of a former attempt."""
        now = now_ns()
        with self.database.write() as connection:
            self._update(connection, lease, state=JobState.RUNNING, started_ns=now, total=0, message="", runner=runner)
            connection.execute(QUANTUM_PROGRESS.delete().where(QUANTUM_PROGRESS.c.job == lease.job))
            note(connection, _WHO, "begin", lease.job)

    def job(self, lease: Lease) -> Job:
        """The job of a lease that is held."""
        found = self.holder(lease)
        if found is None:
            raise _lost(lease)
        return found

    def holder(self, lease: Lease) -> Job | None:
        """The job that a lease is the right to work on; None unless it is held now."""
        with self.database.read() as connection:
            row = connection.execute(_LEASE.where(JOB.c.id == lease.job)).first()
        name = row.lease if row is not None else ""
        same = hmac.compare_digest(name.encode(), lease.name.encode())
        if row is None or not (name and same) or row.state not in ACTIVE or row.lease_until_ns < now_ns():
            return None
        return self._store.get(lease.job)

    def decisions(self, lease: Lease) -> list[Decision]:
        """What people decided about kinds of failures."""
        self.job(lease)
        return self._store.decisions.holding()

    def renew(self, lease: Lease) -> Wish:
        """Say that the runner lives; gives what it should do."""
        with self.database.write() as connection:
            self._update(connection, lease)
            return Wish(connection.execute(sa.select(JOB.c.wish).where(JOB.c.id == lease.job)).scalar_one())

    def pause(self) -> None:
        """Ask all runners to stop and leave their jobs in the queue."""
        with self.database.write() as connection:
            going = JOB.c.state.in_(ACTIVE) & (JOB.c.wish == Wish.NONE)
            connection.execute(JOB.update().where(going).values(wish=Wish.PAUSE))

    def release(self, lease: Lease) -> None:
        """Put the job back into the queue; the attempt does not count."""
        with self.database.write() as connection:
            attempt = JOB.c.attempt - 1
            self._update(connection, lease, state=JobState.READY, attempt=attempt, lease="", runner="", wish=Wish.NONE)
            note(connection, _WHO, "pause", lease.job)

    def report(self, lease: Lease, lines: Sequence[QuantumLine], *, total: int, message: str = "") -> None:
        """Keep how quanta ended; a line replaces a former one of the same step and data ID."""
        rows = {(line.step, line.data_id): _row(lease, line) for line in lines}
        progress = QUANTUM_PROGRESS.c
        with self.database.write() as connection:
            self._update(connection, lease, total=total, **({"message": storable(message)} if message else {}))
            if rows:
                same = (progress.step == sa.bindparam("s")) & (progress.data_id == sa.bindparam("d"))
                former = QUANTUM_PROGRESS.delete().where(progress.job == lease.job, same)
                connection.execute(former, [{"s": step, "d": data_id} for step, data_id in rows])
                connection.execute(QUANTUM_PROGRESS.insert(), list(rows.values()))

    def finish(
        self,
        lease: Lease,
        state: JobState,
        *,
        error: str = "",
        hint: str = "",
        flavour: Flavour | None = None,
    ) -> None:
        """Say how the job ended and give the lease back."""
        with self.database.write() as connection:
            self._update(
                connection, lease, state=state, error=storable(error), hint=storable(hint), flavour=flavour,
                ended_ns=now_ns(), lease="", wish=Wish.NONE,
            )  # fmt: skip
            note(connection, _WHO, "end", lease.job, state=state)

    def _update(self, connection: sa.Connection, lease: Lease, /, **values: Any) -> None:
        held = (JOB.c.id == lease.job) & (JOB.c.lease == lease.name) & JOB.c.state.in_(ACTIVE)
        alive = {"heartbeat_ns": now_ns(), "lease_until_ns": now_ns() + round(self.lease_s * NS)}
        if connection.execute(JOB.update().where(held).values({**alive, **values})).rowcount != 1:
            raise _lost(lease)

    def close(self) -> None:
        """Close the table's connections."""
        self.database.close()


def _lost(lease: Lease) -> ConflictError:
    return ConflictError(f"another runner has taken job {lease.job}, or it has ended")


def _row(lease: Lease, line: QuantumLine) -> dict[str, Any]:
    return {"job": lease.job, **line.model_dump(mode="json"), "error": storable(line.error)}


def _after_loss(wish: str, attempt: int) -> dict[str, Any]:
    if wish == Wish.CANCEL:
        return {"state": JobState.DELETED, "ended_ns": now_ns()}
    if attempt < MAX_ATTEMPTS:
        return {"state": JobState.READY}
    return {
        "state": JobState.FAILED,
        "ended_ns": now_ns(),
        "error": f"its runner died {attempt} times",
        "hint": "The log of the job ends where it died; too little memory is the usual cause.",
        "flavour": "infrastructure",
    }
