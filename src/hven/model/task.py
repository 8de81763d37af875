"""Declaration of a task: an algorithm with named inputs, outputs and configuration.

A task is a function of in-memory datasets. It reads nothing, writes nothing and knows no scheduler; the executor
in `hven.pipeline` hands it what its slots name and writes what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hven.model.data_id import DataId
from hven.model.variable import Variable

if TYPE_CHECKING:
    import xarray as xr


class Config(BaseModel):
    """Base of every task's configuration: unknown keys and infinite numbers are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """A named input.

    Parameters
    ----------
    name
        Name by which the task finds the dataset.
    variables
        What is read, and nothing else is; optional variables may be absent.
    doc
        What it is for.
    whole
        Given whole with every block, not cut along the block's dim.
    multiple
        A tuple of datasets, one for each data ID below the quantum's own.
    optional
        May be absent; then it is not in `Inputs`.
    calibration
        Looked up by validity in the calibration collections at the data's time.
    order
        Coordinate in whose stable order the rows are handed over.
    every_row
        Rows of a time that somebody has marked bad are handed over, too, and `Inputs.marked` says which they are: for
        tasks that keep each row by itself, so that its readers leave it out, and for those that judge how rows were
        taken. Others never see such rows.
    refuses
        Datasets with one of these flags are no input, for nothing can be made of them.
    """

    name: str
    variables: tuple[Variable, ...]
    doc: str
    whole: bool = False
    multiple: bool = False
    optional: bool = False
    calibration: bool = False
    order: str = ""
    every_row: bool = False
    refuses: frozenset[str] = frozenset()

    def takes(self, flags: Iterable[str]) -> bool:
        """Whether a dataset with some flags is an input."""
        return self.refuses.isdisjoint(flags)


@dataclass(frozen=True, slots=True)
class Output:
    """A named output.

    An output whose `dim` is the block's dim gets as many rows as its block has and is written in place by the
    worker. Any other is concatenated along `dim` in block order. Variables without `dim` are folded by
    `Task.combine`, or must be the same from every block.
    """

    name: str
    variables: tuple[Variable, ...]
    doc: str
    dim: str


@dataclass(frozen=True, slots=True)
class Block:
    """How a quantum is cut.

    Parameters
    ----------
    dim
        Dim of the sliced slots.
    length
        Rows to a block, a multiple of the shard length; the executor may choose another multiple.
    halo
        Rows given in addition on either side; the task returns only its own.
    every_s
        Instead of `length`: name of the config field with the cell length in seconds. Blocks are then whole cells of a
        grid anchored at 1970-01-01T00:00 UTC, never at block edges.
    """

    dim: str
    length: int = 65536
    halo: int = 0
    every_s: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one block needs: cores, and bytes of memory for each byte of input."""

    cores: int = 1
    memory_per_input_byte: float = 4.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a task's `run` is given.

    Parameters
    ----------
    datasets
        By slot name: a Dataset, or a tuple of them for a `multiple` slot, in order of data ID.
    data_ids
        Data IDs of the same.
    own
        Rows of the sliced slots that belong to this block; the rest is halo.
    start
        Number of the first own row among all that are handed over, block by block.
    numbers
        By slot, and for each of its datasets: numbers in the whole dataset, in the slot's order, of the rows that are
        here; empty where none is left out.
    marked
        By slot that gets every row, and for each of its datasets: whether a row's time is marked bad; empty where none
        is.
    """

    datasets: Mapping[str, Any]
    data_ids: Mapping[str, Any]
    own: slice = slice(None)
    start: int = 0
    numbers: Mapping[str, tuple[NDArray[np.int64], ...]] = field(default_factory=dict)
    marked: Mapping[str, tuple[NDArray[np.bool_], ...]] = field(default_factory=dict)

    def __getitem__(self, slot: str) -> Any:
        """Dataset of a slot, or tuple of datasets for a `multiple` slot."""
        return self.datasets[slot]

    def __contains__(self, slot: str) -> bool:
        """Whether an optional slot is filled."""
        return slot in self.datasets

    def data_id(self, slot: str) -> DataId:
        """Data ID of a slot's dataset."""
        return self.data_ids[slot]  # type: ignore[no-any-return]

    def in_dataset(self, slot: str, places: NDArray[np.int64], which: int = 0) -> NDArray[np.int64]:
        """Numbers in the whole dataset of rows of a sliced or `multiple` slot, given by their places in what is here.

        They differ from `start` and a place where rows before them are left out.
        """
        known = self.numbers.get(slot, ())
        if known:
            return known[which][places]
        return places if isinstance(self.datasets[slot], tuple) else places + self.start - (self.own.start or 0)


Run = Callable[[Inputs, Any], "Mapping[str, xr.Dataset]"]
Combine = Callable[["Mapping[str, list[xr.Dataset]]", Any], "Mapping[str, xr.Dataset]"]


@dataclass(frozen=True, slots=True)
class Task:
    """An algorithm with its declaration.

    Parameters
    ----------
    name
        `science.verb_noun`, the module below `hven.tasks`, e.g. ``frames.measure_pedestals``.
    version
        Changes whenever the result may change.
    doc
        What it does, in one sentence.
    inputs, outputs
        Named slots.
    dimensions
        Data ID keys of one quantum.
    config
        Class of the configuration.
    run
        ``run(inputs, config) -> {output name: Dataset}``, a function at module level.
    block
        How a quantum may be cut; None runs it in one piece.
    combine
        ``combine({output name: [parts without the output's dim]}, config) -> {output name: Dataset}``, in block order.
    resources
        What one block needs.
    """

    name: str
    version: str
    doc: str
    inputs: tuple[Slot, ...]
    outputs: tuple[Output, ...]
    dimensions: tuple[str, ...]
    config: type[Config]
    run: Run
    block: Block | None = None
    combine: Combine | None = None
    resources: Resources = Resources()

    def slot(self, name: str) -> Slot:
        """Input by name; raises KeyError."""
        return {s.name: s for s in self.inputs}[name]

    def output(self, name: str) -> Output:
        """Output by name; raises KeyError."""
        return {o.name: o for o in self.outputs}[name]
