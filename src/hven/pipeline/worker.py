"""What runs on a worker: read the slots of one block, run the task, write its rows."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hven.core.clock import now_ns
from hven.core.errors import SchemaError, UnknownNameError
from hven.model.data_id import DataId
from hven.model.task import Inputs, Slot, Task
from hven.model.variable import check
from hven.pipeline.bind import find_task
from hven.pipeline.rows import Part
from hven.store import arrays
from hven.store.read import read_rows, read_rows_at, variable_names

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset of a slot: where it lies, and which rows are read."""

    folder: Path
    data_id: DataId
    part: Part


@dataclass(frozen=True, slots=True)
class BlockJob:
    """One block of one quantum.

    Parameters
    ----------
    quantum, block
        Numbers, to put results back in order.
    task, config
        Task by name, and its configuration as plain values.
    slots
        Datasets of each slot; a `multiple` slot has any number.
    own, start
        As in `hven.model.task.Inputs`.
    outputs
        Variables that the dataset type of each output declares.
    in_place
        Folder, being written, of each output whose rows the worker writes.
    """

    quantum: int
    block: int
    task: str
    config: Mapping[str, Any]
    slots: Mapping[str, tuple[Source, ...]]
    own: slice
    start: int
    outputs: Mapping[str, frozenset[str]]
    in_place: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockResult:
    """Outputs without the rows that were written in place, and what it took: see `hven.model.quantum.QuantumRecord`."""

    quantum: int
    block: int
    outputs: Mapping[str, xr.Dataset]
    wall_s: float
    cpu_s: float
    peak_bytes: int
    read_s: float = 0.0
    write_s: float = 0.0
    began_ns: int = 0
    worker: str = ""
    stacks: Mapping[str, int] = field(default_factory=dict)


def run_block(job: BlockJob | None) -> BlockResult | None:
    """Run one block; None is a block that nobody needs any more.

    Raises
    ------
    SchemaError
        When an input or an output does not fit its declaration.
    """
    if job is None:
        return None
    began_ns, began, cpu = now_ns(), time.perf_counter(), time.process_time()
    task = find_task(job.task)
    inputs = read_inputs(job, task)
    read = time.perf_counter()
    outputs = dict(task.run(inputs, task.config.model_validate(job.config)))
    _check_outputs(job, task, outputs)
    computed = time.perf_counter()
    for name, folder in job.in_place.items():
        if name in outputs:
            outputs[name] = _write(task, name, outputs[name], folder, job)
    ended = time.perf_counter()
    return BlockResult(
        job.quantum,
        job.block,
        outputs,
        wall_s=ended - began,
        cpu_s=time.process_time() - cpu,
        peak_bytes=_peak_bytes(),
        read_s=read - began,
        write_s=ended - computed,
        began_ns=began_ns,
        worker=this_worker(),
    )


def this_worker() -> str:
    """Name of this process, ``host:pid``."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _peak_bytes() -> int:
    """Most memory that this process has held; `ru_maxrss` would also count that of the process it was started from."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024


def read_inputs(job: BlockJob, task: Task) -> Inputs:
    """Read what the slots name and nothing else."""
    datasets: dict[str, Any] = {}
    data_ids: dict[str, Any] = {}
    for name, sources in job.slots.items():
        slot = task.slot(name)
        found = tuple(_read(source, slot) for source in sources)
        for dataset in found:
            check(dataset, slot.variables, what=f"slot {name} of {task.name}")
        ids = tuple(source.data_id for source in sources)
        datasets[name], data_ids[name] = (found, ids) if slot.multiple else (found[0], ids[0])
    parts = {name: [source.part for source in sources] for name, sources in job.slots.items()}
    numbers = {n: tuple(p.row_numbers for p in ps) for n, ps in parts.items() if any(p.numbers is not None for p in ps)}
    marked = {n: tuple(p.row_marks for p in ps) for n, ps in parts.items() if any(p.marked is not None for p in ps)}
    return Inputs(datasets, data_ids, job.own, job.start, numbers, marked)


def _read(source: Source, slot: Slot) -> xr.Dataset:
    names, part = [v.name for v in slot.variables], source.part
    if any(v.optional for v in slot.variables):
        there = variable_names(source.folder)
        names = [v.name for v in slot.variables if v.name in there or not v.optional]
    try:
        if part.indices is not None:
            return read_rows_at(source.folder, names, part.indices)
        return read_rows(source.folder, names, part.start, part.stop)
    except UnknownNameError as error:
        what = f"slot {slot.name}: {source.data_id} in {source.folder}"
        raise SchemaError(f"{what}: {error.message}", hint=error.hint) from error


def _check_outputs(job: BlockJob, task: Task, outputs: Mapping[str, xr.Dataset]) -> None:
    for name, dataset in outputs.items():
        if name not in job.outputs:
            raise SchemaError(f"{task.name} gave {name!r}, which it does not declare")
        check(dataset, task.output(name).variables, what=f"output {name} of {task.name}")
        declared, dim = job.outputs[name], task.output(name).dim
        rows = dataset if task.combine is None else dataset[[n for n, v in dataset.variables.items() if dim in v.dims]]
        surplus = sorted(str(v) for v in rows.variables if v not in declared)
        if surplus:
            raise SchemaError(f"output {name} of {task.name}: {', '.join(surplus)} not declared in its dataset type")


def _write(task: Task, name: str, dataset: xr.Dataset, folder: Path, job: BlockJob) -> xr.Dataset:
    """Write the rows; give the rest."""
    dim, rows = task.output(name).dim, job.own.stop - job.own.start
    if dataset.sizes.get(dim, 0) != rows:
        raise SchemaError(f"output {name} of {task.name} has {dataset.sizes.get(dim, 0)} rows, its block has {rows}")
    arrays.write_rows(folder, job.start, dataset)
    return dataset.drop_dims(dim)
