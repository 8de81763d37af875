"""Put the outputs of blocks together, in block order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import xarray as xr

from hven.core.errors import SchemaError

if TYPE_CHECKING:
    from hven.model.task import Config, Task

Outputs = Mapping[str, xr.Dataset]


def fold(task: Task, config: Config, blocks: Sequence[Outputs]) -> dict[str, xr.Dataset]:
    """Outputs of a quantum: rows joined in block order, the rest combined by the task or equal in all blocks.

    Rows that workers wrote in place are not there any more and do not count. What one block alone gave is whole.

    Raises
    ------
    SchemaError
        When some blocks give an output and some do not, or what must be equal differs.
    """
    names = [o.name for o in task.outputs if any(o.name in block for block in blocks)]
    for name in names:
        if not all(name in block for block in blocks):
            raise SchemaError(f"{task.name} gave output {name} for some blocks only")
    if len(blocks) == 1 and not task.combine:
        return {name: blocks[0][name] for name in names}
    parts = {name: [block[name] for block in blocks] for name in names}
    rest = {name: [_without(part, task.output(name).dim) for part in parts[name]] for name in names}
    combined = task.combine(rest, config) if task.combine else {n: _equal(task, n, rest[n]) for n in names}
    return {name: _joined(combined[name], parts[name], task.output(name).dim) for name in names}


def _without(part: xr.Dataset, dim: str) -> xr.Dataset:
    return part.drop_dims(dim) if dim in part.dims else part


def _equal(task: Task, name: str, parts: list[xr.Dataset]) -> xr.Dataset:
    for part in parts[1:]:
        if not part.identical(parts[0]):
            raise SchemaError(
                f"{task.name}: what output {name} holds beside its rows differs from block to block",
                hint="Give the task a `combine`.",
            )
    return parts[0]


def _joined(rest: xr.Dataset, parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    """Rows of all parts, after those that `combine` made, variable by variable: indexes and alignment play no part."""
    names = [n for n, v in parts[0].variables.items() if dim in v.dims]
    if dim in rest.dims:
        parts, rest = [rest[names], *parts], rest.drop_dims(dim)
    rows = {n: _joined_rows([p.variables[n].to_base_variable() for p in parts], dim) for n in names}
    coords = {n: v for n, v in rows.items() if n in parts[0].coords}
    coords |= {n: v.to_base_variable() for n, v in rest.coords.variables.items()}
    variables = {**{n: v for n, v in rows.items() if n not in coords}, **rest.data_vars.variables}
    return xr.Dataset(variables, xr.Coordinates(coords, indexes={}), rest.attrs)


def _joined_rows(parts: list[xr.Variable], dim: str) -> xr.Variable:
    return parts[0] if len(parts) == 1 else xr.Variable.concat(parts, dim)  # type: ignore[no-untyped-call]  # no types
