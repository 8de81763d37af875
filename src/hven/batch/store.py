"""The job table as people use it: submit, look, cancel, hold, restart. `hven.batch.lease` is the runners' side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from hven.batch.forecast import Place, forecast
from hven.batch.model import (
    ACTIVE,
    WAITING,
    Again,
    Counts,
    Estimate,
    Event,
    Failure,
    Job,
    JobClass,
    JobRequest,
    JobState,
    QuantumLine,
    Wish,
)
from hven.batch.policy import Claim, refuse_if_too_large
from hven.batch.profile import JobProfile, profile_of
from hven.batch.share import queued, scene
from hven.batch.tables import EVENT, JOB, METADATA, MIGRATIONS, NAME, QUANTUM_PROGRESS, VERSION
from hven.batch.triage.store import DecisionStore
from hven.core.clock import format_utc, now_ns
from hven.core.errors import ConflictError, JobNotFoundError
from hven.core.settings import BatchSettings
from hven.model.collection import run_name
from hven.model.quantum import QuantumState
from hven.registry.database import Database

_COUNTED = {
    QuantumState.DONE: "done",
    QuantumState.PARTIAL: "done",
    QuantumState.FAILED: "failed",
    QuantumState.BLOCKED: "blocked",
    QuantumState.NO_WORK: "no_work",
}

_ADD_JOB, _ADD_EVENT = JOB.insert(), EVENT.insert()
_SET_RUN = JOB.update().where(JOB.c.id == sa.bindparam("job"))
_STATES = sa.select(JOB.c.id, JOB.c.state).order_by(JOB.c.id.desc())


def note(connection: sa.Connection, who: str, what: str, job: int | None, **parameters: Any) -> None:
    """Add a line to the audit."""
    values = {"time_ns": now_ns(), "who": who, "what": what, "job": job, "parameters": parameters}
    connection.execute(_ADD_EVENT, values)


class JobStore:
    """Jobs in a database.

    Parameters
    ----------
    database
        That of `platform_url`.
    rules
        By which jobs are chosen: places in the queue and limits follow from them.

    Raises
    ------
    ConfigurationError
        When the tables are of another version.
    """

    def __init__(self, database: Database, rules: BatchSettings | None = None) -> None:
        self.database = database
        self.decisions = DecisionStore(database)
        self.rules = rules or BatchSettings()
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="", migrations=MIGRATIONS)

    def submit(
        self,
        request: JobRequest,
        *,
        user: str,
        estimate: Estimate | None = None,
        cores: int = 1,
        memory_gb: float = 0.0,
    ) -> Job:
        """Queue a job; the name of its RUN collection ends in its number, unless the request names it.

        A user has one job for a run that a request names: submitting it again gives that job.

        Parameters
        ----------
        request, user
            What is asked for, by whom.
        estimate
            What it is expected to take.
        cores, memory_gb
            What its workers take together.

        Raises
        ------
        ConfigurationError
            When it takes more than the limits let it have, whatever else runs.
        """
        refuse_if_too_large(Claim(0, user, request.job_class, cores, memory_gb), self.rules)
        values = {
            "user": user,
            "request": request.model_dump(mode="json"),
            "estimate": estimate and estimate.model_dump(mode="json"),
            "priority": request.job_class.priority,
            "cores": cores,
            "memory_gb": memory_gb,
            "state": JobState.READY,
            "run": "",
            "submitted_ns": now_ns(),
        }
        with self.database.write() as connection:
            if request.run and (known := _of_run(connection, request.run, user)):
                return self.get(known)
            row = connection.execute(_ADD_JOB, values)
            job_id = int(row.inserted_primary_key[0])  # type: ignore[index]
            run = request.run or _new_run(request, user, job_id)
            connection.execute(_SET_RUN, {"job": job_id, "run": run})
            note(connection, user, "submit", job_id, pipeline=request.pipeline, shared=request.shared)
        given = {key: value for key, value in values.items() if key not in {"priority", "run"}}
        return Job.model_validate({**given, "id": job_id, "run": run})

    def get(self, job_id: int, *seen: sa.ColumnElement[bool]) -> Job:
        """Job by number; raises JobNotFoundError, also where it is none of those `seen`."""
        jobs = self._jobs(JOB.c.id == job_id, *seen)
        if not jobs:
            raise JobNotFoundError(f"there is no job {job_id}", hint="`hven jobs list --all` shows all of them.")
        return jobs[0]

    def find(
        self,
        *seen: sa.ColumnElement[bool],
        user: str = "",
        job_class: JobClass | None = None,
        states: Collection[JobState] = (),
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Jobs of a user, a class (of all if empty) and some states (in any if empty), older than a job, newest first.

        Of those `seen`, where that is given: see `hven.batch.visible`.
        """
        conditions = [*seen]
        conditions += [JOB.c.user == user] if user else []
        conditions += [JOB.c.priority == job_class.priority] if job_class else []
        conditions += [JOB.c.id < before] if before else []
        conditions += [JOB.c.state.in_(list(states))] if states else []
        return self._jobs(*conditions, limit=limit)

    def states(self, *, newest: int) -> dict[int, JobState]:
        """States of so many jobs, by number, without counting their quanta."""
        with self.database.read() as connection:
            return {row.id: JobState(row.state) for row in connection.execute(_STATES.limit(newest))}

    def ahead(self, priority: int) -> int:
        """Jobs that run or would run before a new one of this priority."""
        condition = JOB.c.state.in_(ACTIVE) | (JOB.c.state.in_(WAITING) & (JOB.c.priority >= priority))
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(condition)) or 0

    def cancel(self, job_id: int, *, who: str) -> Job:
        """Delete a waiting job, or ask the runner of a running one to stop; raises ConflictError when it has ended."""
        with self.database.write() as connection:
            waits = (*WAITING, JobState.HELD)
            done = self._move(connection, job_id, waits, state=JobState.DELETED, ended_ns=now_ns())
            if not done and not self._move(connection, job_id, ACTIVE, wish=Wish.CANCEL):
                raise self._refused(connection, job_id, "cancelled")
            note(connection, who, "cancel", job_id)
        return self.get(job_id)

    def hold(self, job_id: int, *, who: str) -> Job:
        """Keep a waiting job from starting; raises ConflictError when it does not wait."""
        return self._change(job_id, who, "hold", WAITING, "held", state=JobState.HELD)

    def unhold(self, job_id: int, *, who: str) -> Job:
        """Let a held job go; raises ConflictError when it is not held."""
        return self._change(job_id, who, "unhold", (JobState.HELD,), "let go", state=JobState.READY)

    def reclass(self, job_id: int, job_class: JobClass, *, who: str) -> Job:
        """Move a job that has not begun into another class; raises ConflictError when it has."""
        job = self.get(job_id)
        moved = job.request.model_copy(update={"job_class": job_class})
        refuse_if_too_large(Claim(job_id, job.user, job_class, job.cores, job.memory_gb), self.rules)
        return self._change(
            job_id, who, "reclass", (*WAITING, JobState.HELD), f"moved into class {job_class}",
            told={"from": job.request.job_class, "to": job_class},
            request=moved.model_dump(mode="json"), priority=job_class.priority,
        )  # fmt: skip

    def restart(self, job_id: int, *, who: str, again: Again | None = None) -> Job:
        """Queue an ended job again; what it made is found and not made again.

        Parameters
        ----------
        job_id, who
            Which job, and who wants it.
        again
            What is to be done again, other than all that is not done; a step that is made anew gets a new RUN
            collection, since what was born in the old one stays.

        Raises
        ------
        ConflictError
            When it has not failed and was not cancelled; one that has succeeded can be restarted from a step.
        """
        anew = again is not None and again.step
        ended = (JobState.FAILED, JobState.DELETED, *((JobState.SUCCEEDED,) if anew else ()))
        job = self.get(job_id)
        return self._change(
            job_id, who, "restart", ended, "restarted", told=again.model_dump() if again else {},
            state=JobState.READY, attempt=0, deaths=0, reached=0, retries={}, not_before_ns=0,
            error="", hint="", flavour=None, message="", wish=Wish.NONE, ended_ns=0, again=again and again.model_dump(),
            run=_new_run(job.request, job.user, job_id) if anew else job.run,
        )  # fmt: skip

    def quanta(self, job_id: int) -> list[QuantumLine]:
        """How the quanta of the present attempt ended, in the order in which they did."""
        query = (
            QUANTUM_PROGRESS.select().where(QUANTUM_PROGRESS.c.job == job_id).order_by("ended_ns", "step", "data_id")
        )
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [QuantumLine(**{k: v for k, v in row.items() if k != "job"}) for row in rows]

    def failures(self, job_id: int) -> list[Failure]:
        """Failed quanta grouped by step and error, most frequent first."""
        groups: dict[tuple[str, Any, str], list[str]] = {}
        for line in self.quanta(job_id):
            if line.state == QuantumState.FAILED:
                groups.setdefault((line.step, line.flavour or "pipeline", line.error), []).append(line.data_id)
        found = [Failure(step=s, flavour=f, error=e, data_ids=tuple(ids)) for (s, f, e), ids in groups.items()]
        return sorted(found, key=lambda failure: -len(failure.data_ids))

    def profile(self, job_id: int) -> JobProfile:
        """Which functions the time of a job went to."""
        with self.database.read() as connection:
            return profile_of(connection, job_id)

    def events(self, *, job_id: int | None = None, limit: int | None = None) -> list[Event]:
        """Lines of the audit, newest first."""
        query = EVENT.select().order_by(EVENT.c.id.desc()).limit(limit)
        query = query if job_id is None else query.where(EVENT.c.job == job_id)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Event(**{k: v for k, v in row.items() if k != "id"}) for row in rows]

    def _change(
        self,
        job_id: int,
        who: str,
        what: str,
        before: Sequence[JobState],
        done: str,
        *,
        told: Mapping[str, Any] = MappingProxyType({}),
        **values: Any,
    ) -> Job:
        with self.database.write() as connection:
            if not self._move(connection, job_id, before, **values):
                raise self._refused(connection, job_id, done)
            note(connection, who, what, job_id, **told)
        return self.get(job_id)

    def _move(self, connection: sa.Connection, job_id: int, before: Sequence[JobState], **values: Any) -> bool:
        condition = (JOB.c.id == job_id) & JOB.c.state.in_(before)
        return connection.execute(JOB.update().where(condition).values(**values)).rowcount == 1

    def _refused(self, connection: sa.Connection, job_id: int, done: str) -> JobNotFoundError | ConflictError:
        state = connection.scalar(sa.select(JOB.c.state).where(JOB.c.id == job_id))
        if state is None:
            return JobNotFoundError(f"there is no job {job_id}", hint="`hven jobs list --all` shows all of them.")
        return ConflictError(f"job {job_id} is {state} and cannot be {done}")

    def _jobs(self, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> list[Job]:
        with self.database.read() as connection:
            rows = connection.execute(JOB.select().where(*conditions).order_by(JOB.c.id.desc()).limit(limit))
            found = rows.mappings().all()
            counts = _counts(connection, [row["id"] for row in found])
            waits = any(row["state"] == JobState.READY for row in found)
            places = _places(connection, self.rules) if waits else {}
        return [_job(row, counts.get(row["id"], {}), places.get(row["id"])) for row in found]


def _of_run(connection: sa.Connection, run: str, user: str) -> int | None:
    return connection.scalar(sa.select(JOB.c.id).where(JOB.c.run == run, JOB.c.user == user))


def _counts(connection: sa.Connection, jobs: Iterable[int]) -> dict[int, dict[str, int]]:
    table = QUANTUM_PROGRESS.c
    query = sa.select(table.job, table.state, sa.func.count(), sa.func.sum(sa.cast(table.reused, sa.Integer)))
    counts: dict[int, dict[str, int]] = {}
    for job, state, number, reused in connection.execute(
        query.where(table.job.in_(list(jobs))).group_by(table.job, table.state)
    ):
        name = _COUNTED[QuantumState(state)]
        mine = counts.setdefault(job, {})
        mine[name] = mine.get(name, 0) + number
        mine["reused"] = mine.get("reused", 0) + reused
        mine["partial"] = mine.get("partial", 0) + (number if state == QuantumState.PARTIAL else 0)
    return counts


def _places(connection: sa.Connection, rules: BatchSettings) -> dict[int, Place]:
    jobs = sa.select(JOB.c.id, JOB.c.estimate).where(JOB.c.state.in_((*ACTIVE, JobState.READY)))
    minutes = {row.id: (row.estimate or {}).get("wall_minutes") for row in connection.execute(jobs)}
    lasts = {job: 60 * wall for job, wall in minutes.items() if wall is not None}
    return forecast(queued(connection), scene(connection, rules, now_ns()), lasts)


def _new_run(request: JobRequest, user: str, job_id: int) -> str:
    stamp = format_utc(now_ns() // 1_000_000 * 1_000_000).translate(str.maketrans("", "", "-:."))
    return run_name(request.pipeline, f"{stamp}-{job_id}", owner=request.owner(user))


_HIDDEN = frozenset(
    {"priority", "wish", "lease", "lease_until_ns", "total", "claimed_ns", "not_before_ns", "deaths", "reached"}
)


def _job(row: Any, counts: dict[str, int], place: Place | None) -> Job:
    values = {key: value for key, value in row.items() if key not in _HIDDEN}
    return Job(
        **values,
        counts=Counts(total=row["total"], **counts),
        position=place.ahead if place else None,
        expected_start_ns=place.start_ns if place else None,
        cancelling=row["wish"] == Wish.CANCEL,
    )
