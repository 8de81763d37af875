"""Walk through a quantum graph: skip what exists, compute the rest, record how each quantum ended."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hven.cluster.engine import Engine, Outcome
from hven.core.clock import now_ns
from hven.core.errors import CancelledError, Flavour, HvenError
from hven.core.logging import get_logger
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.blocks import Blocks
from hven.pipeline.books import Books
from hven.pipeline.graph import Quantum, waves
from hven.pipeline.identity import quantum_key
from hven.pipeline.keep import Keeper
from hven.pipeline.left_out import left_out
from hven.pipeline.pace import Paces
from hven.pipeline.pack import ENOUGH_S, map_packed
from hven.pipeline.report import Progress
from hven.pipeline.runner import this_process
from hven.pipeline.sample import run_sampled_block
from hven.pipeline.stacks import Sampled
from hven.pipeline.work import Place, Work
from hven.pipeline.worker import BlockJob, BlockResult, run_block

if TYPE_CHECKING:
    import xarray as xr

_WORKS_AT_ONCE, _SMALL_AT_ONCE, _TRIED_FOR_A_CORE = 64, 8192, 4
"""Works in a batch: each keeps folders open where workers write its rows, else nothing; tried ones show their pace."""

_PUBLISHERS = 4  # they wait for the disk
_PUBLISHED_AT_ONCE = 16
"""Works of which the outputs are held until they are on the disk."""

_NOTED_AT_ONCE = 32
_log = get_logger(__name__)

_ENDED_WELL = frozenset({QuantumState.DONE, QuantumState.PARTIAL})


@dataclass(slots=True)
class Execution:
    """One run of one graph.

    Parameters
    ----------
    graph
        In topological order.
    engine
        Runs the blocks.
    keeper
        Finds and registers products.
    place
        Where products go.
    progress, cancelled, yielding
        Called with counts; asked between blocks whether to stop at once, or with the quanta that have begun.
    force
        Compute even what exists.
    block_rows
        Replaces the chosen block length.
    sampled
        Hears where the time of each block went; nobody looks where there is nobody to hear it.
    """

    graph: Sequence[Quantum]
    engine: Engine
    keeper: Keeper
    place: Place
    progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    yielding: Callable[[], bool]
    force: bool
    block_rows: int | None
    sampled: Sampled | None = None
    records: dict[int, QuantumRecord] = field(default_factory=dict)
    products: dict[int, list[Product]] = field(default_factory=dict)
    paces: Paces = field(init=False)
    _ended: Counter[QuantumState] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Know nothing of the tasks' pace."""
        self.paces = Paces(self.keeper.registry)

    def run(self) -> None:
        """Run all waves; raises CancelledError between blocks, or quanta, when asked to."""
        with Books() as books:
            for wave in waves(self.graph):
                works = self._reuse([w for q in wave if (w := self._begin(q)) is not None])
                for batch in self._batches(works):
                    self._compute(batch, books)
                    self._stop_if(self.yielding() and len(self.records) < len(self.graph))
                books.write(self.keeper.taken())
                books.wait()

    def _begin(self, quantum: Quantum) -> Work | None:
        """Work with its inputs, or None where it cannot run and that is recorded."""
        states = {self.records[n].state for n in quantum.depends}
        inputs = self._inputs(quantum)
        required = {s.name for s in quantum.step.task.inputs if not s.optional and s.name in quantum.step.inputs}
        without = left_out(quantum, inputs)
        key = quantum_key(quantum.step, quantum.data_id, inputs, without)
        if states & {QuantumState.FAILED, QuantumState.BLOCKED}:
            failed = sorted({self.records[n].step for n in quantum.depends if self.records[n].state not in _ENDED_WELL})
            self._end(quantum, key, QuantumState.BLOCKED, error=f"not run because of {', '.join(failed)}")
        elif quantum.missing:
            self._end(quantum, key, QuantumState.BLOCKED, error=quantum.missing, flavour="data")
        elif required - set(inputs) or not inputs:
            self._end(quantum, key, QuantumState.NO_WORK)
        else:
            return Work(quantum, key, inputs, self.place, self.block_rows, left_out=without)
        return None

    def _inputs(self, quantum: Quantum) -> dict[str, tuple[Product, ...]]:
        """Products of the slots; what an earlier quantum had no work to make is left out."""
        filled = {}
        for name, datasets in quantum.inputs.items():
            found: list[Product] = []
            for ref, source in datasets:
                made = [source] if isinstance(source, Product) else self.products.get(source, [])
                found += [p for p in made if p.ref.type == ref.type]
            if found:
                filled[name] = tuple(found)
        return filled

    def _reuse(self, works: list[Work]) -> list[Work]:
        """Take what exists; give what must be computed."""
        if self.force:
            return works
        known = self.keeper.existing(works)
        for work in works:
            if work.key in known:
                self._finish(work, known[work.key], reused=True)
        return [w for w in works if w.key not in known]

    def _batches(self, works: Sequence[Work]) -> Iterator[Sequence[Work]]:
        """Works to be begun together: a few for each core until it is known how long they take."""
        length = _WORKS_AT_ONCE if any(work.in_place for work in works) else _SMALL_AT_ONCE
        known = all(self.paces.knows(work.quantum.step.task.name) for work in works)
        tried = length if known else min(_TRIED_FOR_A_CORE * self.engine.cores, length)
        yield works[:tried]
        for start in range(tried, len(works), length):
            yield works[start : start + length]

    def _compute(self, batch: Sequence[Work], books: Books) -> None:
        alive = {w.quantum.number: w for w in batch}
        runner = this_process()
        running = [self._unended(w, QuantumState.RUNNING, runner=runner) for w in batch]
        books.write(lambda: self.keeper.note(running))
        books.wait()  # who looks must see that it runs
        try:
            self._lay_out(alive)
            jobs = Blocks(self._cut(alive))
            with ThreadPoolExecutor(_PUBLISHERS, thread_name_prefix="hven-publish") as publisher:
                self._run_blocks(alive, jobs, publisher, books)
        finally:
            for work in batch:
                work.close()
            left = [w for w in batch if w.quantum.number not in self.records]
            stopped = [self._unended(w, QuantumState.NOT_RUN, error="the run was stopped") for w in left]
            books.write(lambda: self.keeper.note(stopped))

    def _lay_out(self, alive: dict[int, Work]) -> None:
        """Run a few rows of each work whose rows are written in place, and make the arrays that they need."""
        probes: list[BlockJob | None] = []
        for work in list(alive.values()):
            if work.in_place:
                probes += [job for job in [self._try(alive, work, work.probe)] if job is not None]
        for outcome in self._map(probes, [ENOUGH_S] * len(probes)):
            work = alive[probes[outcome.index].quantum]  # type: ignore[union-attr]
            if outcome.error or outcome.value is None:
                self._fail(alive, work, outcome.error)
            else:
                template: Mapping[str, xr.Dataset] = outcome.value.outputs
                self._try(alive, work, lambda w=work, t=template: w.prepare(t))  # type: ignore[misc]

    def _cut(self, alive: dict[int, Work]) -> list[BlockJob]:
        jobs: list[BlockJob] = []
        for work in list(alive.values()):
            own = self._try(alive, work, work.jobs)
            if own:
                jobs += own
            elif own is not None:
                self._finish(alive.pop(work.quantum.number), [])
        return jobs

    def _run_blocks(self, alive: dict[int, Work], jobs: Blocks, publisher: ThreadPoolExecutor, books: Books) -> None:
        publishing: dict[int, Future[list[Product]]] = {}
        seconds = [self.paces.seconds(alive[owner]) for owner in jobs.owners]
        for outcome in self._map(jobs, seconds):
            if self.yielding():
                for number in set(alive) - jobs.begun():
                    jobs.drop(number)
                    del alive[number]
            work = alive.get(jobs.owners[outcome.index])
            if work is None:
                continue
            if outcome.error or outcome.value is None:
                self._fail(alive, work, outcome.error)
                jobs.drop(work.quantum.number)
                continue
            result: BlockResult = outcome.value
            if self.sampled:
                self.sampled(work.quantum.step.name, result.stacks)
            work.results[result.block] = result
            self._tell(f"{_title(work.quantum)}: block {len(work.results)} of {work.blocks}")
            if len(work.results) == work.blocks:
                publishing[result.quantum] = publisher.submit(work.publish)
                self._take_published(alive, publishing, most=_PUBLISHED_AT_ONCE)
                if self.keeper.waiting >= _NOTED_AT_ONCE:
                    books.write(self.keeper.taken())
        self._take_published(alive, publishing, most=0)

    def _take_published(
        self, alive: dict[int, Work], publishing: dict[int, Future[list[Product]]], *, most: int
    ) -> None:
        """Record what is published; wait where more than `most` are on their way."""
        for number, future in list(publishing.items()):
            if future.done() or len(publishing) > most:
                del publishing[number]
                self._published(alive[number], future)
                alive[number].close()

    def _published(self, work: Work, future: Future[list[Product]]) -> None:
        error = future.exception()
        if error is not None:
            self._fail({}, work, error)
        else:
            self._finish(work, future.result())

    def _try[T](self, alive: dict[int, Work], work: Work, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - a failing quantum fails alone
            self._fail(alive, work, error)
            return None

    def _fail(self, alive: dict[int, Work], work: Work, error: BaseException | None) -> None:
        alive.pop(work.quantum.number, None)
        text = f"{type(error).__name__}: {error}"
        _log.warning("quantum failed", step=work.quantum.step.name, data_id=str(work.quantum.data_id), error=text)
        trace = "".join(traceback.format_exception(error)) if error else ""
        self._end(
            work.quantum,
            work.key,
            QuantumState.FAILED,
            error=text,
            flavour=_flavour(error),
            traceback=trace,
            started_ns=work.started_ns,
            **work.usage(),
        )

    def _finish(self, work: Work, products: list[Product], *, reused: bool = False) -> None:
        state = QuantumState.NO_WORK if not products else QuantumState.PARTIAL if work.flags else QuantumState.DONE
        self.products[work.quantum.number] = products
        self.paces.note(work)
        if reused:
            self.keeper.choose(products)
        else:
            self.keeper.add(products, [p.id for slot in work.inputs.values() for p in slot])
        self._end(
            work.quantum,
            work.key,
            state,
            products=tuple(p.id for p in products),
            reused=reused,
            output_bytes=sum(p.size_bytes for p in products),
            started_ns=work.started_ns,
            **work.usage(),
        )

    def _end(self, quantum: Quantum, key: str, state: QuantumState, **facts: object) -> None:
        record = self._record(quantum, key, state, ended_ns=now_ns(), **facts)
        self.records[quantum.number] = record
        self._ended[state] += 1
        self.keeper.record(record)
        self._tell(f"{_title(quantum)}: {state}")

    def _unended(self, work: Work, state: QuantumState, **facts: str) -> QuantumRecord:
        return self._record(work.quantum, work.key, state, started_ns=work.started_ns, **facts)

    def _record(self, quantum: Quantum, key: str, state: QuantumState, **facts: object) -> QuantumRecord:
        return QuantumRecord(
            run=self.place.run,
            step=quantum.step.name,
            task=quantum.step.task.name,
            task_version=quantum.step.task.version,
            data_id=quantum.data_id,
            quantum_key=key,
            state=state,
            outputs=tuple(str(t.type_name) for t in quantum.step.outputs.values()),
            **facts,  # type: ignore[arg-type]
        )

    def _tell(self, message: str) -> None:
        failed, blocked = self._ended[QuantumState.FAILED], self._ended[QuantumState.BLOCKED]
        self.progress(Progress(len(self.records) - failed - blocked, failed, blocked, len(self.graph), message))

    def _map(self, jobs: Sequence[BlockJob | None], seconds: Sequence[float]) -> Iterator[Outcome[BlockResult | None]]:
        """Outcomes of blocks; the engine itself ends with CancelledError once it is told to stop."""
        for outcome in map_packed(self.engine, run_sampled_block if self.sampled else run_block, jobs, seconds):
            if self.cancelled():
                self.engine.cancel()
            yield outcome
        self._stop_if(self.cancelled())

    def _stop_if(self, asked: bool) -> None:  # noqa: FBT001 - the question itself
        if asked:
            raise CancelledError("stopped on request", hint="Run it again to go on from what is done.")


def _title(quantum: Quantum) -> str:
    return f"{quantum.step.name} ({quantum.data_id})"


def _flavour(error: BaseException | None) -> Flavour:
    if isinstance(error, HvenError):
        return error.flavour
    if isinstance(error, MemoryError):
        return "memory"
    return "infrastructure" if isinstance(error, OSError) else "pipeline"
