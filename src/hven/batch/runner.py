"""The process of one job: ``python -m hven.batch.runner JOB LEASE SITE``, started by a launcher."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hven.batch.lease import JobQueue, Lease
from hven.batch.model import Job, JobState, Wish
from hven.batch.store import JobStore
from hven.batch.watch import Watch
from hven.core.errors import CancelledError, ConflictError, Flavour, HvenError
from hven.core.logging import configure, get_logger
from hven.core.settings import Settings, load_settings
from hven.model.quantum import QuantumRecord, QuantumState
from hven.registry.database import Database

Work = Callable[[Settings, Job, Watch], Sequence[QuantumRecord]]
"""Does a job and gives the records of all its quanta."""

_WELL = frozenset({QuantumState.DONE, QuantumState.PARTIAL, QuantumState.NO_WORK})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job ended and why."""

    state: JobState
    error: str = ""
    hint: str = ""
    flavour: Flavour | None = None


def process(settings: Settings, job: Job, watch: Watch) -> Sequence[QuantumRecord]:
    """Run the job's pipeline."""
    from hven.batch import work

    return work.process(settings, job, watch)


def main(arguments: Sequence[str], work: Work = process) -> int:
    """Run one job; gives the exit code."""
    job, lease, site = arguments
    configure(json=False)
    return run_job(load_settings(Path(site)), Lease(int(job), lease), work)


def run_job(settings: Settings, lease: Lease, work: Work) -> int:
    """Take the job, do it, say how it ended."""
    database = Database(settings.platform_url)
    store, queue = JobStore(database), JobQueue(database, lease_s=settings.batch.lease_s)
    try:
        queue.begin(lease, runner=f"{socket.gethostname()}:{os.getpid()}")
        job = store.get(lease.job)
        _log.info("job begins", job=job.id, pipeline=job.request.pipeline, user=job.user, attempt=job.attempt)
        with Watch(queue, lease) as watch:
            signal.signal(signal.SIGTERM, lambda *_: watch.stop(Wish.PAUSE))
            verdict = _do(settings, job, watch, work)
        if watch.lost:
            return ConflictError.exit_code
        return _end(queue, lease, verdict)
    except ConflictError as error:
        _log.error("job lost", job=lease.job, error=error.message)
        return error.exit_code
    finally:
        database.close()


def judge(records: Sequence[QuantumRecord]) -> Verdict:
    """Succeeded only where all quanta ended well, and there was at least one."""
    failed = [r for r in records if r.state == QuantumState.FAILED]
    blocked = [r for r in records if r.state == QuantumState.BLOCKED]
    if not records:
        return Verdict(JobState.FAILED, "no data fit the job's query", "`hven find` shows what there is.", "data")
    if all(r.state in _WELL for r in records):
        return Verdict(JobState.SUCCEEDED)
    if not failed and not blocked:
        ended = sum(r.state in _WELL for r in records)
        return Verdict(JobState.FAILED, f"ended after {ended} of {len(records)} quanta", "", "infrastructure")
    cause = Counter((r.flavour or "pipeline", r.error) for r in failed or blocked).most_common(1)[0][0]
    error = f"{len(failed)} of {len(records)} quanta failed, {len(blocked)} were blocked; most often: {cause[1]}"
    return Verdict(JobState.FAILED, error, "Mend the cause and restart the job; what is done stays done.", cause[0])


def _do(settings: Settings, job: Job, watch: Watch, work: Work) -> Verdict | None:
    """Verdict on the work; None when it should go back into the queue."""
    try:
        verdict = judge(work(settings, job, watch))
        if verdict.state != JobState.SUCCEEDED:
            verdict = _wished(watch) or verdict
    except CancelledError as error:
        verdict = _wished(watch) or Verdict(JobState.FAILED, error.message, error.hint, "infrastructure")
    except HvenError as error:
        traceback.print_exc()
        verdict = _wished(watch) or Verdict(JobState.FAILED, error.message, error.hint, error.flavour)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must not hang
        traceback.print_exc()
        flavour: Flavour = "memory" if isinstance(error, MemoryError) else "pipeline"
        hint = "The job's log has the traceback."
        verdict = _wished(watch) or Verdict(JobState.FAILED, f"{type(error).__name__}: {error}", hint, flavour)
    return None if verdict.state == JobState.READY else verdict


def _wished(watch: Watch) -> Verdict | None:
    """What becomes of a job that was stopped: errors after that are the stopping's own."""
    return {Wish.CANCEL: Verdict(JobState.DELETED), Wish.PAUSE: Verdict(JobState.READY)}.get(watch.wish)


def _end(queue: JobQueue, lease: Lease, verdict: Verdict | None) -> int:
    if verdict is None:
        queue.release(lease)
        _log.info("job paused", job=lease.job)
        return 0
    queue.finish(lease, verdict.state, error=verdict.error, hint=verdict.hint, flavour=verdict.flavour)
    _log.info("job ended", job=lease.job, state=str(verdict.state), error=verdict.error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
