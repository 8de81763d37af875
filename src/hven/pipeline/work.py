"""One quantum on its way: from products to block jobs, from block results to published products."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hven.core.clock import now_ns
from hven.core.errors import DataError
from hven.model.annotation import marked_times
from hven.model.collection import owner_of
from hven.model.data_id import DatasetRef
from hven.model.origin import with_run
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance
from hven.model.task import Slot
from hven.pipeline import plan
from hven.pipeline.fold import fold
from hven.pipeline.graph import Quantum
from hven.pipeline.identity import software
from hven.pipeline.left_out import LeftOut, noted
from hven.pipeline.plan import Span
from hven.pipeline.rows import Rows, rows_of
from hven.pipeline.worker import BlockJob, BlockResult, Source
from hven.store import arrays
from hven.store.paths import data_id_folder
from hven.store.publish import Staging, stage
from hven.store.staging import clean_staging
from hven.store.write import write_dataset

if TYPE_CHECKING:
    import xarray as xr

_PROBE_ROWS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where products go and in whose name."""

    root: Path
    site: str
    run: str
    user: str
    pipeline: str
    acl: str = ""

    @property
    def owner(self) -> str:
        """Owner of user-generated products; empty for the observatory's own."""
        return owner_of(self.run)


@dataclass(slots=True)
class Work:
    """A quantum that must be computed.

    Parameters
    ----------
    inputs
        Products of each filled slot.
    left_out
        Times of which rows are left out.
    results
        Of finished blocks, by number.
    """

    quantum: Quantum
    key: str
    inputs: Mapping[str, tuple[Product, ...]]
    place: Place
    asked_rows: int | None
    left_out: LeftOut = field(default_factory=dict)
    blocks: int = 0
    results: dict[int, BlockResult] = field(default_factory=dict)
    started_ns: int = field(default_factory=now_ns)
    stagings: dict[str, Staging] = field(default_factory=dict)
    files: ExitStack = field(default_factory=ExitStack)
    shard: int = 0
    publish_s: float = 0.0
    _handed: dict[tuple[str, str], Rows] = field(default_factory=dict)

    @property
    def in_place(self) -> tuple[str, ...]:
        """Outputs whose rows the workers write."""
        task, types = self.quantum.step.task, self.quantum.step.outputs
        if task.block is None:
            return ()
        return tuple(o.name for o in task.outputs if o.dim == task.block.dim and types[o.name].form == "array")

    def probe(self) -> BlockJob:
        """Job for the first few rows, which shows how rows that are written in place look."""
        rows = self._rows()
        halo = self.quantum.step.task.block.halo if self.quantum.step.task.block else 0
        stop = min(_PROBE_ROWS, rows)
        return self._job(0, Span(0, stop, 0, min(halo, rows - stop)), {})

    def prepare(self, template: Mapping[str, xr.Dataset]) -> None:
        """Lay out the outputs that workers write in place."""
        data_id = self.quantum.data_id
        for name in self.in_place:
            if name in template:
                staging = self._stage(name)
                dataset_type = self.quantum.step.outputs[name]
                shard = arrays.create(staging.path, dataset_type, with_run(template[name], data_id), self._rows())
                self.shard = max(self.shard, shard)

    def jobs(self) -> list[BlockJob]:
        """Jobs of all blocks; none where there are no rows."""
        spans = self._spans()
        self.blocks = len(spans)
        folders = {name: self.stagings[name].path for name in self.in_place if name in self.stagings}
        return [self._job(number, span, folders) for number, span in enumerate(spans)]

    def publish(self) -> list[Product]:
        """Fold the blocks' results, write what is left to write, and publish; empty where a task had no work."""
        began = time.perf_counter()
        step = self.quantum.step
        folded = fold(step.task, step.config, [self.results[n].outputs for n in range(self.blocks)])
        outputs = {name: with_run(dataset, self.quantum.data_id) for name, dataset in folded.items()}
        for name, dataset in outputs.items():
            if name in self.stagings:
                arrays.write_fixed(self.stagings[name].path, dataset)
                arrays.update_attrs(self.stagings[name].path, dataset.attrs)
            else:
                write_dataset(self._stage(name).path, step.outputs[name], dataset)
        products = [self._publish(name) for name in outputs]
        self.publish_s = time.perf_counter() - began
        return products

    def close(self) -> None:
        """Let go of locks and of what the blocks gave; what is not published is removed."""
        self.files.close()
        self.results = {number: replace(result, outputs={}) for number, result in self.results.items()}

    def _publish(self, name: str) -> Product:
        step, staging = self.quantum.step, self.stagings[name]
        record = Provenance(
            id=staging.id,
            dataset_type=str(staging.ref.type),
            schema_version=step.outputs[name].schema_version,
            data_id=dict(staging.ref.data_id),
            run=self.place.run,
            task=step.task.name,
            task_version=step.task.version,
            config=step.config.model_dump(mode="json"),
            inputs=tuple(self._input_records()),
            quantum_key=self.key,
            output=name,
            created_ns=now_ns(),
            user=self.place.user,
            site=self.place.site,
            software=software(),
            flags=self.flags,
            notes={"pipeline": self.place.pipeline, "step": step.name, **noted(self.left_out, self._fewer())},
        )
        return staging.publish(record, step.outputs[name])

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags that products inherit from their inputs."""
        return ("partial",) if any("partial" in p.flags for ps in self.inputs.values() for p in ps) else ()

    def _input_records(self) -> list[InputRecord]:
        return [
            InputRecord(
                slot=name,
                role="calibration" if self.quantum.step.task.slot(name).calibration else "input",
                dataset_type=str(product.ref.type),
                data_id=dict(product.ref.data_id),
                id=product.id,
                digest=product.digest,
            )
            for name, products in self.inputs.items()
            for product in products
        ]

    def _stage(self, name: str) -> Staging:
        ref = self.ref(name)
        clean_staging(self.place.root / data_id_folder(ref, user=self.place.owner))
        self.stagings[name] = self.files.enter_context(
            stage(self.place.root, ref, user=self.place.owner, acl=self.place.acl)
        )
        return self.stagings[name]

    def ref(self, name: str) -> DatasetRef:
        """Dataset of an output."""
        return DatasetRef(self.quantum.step.outputs[name].type_name, self.quantum.data_id)

    def _sliced(self) -> list[Slot]:
        task = self.quantum.step.task
        if task.block is None:
            return []
        types = {t.type_name: t for ts in self.quantum.step.inputs.values() for t in ts}
        slots = [s for s in task.inputs if s.name in self.inputs and not (s.whole or s.multiple or s.calibration)]
        return [s for s in slots if types[self.inputs[s.name][0].ref.type].row_dim == task.block.dim]

    def _rows(self) -> int:
        """Rows of the sliced slots that are handed over, which must agree."""
        firsts = [(slot, self.inputs[slot.name][0]) for slot in self._sliced()]
        rows = {product.ref.type: len(self._rows_of(slot, product)) for slot, product in firsts}
        if len(set(rows.values())) != 1:
            raise DataError(
                f"{self.quantum.step.task.name}: sliced inputs must have the same number of rows: "
                + (", ".join(f"{t} {n}" for t, n in rows.items()) or "there are none")
            )
        return next(iter(rows.values()))

    def _rows_of(self, slot: Slot, product: Product) -> Rows:
        place = slot.name, product.id
        if place not in self._handed:
            order = "" if slot.multiple else slot.order
            times = marked_times(self.quantum.marks, product) if slot.every_row else self.left_out.get(place, ())
            folder, rows = self._folder(product), product.rows
            self._handed[place] = rows_of(folder, rows, order, times, every_row=slot.every_row)
        return self._handed[place]

    def _fewer(self) -> dict[tuple[str, str], int]:
        """How many rows of each input are left out."""
        return {place: rows.total - len(rows) for place, rows in self._handed.items()}

    def _spans(self) -> list[Span]:
        task = self.quantum.step.task
        if task.block is None:
            return [Span(0, 0)]
        rows = self._rows()
        sliced = self._sliced()
        width = sum(self._row_bytes(s, task.block.dim) for s in sliced)
        length = plan.block_length(task, row_bytes=width, shard=self.shard or 1, asked=self.asked_rows)
        if not task.block.every_s:
            return plan.row_spans(rows, length, task.block.halo)
        first = sliced[0]
        edges = plan.cell_edges(
            self._folder(self.inputs[first.name][0]),
            first.order or task.block.dim,
            self.inputs[first.name][0].rows,
            plan.cell_seconds(task.block, self.quantum.step.config),
            self._rows_of(first, self.inputs[first.name][0]).indices,
        )
        return plan.grid_spans(edges, rows, length, task.block.halo)

    def _row_bytes(self, slot: Slot, dim: str) -> float:
        folder = self._folder(self.inputs[slot.name][0])
        return plan.bytes_per_row(folder, [v.name for v in slot.variables], dim)

    def _job(self, number: int, span: Span, folders: Mapping[str, Path]) -> BlockJob:
        step = self.quantum.step
        cut = {s.name for s in self._sliced()}
        slots = {
            name: tuple(self._source(step.task.slot(name), p, span if name in cut else None) for p in products)
            for name, products in self.inputs.items()
        }
        return BlockJob(
            quantum=self.quantum.number,
            block=number,
            task=step.task_name,
            config=step.config.model_dump(mode="json"),
            slots=slots,
            own=slice(span.before, span.before + span.stop - span.start) if cut else slice(None),
            start=span.start,
            outputs={name: frozenset(v.name for v in t.variables) for name, t in step.outputs.items()},
            in_place=folders,
        )

    def _source(self, slot: Slot, product: Product, span: Span | None) -> Source:
        rows = self._rows_of(slot, product)
        part = rows.part(span.start - span.before, span.stop + span.after) if span else rows.part(0, len(rows))
        return Source(self._folder(product), product.ref.data_id, part)

    def _folder(self, product: Product) -> Path:
        return self.place.root / product.path

    def usage(self) -> dict[str, Any]:
        """What the blocks took."""
        results = self.results.values()
        return {
            "wall_s": sum(r.wall_s for r in results),
            "cpu_s": sum(r.cpu_s for r in results),
            "peak_bytes": max((r.peak_bytes for r in results), default=0),
            "read_s": sum(r.read_s for r in results),
            "write_s": sum(r.write_s for r in results),
            "publish_s": self.publish_s,
            "began_ns": min((r.began_ns for r in results), default=0),
            "workers": tuple(sorted(self._by_worker().items())),
        }

    def _by_worker(self) -> dict[str, float]:
        taken: dict[str, float] = defaultdict(float)
        for result in self.results.values():
            taken[result.worker] += result.wall_s
        return taken
