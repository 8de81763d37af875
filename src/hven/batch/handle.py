"""One submitted job, as a notebook holds it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hven.batch.jobs import LOG_LINES, Jobs
from hven.batch.model import Again, Failure, Job, JobState, job_class_of
from hven.batch.profile import JobProfile
from hven.batch.times import JobTimes
from hven.core.errors import QuantumError, ServiceUnavailableError

_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of a job: ids of its products, and what failed."""

    job: Job
    products: tuple[str, ...]
    failures: tuple[Failure, ...]

    def raise_for_failures(self) -> None:
        """Raise QuantumError unless the job has succeeded."""
        if self.job.state != JobState.SUCCEEDED:
            error = self.job.error or f"it is {self.job.state}"
            raise QuantumError(f"job {self.job.id}: {error}", hint=self.job.hint)


class JobHandle:
    """One submitted job, as `Observatory.submit` gives it.

    Parameters
    ----------
    jobs
        Where it was submitted.
    job_id
        Its number.
    """

    def __init__(self, jobs: Jobs, job_id: int) -> None:
        self._jobs = jobs
        self.id = job_id

    def __repr__(self) -> str:
        """Number, state and counts."""
        job = self.progress()
        return f"<Job {job.id} {job.request.pipeline}: {job.state}, {job.counts.ended} of {job.counts.total} quanta>"

    def progress(self) -> Job:
        """Where the job stands now."""
        return self._jobs.get(self.id)

    def wait(self, timeout_s: float | None = None) -> Job:
        """Wait for the end.

        Raises
        ------
        ServiceUnavailableError
            When it has not ended in time.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not (job := self.progress()).state.ended:
            if end is not None and time.monotonic() > end:
                raise ServiceUnavailableError(
                    f"job {self.id} is {job.state} after {timeout_s:g} s", hint="It goes on; `hven jobs show` tells."
                )
            time.sleep(_POLL_S)
        return job

    def result(self, timeout_s: float | None = None) -> JobResult:
        """Wait for the end; failures are in the result, not raised."""
        job = self.wait(timeout_s)
        return JobResult(job, tuple(self._jobs.products(self.id)), tuple(self._jobs.failures(self.id)))

    def cancel(self) -> Job:
        """Stop it; what it has made stays."""
        return self._jobs.cancel(self.id)

    def hold(self) -> Job:
        """Keep it from starting while it waits."""
        return self._jobs.hold(self.id)

    def unhold(self) -> Job:
        """Let it go."""
        return self._jobs.unhold(self.id)

    def restart(self, *, failed: bool = False, step: str = "", data_id: str = "") -> Job:
        """Queue it again after it has ended.

        Parameters
        ----------
        failed
            Only the quanta that failed, and those that were blocked by them; otherwise all that are not done.
        step, data_id
            This step, or its one quantum of this data ID as `failures` writes it, is made again with all that needs it.
        """
        again = Again(failed=failed, step=step, data_id=data_id) if failed or step else None
        return self._jobs.restart(self.id, again)

    def reclass(self, job_class: str) -> Job:
        """Move it into another class while it waits; for operators."""
        return self._jobs.reclass(self.id, job_class_of(job_class))

    def times(self) -> JobTimes:
        """Where its time went."""
        return self._jobs.times(self.id)

    def profile(self) -> JobProfile:
        """Which functions its time went to, where it was submitted with ``sample=True``."""
        return self._jobs.profile(self.id)

    def log(self, *, lines: int = LOG_LINES) -> str:
        """Last lines of its log."""
        return self._jobs.log(self.id, lines=lines)
