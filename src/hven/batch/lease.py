"""The job table as the service and its runners use it: who works on a job, and how far it is.

A claimed job carries a lease, a name that only its runner knows. The runner renews it; one that is silent for too long
has lost it, and the job goes back into the queue for an heir. Everything a runner writes is bound to its lease, so that
a runner that comes back from the dead changes nothing.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

from hven.batch.leaving import after_death, freed, waits_again
from hven.batch.model import ACTIVE, Job, JobState, QuantumLine, Wish
from hven.batch.policy import Claim, Preempt, Start, choose
from hven.batch.profile import keep_profile
from hven.batch.retries import next_try
from hven.batch.share import any_waits, charge, heads, scene, served, taken
from hven.batch.store import JobStore, note
from hven.batch.tables import JOB, QUANTUM_PROGRESS
from hven.batch.triage.model import Decision
from hven.core.clock import NS, now_ns
from hven.core.errors import ConflictError, Flavour
from hven.core.settings import BatchSettings
from hven.model.quantum import QuantumState
from hven.pipeline.runner import lives
from hven.registry.database import Database
from hven.registry.schema import storable

_WHO = "batch"
_OF_JOB = JOB.c.id == sa.bindparam("job")
_LEASE = sa.select(JOB.c.lease, JOB.c.state, JOB.c.lease_until_ns).where(_OF_JOB)
_TRIED = sa.select(JOB.c.wish, JOB.c.attempt, JOB.c.retries).where(_OF_JOB)
_CHANGE = JOB.update().where(_OF_JOB)
_TRY = _CHANGE.values(attempt=JOB.c.attempt + 1)
_SPEAK = _CHANGE.where(JOB.c.lease == sa.bindparam("name"), JOB.c.state.in_(ACTIVE))


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
        """Say that a runner, given as `host:pid:start`, is at work."""
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

    def profile(self, lease: Lease, stacks: Mapping[str, Mapping[str, int]]) -> None:
        """Keep where the time went: microseconds by step and stack, all that this runner has sampled."""
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
        So does one that was launched and has not begun after so many seconds: starting Python on a busy machine takes
        its time.
    rules
        By which jobs are chosen.
    """

    def __init__(
        self, database: Database, *, lease_s: float, start_s: float = 60.0, rules: BatchSettings | None = None
    ) -> None:
        self.database = database
        self.lease_s = lease_s
        self.start_s = start_s
        self.rules = rules or BatchSettings()
        self._store = JobStore(database, self.rules)
        self._started = False

    def claim(self) -> Lease | None:
        """Take the next job; None when none may start now."""
        found = self.next()
        return found if isinstance(found, Lease) else None

    def next(self) -> Lease | Preempt | None:
        """Take the next job, or learn which have to give way to it; None when all that wait have to go on waiting.

        A claim that a crash of the database forgets has harmed nobody: its runner has not begun, and cannot any more.
        """
        if not self._started and not self._any_waits():
            return None
        now = now_ns()
        with self.database.write(deferred=True) as connection:
            waiting = {claim.job: claim for claim in heads(connection, now)}
            choice = choose(waiting.values(), scene(connection, self.rules, now))
            self._started = isinstance(choice, Start)
            if isinstance(choice, Start):
                return self._claim(connection, waiting[choice.job], now)
            return choice

    def _any_waits(self) -> bool:
        """Whether it is worth to keep others from writing; who has just started a job finds another one as a rule."""
        with self.database.read() as connection:
            return any_waits(connection)

    def _claim(self, connection: sa.Connection, claim: Claim, now: int) -> Lease:
        lease = Lease(claim.job, uuid.uuid4().hex)
        values = {
            "state": JobState.PENDING,
            "lease": lease.name,
            "lease_until_ns": now + round(self.lease_s * NS),
            "heartbeat_ns": now,
            "claimed_ns": now,
            "runner": "",
        }
        connection.execute(_TRY, {"job": claim.job, **values})
        served(connection, claim.owner, now)
        note(connection, _WHO, "claim", claim.job)
        return lease

    def launched(self, lease: Lease, runner: str) -> None:
        """Say that a process was started for a job, given as `hven.pipeline.runner.mark` does, empty if unknown.

        A runner that has begun already is left as it says itself.
        """
        self._expect(lease, max(self.start_s, self.lease_s), runner=runner)

    def expect(self, lease: Lease, seconds: float) -> None:
        """Give a runner so long to begin, from now; nothing changes for one that has."""
        self._expect(lease, seconds)

    def _expect(self, lease: Lease, seconds: float, **values: str) -> None:
        pending = (JOB.c.id == lease.job) & (JOB.c.lease == lease.name) & (JOB.c.state == JobState.PENDING)
        until = now_ns() + round(seconds * NS)
        with self.database.write() as connection:
            connection.execute(JOB.update().where(pending).values(lease_until_ns=until, **values))

    def runner(self, job: int) -> str:
        """Process that works on a job; empty where none has begun."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(JOB.c.runner).where(JOB.c.id == job)) or ""

    def give_way(self, choice: Preempt) -> bool:
        """Ask running jobs to go back into the queue when a quantum has ended; gives whether any was not asked before.

        Where it should be at once and cannot be, they are asked to stop.
        """
        wish = Wish.PAUSE if choice.kill else Wish.YIELD
        going = JOB.c.id.in_(choice.victims) & JOB.c.state.in_(ACTIVE) & JOB.c.wish.in_([Wish.NONE, Wish.YIELD])
        with self.database.write() as connection:
            asked = connection.scalars(sa.select(JOB.c.id).where(going, JOB.c.wish != wish)).all()
            connection.execute(JOB.update().where(JOB.c.id.in_(asked)).values(wish=wish))
            for job in asked:
                note(connection, _WHO, "preempt", job, by=choice.by)
        return bool(asked)

    def take_back(self, job: int, *, by: int) -> None:
        """Queue a job again whose runner was killed for another one; the attempt does not count."""
        with self.database.write() as connection:
            row = connection.execute(_TRIED.where(JOB.c.state.in_(ACTIVE)), {"job": job}).first()
            if row is not None:
                self._take(connection, job, attempt=row.attempt - 1, **waits_again(row.wish))
                note(connection, _WHO, "preempt", job, by=by, killed=True)

    def _take(self, connection: sa.Connection, job: int, **values: Any) -> None:
        """Take a job from its runner."""
        charge(connection, job, self.rules, now_ns())
        connection.execute(_CHANGE, {"job": job, **freed(**values)})

    def _give_back(self, connection: sa.Connection, lease: Lease, **values: Any) -> None:
        """Take a job from its runner, which says so itself."""
        self._update(connection, lease, **freed(**values))
        charge(connection, lease.job, self.rules, now_ns())

    def active(self) -> int:
        """Jobs that occupy a slot."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(JOB.c.state.in_(ACTIVE))) or 0

    def reap(self) -> list[int]:
        """Take jobs from runners that are silent, or dead on this machine; gives their numbers.

        They are queued again, unless they were to be cancelled or have lost `MAX_DEATHS` runners without getting on.
        """
        query = sa.select(JOB.c.id, JOB.c.wish, JOB.c.deaths, JOB.c.runner, JOB.c.lease, JOB.c.lease_until_ns)
        with self.database.read() as connection:
            active = connection.execute(query.where(JOB.c.state.in_(ACTIVE))).all()
        lost = [row for row in active if row.lease_until_ns < now_ns() or lives(row.runner) is False]
        return [row.id for row in lost if self._reap(row)] if lost else []

    def _reap(self, row: Any) -> bool:
        same = (JOB.c.id == row.id) & (JOB.c.lease == row.lease) & JOB.c.state.in_(ACTIVE)
        silent = (JOB.c.lease_until_ns < now_ns()) | (JOB.c.runner == row.runner) & sa.literal(
            lives(row.runner) is False
        )
        with self.database.write() as connection:
            if connection.scalar(sa.select(JOB.c.id).where(same, silent)) is None:
                return False  # it has spoken meanwhile
            self._take(connection, row.id, deaths=row.deaths + 1, **after_death(row.wish, row.deaths + 1))
            note(connection, _WHO, "lost", row.id, deaths=row.deaths + 1)
        return True

    def begin(self, lease: Lease, *, runner: str) -> None:
        """Say that a runner, given as `host:pid:start`, is at work; forgets the progress of a former attempt."""
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
            row = connection.execute(_LEASE, {"job": lease.job}).first()
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
            return Wish(_tried(connection, lease).wish)

    def pause(self) -> None:
        """Ask all runners to stop and leave their jobs in the queue."""
        with self.database.write() as connection:
            going = JOB.c.state.in_(ACTIVE) & JOB.c.wish.in_([Wish.NONE, Wish.YIELD])
            connection.execute(JOB.update().where(going).values(wish=Wish.PAUSE))

    def release(self, lease: Lease) -> None:
        """Put the job back into the queue, unless it was to be cancelled; the attempt does not count."""
        with self.database.write() as connection:
            row = _tried(connection, lease)
            self._give_back(connection, lease, attempt=row.attempt - 1, **waits_again(row.wish))
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
                self._note_progress(connection, lease.job)

    def profile(self, lease: Lease, stacks: Mapping[str, Mapping[str, int]]) -> None:
        """Keep where the time went."""
        with self.database.write() as connection:
            self._update(connection, lease)
            began_ns = connection.scalar(sa.select(JOB.c.started_ns).where(JOB.c.id == lease.job)) or 0
            keep_profile(connection, lease.job, began_ns, stacks)

    def _note_progress(self, connection: sa.Connection, job: int) -> None:
        """Forget deaths and errors of the machinery once more quanta are done than ever before."""
        progress = QUANTUM_PROGRESS.c
        done = (progress.job == job) & progress.state.in_([QuantumState.DONE, QuantumState.PARTIAL])
        number = connection.scalar(sa.select(sa.func.count()).where(done)) or 0
        row = connection.execute(sa.select(JOB.c.reached, JOB.c.retries).where(JOB.c.id == job)).one()
        if number > row.reached:
            kept = {flavour: count for flavour, count in row.retries.items() if flavour != "infrastructure"}
            values = {"reached": number, "deaths": 0, "retries": kept}
            connection.execute(JOB.update().where(JOB.c.id == job).values(values))

    def finish(
        self,
        lease: Lease,
        state: JobState,
        *,
        error: str = "",
        hint: str = "",
        flavour: Flavour | None = None,
    ) -> None:
        """Say how the job ended and give the lease back; one that failed may be tried again, see `retries`."""
        values = {"state": state, "error": storable(error), "hint": storable(hint), "flavour": flavour}
        with self.database.write() as connection:
            again = self._next_try(connection, lease, flavour) if state == JobState.FAILED and flavour else None
            if again is None:
                self._give_back(connection, lease, ended_ns=now_ns(), **values)
                note(connection, _WHO, "end", lease.job, state=state)
            else:
                self._give_back(connection, lease, **{**values, "state": JobState.READY}, **again)
                note(connection, _WHO, "retry", lease.job, flavour=flavour, error=storable(error))

    def _next_try(self, connection: sa.Connection, lease: Lease, flavour: Flavour) -> dict[str, Any] | None:
        row = _tried(connection, lease)
        if row.wish == Wish.CANCEL:
            return None
        return next_try(flavour, taken(connection, lease.job), row.retries or {}, self.rules)

    def _update(self, connection: sa.Connection, lease: Lease, /, **values: Any) -> None:
        alive = {"heartbeat_ns": now_ns(), "lease_until_ns": now_ns() + round(self.lease_s * NS)}
        held = {"job": lease.job, "name": lease.name}
        if connection.execute(_SPEAK, {**held, **alive, **values}).rowcount != 1:
            raise _lost(lease)

    def close(self) -> None:
        """Close the table's connections."""
        self.database.close()


def _lost(lease: Lease) -> ConflictError:
    return ConflictError(f"another runner has taken job {lease.job}, or it has ended")


def _tried(connection: sa.Connection, lease: Lease) -> Any:
    row = connection.execute(_TRIED, {"job": lease.job}).first()
    if row is None:
        raise _lost(lease)
    return row


def _row(lease: Lease, line: QuantumLine) -> dict[str, Any]:
    return {"job": lease.job, **line.model_dump(mode="json"), "error": storable(line.error)}
