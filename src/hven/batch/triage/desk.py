"""Triage as people do it: look at the kinds of failures, decide, and have the decision carried out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from hven import instruments
from hven.batch.model import Job, JobState
from hven.batch.store import JobStore
from hven.batch.triage.apply import is_blocked
from hven.batch.triage.kinds import kinds
from hven.batch.triage.model import Decision, FailureKind, Resolution, Verdict
from hven.core.clock import now_ns
from hven.core.errors import AccessDeniedError, HvenError, UnknownNameError
from hven.model.quantum import QuantumState
from hven.pipeline.load import load_pipeline
from hven.registry.protocol import Registry


class Triage(Protocol):
    """Failures by kind, in the name of one user."""

    def kinds(self, job_id: int | None = None) -> list[FailureKind]:
        """Kinds of failures that the user may see, of one job or of all, the most frequent first."""
        ...

    def kind(self, fingerprint: str) -> FailureKind:
        """One kind; raises UnknownNameError."""
        ...

    def decide(self, fingerprint: str, resolution: Resolution) -> FailureKind:
        """Decide about a kind; operators may.

        ``retry`` restarts the failed jobs in which it happened, ``block`` holds waiting jobs of that version of the
        task. Both, and ``known``, hold for the next failure of this kind, until somebody decides anew or takes it back
        with ``open``.

        Raises
        ------
        AccessDeniedError
            For those who may not operate.
        UnknownNameError
            When there is no such kind.
        """
        ...


class JobsOfAll(Protocol):
    """Of `hven.batch.jobs.DirectJobs` what triage needs: it looks at jobs, and restarts or holds them."""

    store: JobStore
    registry: Registry
    user: str
    operator: bool

    def get(self, job_id: int) -> Job:
        """Job by number."""
        ...

    def find(self, *, states: Collection[JobState] = ()) -> list[Job]:
        """Jobs in some states."""
        ...

    def restart(self, job_id: int) -> Job:
        """Queue an ended job again."""
        ...

    def hold(self, job_id: int) -> Job:
        """Keep a waiting job from starting."""
        ...


class DirectTriage:
    """Triage at the tables themselves.

    Parameters
    ----------
    jobs
        In whose name.
    """

    def __init__(self, jobs: JobsOfAll) -> None:
        self._jobs = jobs
        self._store = jobs.store.decisions

    def kinds(self, job_id: int | None = None) -> list[FailureKind]:
        """Kinds of failures; those of one job are told with the decisions about them only."""
        run = "" if job_id is None else self._jobs.get(job_id).run
        failed = self._jobs.registry.quanta(run=run, state=QuantumState.FAILED)
        found = kinds(failed, self.decisions())
        return found if job_id is None else [kind for kind in found if kind.count]

    def kind(self, fingerprint: str) -> FailureKind:
        """One kind."""
        found = {kind.fingerprint: kind for kind in self.kinds()}
        if fingerprint not in found:
            raise UnknownNameError("kind of failure", fingerprint, found)
        return found[fingerprint]

    def decisions(self) -> list[Decision]:
        """Decisions that hold."""
        return self._store.holding()

    def decide(self, fingerprint: str, resolution: Resolution) -> FailureKind:
        """Keep a decision and carry it out."""
        if not self._jobs.operator:
            raise AccessDeniedError(
                f"{self._jobs.user} may not decide about failures", hint="It holds for everybody's jobs; operators may."
            )
        kind = self.kind(fingerprint)
        decision = Decision(
            fingerprint=fingerprint,
            verdict=resolution.verdict,
            task=kind.task,
            version=kind.versions[0],
            error=kind.error,
            who=self._jobs.user,
            time_ns=now_ns(),
            why=resolution.why,
        )
        self._store.add(decision)
        self._carry_out(decision, kind)
        return kind.model_copy(update={"decision": None if decision.verdict == Verdict.OPEN else decision})

    def _carry_out(self, decision: Decision, kind: FailureKind) -> None:
        if decision.verdict == Verdict.RETRY:
            for job in self._jobs.find(states=[JobState.FAILED]):
                if job.run in kind.runs:
                    self._jobs.restart(job.id)
        if decision.verdict == Verdict.BLOCK:
            for job in blocked_jobs(self._jobs.find(states=[JobState.READY, JobState.UNREADY]), [decision]):
                self._jobs.hold(job.id)


def blocked_jobs(jobs: Iterable[Job], decisions: list[Decision]) -> list[Job]:
    """Those of some jobs that decisions keep from starting; one whose pipeline is not to be found says so itself."""
    found = []
    for job in jobs:
        try:
            instrument = instruments.load(job.request.pipeline.partition("/")[0])
            pipeline = load_pipeline(instrument, job.request.pipeline)
        except HvenError:
            continue
        found += [job] if is_blocked(pipeline, decisions) else []
    return found
