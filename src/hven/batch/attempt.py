"""One attempt at a job: take it, do it, say how it ended."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hven.batch.environments.enter import enter
from hven.batch.forks import fork_early
from hven.batch.lease import JobQueue, Lease, RunnerSide
from hven.batch.model import Job, JobState, Wish
from hven.batch.order import AS_USER, END, Order, check_roots
from hven.batch.retries import RETRIES
from hven.batch.triage import model as triage
from hven.batch.triage.apply import failed_as
from hven.batch.triage.model import Decision
from hven.batch.watch import Watch, patiently
from hven.core.errors import CancelledError, ConflictError, Flavour, HvenError
from hven.core.loading import loading
from hven.core.logging import configure, get_logger
from hven.core.settings import Settings, load_settings
from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.runner import this_process
from hven.registry.database import Database
from hven.registry.protocol import Registry

Work = Callable[[Settings, Job, Watch, Registry], Sequence[QuantumRecord]]
"""Does a job and gives the records of all its quanta."""

_STDIN = 0
_WELL = frozenset({QuantumState.DONE, QuantumState.PARTIAL, QuantumState.NO_WORK})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job ended and why."""

    state: JobState
    error: str = ""
    hint: str = ""
    flavour: Flavour | None = None
    note: str = ""


def process(settings: Settings, job: Job, watch: Watch, registry: Registry) -> Sequence[QuantumRecord]:
    """Run the job's pipeline."""
    with loading():
        from hven.batch import work
    return work.process(settings, job, watch, registry)


def run_order(order: Order, arguments: Sequence[str], work: Work = process) -> int:
    """Run the job of an order; gives the exit code.

    The program that `sudo` starts gives the argument ``--as-user``: whatever the order says, such a runner works for a
    site file of root's and through the API only.
    """
    configure(json=False)
    site = Path(order.site)
    if AS_USER in arguments:
        check_roots(site)
        settings = load_settings(site, environ={})
        _fork_early(settings, order, work)
        threading.Thread(target=_obey, name="obey", daemon=True).start()
        from hven.batch.remote_queue import RemoteQueue

        remote = RemoteQueue(order.api, order.right, lease_s=settings.batch.lease_s)
        return _run(settings, order, arguments, queue=remote, work=work, registry_of=lambda: _remote(order))
    settings = load_settings(site)
    _fork_early(settings, order, work)
    rules = settings.batch
    queue = JobQueue(Database(settings.platform_url), lease_s=rules.lease_s, rules=rules)
    return _run(settings, order, arguments, queue=queue, work=work, registry_of=_direct(settings))


def _fork_early(settings: Settings, order: Order, work: Work) -> None:
    """Before there are threads; a job of another environment goes on in another program."""
    if work is process and not order.environment:
        fork_early(settings)


def _run(
    settings: Settings,
    order: Order,
    arguments: Sequence[str],
    *,
    queue: RunnerSide,
    work: Work,
    registry_of: Callable[[], Registry],
) -> int:
    """Run the job here or in the environment it asks for; it has failed where that is not as installed."""
    try:
        if order.environment:
            enter(settings, order, arguments)
    except HvenError as error:
        queue.finish(order.right, JobState.FAILED, error=error.message, hint=error.hint, flavour=error.flavour)
        queue.close()
        return error.exit_code
    return run_job(settings, order.right, work, queue, registry_of)


def _direct(settings: Settings) -> Callable[[], Registry]:
    from hven.registry.direct import DirectRegistry

    return lambda: DirectRegistry(settings.registry_url, settings.root)


def _remote(order: Order) -> Registry:
    from hven.batch.remote_queue import credential
    from hven.registry.remote import RemoteRegistry

    return RemoteRegistry(order.api, credential(order.right))


def _obey() -> None:
    """End everything on request; nothing happens when the batch service only goes away."""
    if os.read(_STDIN, len(END)) == END:
        os.killpg(0, signal.SIGKILL)


def run_job(
    settings: Settings, lease: Lease, work: Work, queue: RunnerSide, registry_of: Callable[[], Registry]
) -> int:
    """Take the job, do it, say how it ended."""
    try:
        patiently(lambda: queue.begin(lease, runner=this_process()), queue.lease_s)
        job = queue.job(lease)
        _log.info("job begins", job=job.id, pipeline=job.request.pipeline, user=job.user, attempt=job.attempt)
        with Watch(queue, lease) as watch:
            signal.signal(signal.SIGTERM, lambda *_: watch.stop(Wish.PAUSE))
            verdict = _do(settings, job, watch, work, registry_of)
        if watch.lost:
            return ConflictError.exit_code
        return _end(queue, lease, verdict)
    except ConflictError as error:
        _log.error("job lost", job=lease.job, error=error.message)
        return error.exit_code
    finally:
        queue.close()


def judge(records: Sequence[QuantumRecord], decisions: Sequence[Decision] = ()) -> Verdict:
    """Succeeded only where there was at least one quantum, and all ended well but for failures accepted as known.

    Where some failed with what is tried again, that is the job's flavour: trying again helps them and harms no other.
    """
    failed = [r for r in records if r.state == QuantumState.FAILED]
    blocked = [r for r in records if r.state == QuantumState.BLOCKED]
    if not records:
        return Verdict(JobState.FAILED, "no data fit the job's query", "`hven find` shows what there is.", "data")
    if all(r.state in _WELL for r in records):
        return Verdict(JobState.SUCCEEDED)
    known = failed_as(failed, decisions, triage.Verdict.KNOWN)
    if failed and len(known) == len(failed) and not any(r.flavour for r in blocked):
        note = f"{len(failed)} quanta failed in ways accepted as known, {len(blocked)} that need them were not run"
        return Verdict(JobState.SUCCEEDED, note=note)
    if not failed and not blocked:
        ended = sum(r.state in _WELL for r in records)
        return Verdict(JobState.FAILED, f"ended after {ended} of {len(records)} quanta", "", "infrastructure")
    retried = [r for r in failed if r.flavour and RETRIES[r.flavour].times]
    cause = Counter((r.flavour or "pipeline", r.error) for r in retried or failed or blocked).most_common(1)[0][0]
    error = f"{len(failed)} of {len(records)} quanta failed, {len(blocked)} were blocked; most often: {cause[1]}"
    return Verdict(JobState.FAILED, error, "Mend the cause and restart the job; what is done stays done.", cause[0])


def _do(settings: Settings, job: Job, watch: Watch, work: Work, registry_of: Callable[[], Registry]) -> Verdict | None:
    """Verdict on the work; None when it should go back into the queue."""
    try:
        with closing(registry_of()) as registry:
            verdict = judge(work(settings, job, watch, registry), watch.decisions())
            watch.remark(verdict.note)
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
    queued = Verdict(JobState.READY)
    return {Wish.CANCEL: Verdict(JobState.DELETED), Wish.PAUSE: queued, Wish.YIELD: queued}.get(watch.wish)


def _end(queue: RunnerSide, lease: Lease, verdict: Verdict | None) -> int:
    if verdict is None:
        patiently(lambda: queue.release(lease), queue.lease_s)
        _log.info("job paused", job=lease.job)
        return 0
    why = {"error": verdict.error, "hint": verdict.hint}
    patiently(lambda: queue.finish(lease, verdict.state, **why, flavour=verdict.flavour), queue.lease_s)
    _log.info("job ended", job=lease.job, state=str(verdict.state), error=verdict.error)
    return 0
