"""Where the time of a job went, from the records of its quanta."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from hven.batch.model import Job
from hven.core.clock import NS, now_ns
from hven.model.quantum import QuantumRecord, QuantumState


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskTimes(_Record):
    """What the quanta of one step took together, in seconds.

    Parameters
    ----------
    states
        Quanta by state; `reused` of them were there already.
    waiting_s
        From when their inputs were there until a worker began.
    reading_s, computing_s, writing_s
        On the workers.
    publishing_s
        In the runner: what is folded, written and published there.
    cpu_s, peak_bytes, output_bytes
        Of one core; of the hungriest; of all products.
    """

    step: str
    task: str
    version: str
    states: dict[QuantumState, int]
    reused: int
    waiting_s: float
    reading_s: float
    computing_s: float
    writing_s: float
    publishing_s: float
    cpu_s: float
    peak_bytes: int
    output_bytes: int


class WorkerTimes(_Record):
    """What one worker, as ``host:pid``, did."""

    worker: str
    quanta: int
    busy_s: float


class JobTimes(_Record):
    """Where the time of a job went.

    Parameters
    ----------
    queued_s, ran_s
        From submission to the last beginning, and from there to the end, or until now.
    tasks
        The longest first.
    workers
        The busiest first.
    """

    job: int
    queued_s: float
    ran_s: float
    tasks: tuple[TaskTimes, ...]
    workers: tuple[WorkerTimes, ...]

    @property
    def output_bytes(self) -> int:
        """Size of what it made."""
        return sum(task.output_bytes for task in self.tasks)

    @property
    def reused(self) -> int:
        """Quanta whose products were there already."""
        return sum(task.reused for task in self.tasks)

    @property
    def busy_s(self) -> float:
        """Time of all workers together."""
        return sum(worker.busy_s for worker in self.workers)


def times_of(job: Job, records: Iterable[QuantumRecord]) -> JobTimes:
    """Add the records of a job's quanta up."""
    steps: dict[str, list[QuantumRecord]] = defaultdict(list)
    for record in records:
        steps[record.step].append(record)
    tasks = sorted((_task(some) for some in steps.values()), key=lambda task: -_whole(task))
    everything = [record for some in steps.values() for record in some]
    begun = job.started_ns or now_ns()
    return JobTimes(
        job=job.id,
        queued_s=max(0, begun - job.submitted_ns) / NS,
        ran_s=max(0, (job.ended_ns or now_ns()) - begun) / NS,
        tasks=tuple(tasks),
        workers=tuple(_workers(everything)),
    )


def _task(records: Sequence[QuantumRecord]) -> TaskTimes:
    last = max(records, key=lambda r: r.ended_ns)
    made = [r for r in records if not r.reused]
    return TaskTimes(
        step=last.step,
        task=last.task,
        version=last.task_version,
        states=dict(Counter(r.state for r in records)),
        reused=len(records) - len(made),
        waiting_s=sum(max(0, r.began_ns - r.started_ns) for r in made if r.began_ns) / NS,
        reading_s=sum(r.read_s for r in made),
        computing_s=sum(r.wall_s - r.read_s - r.write_s for r in made),
        writing_s=sum(r.write_s for r in made),
        publishing_s=sum(r.publish_s for r in made),
        cpu_s=sum(r.cpu_s for r in made),
        peak_bytes=max((r.peak_bytes for r in made), default=0),
        output_bytes=sum(r.output_bytes for r in made),
    )


def _whole(task: TaskTimes) -> float:
    return task.reading_s + task.computing_s + task.writing_s + task.publishing_s


def _workers(records: Iterable[QuantumRecord]) -> list[WorkerTimes]:
    busy: dict[str, float] = defaultdict(float)
    quanta: Counter[str] = Counter()
    for record in records:
        for worker, wall_s in record.workers:
            busy[worker] += wall_s
            quanta[worker] += 1
    found = [WorkerTimes(worker=name, quanta=quanta[name], busy_s=seconds) for name, seconds in busy.items()]
    return sorted(found, key=lambda worker: (-worker.busy_s, worker.worker))
