"""Write an array product from its first row to its last, chunk by chunk as rows come.

What `arrays.write_rows` writes shard by shard, for one writer that has all rows in order: no shard is ever held
in memory.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hven.core.errors import SchemaError
from hven.store import arrays, overviews
from hven.store.opened import open_arrays
from hven.store.shard_files import ShardFiles

if TYPE_CHECKING:
    import xarray as xr

_COMPRESSORS = 2


class RowWriter:
    """Takes the rows of a product that was laid out by `arrays.create`, in order.

    Parameters
    ----------
    folder
        Version folder that is being written.
    """

    def __init__(self, folder: Path) -> None:
        head = arrays.head(folder)
        self._folder = folder
        self._dim: str = head["hven_row_dim"]
        self._shard: int = head["hven_shard_rows"]
        self._overviews: list[str] = head["hven_overviews"]
        self._row = 0
        self._pool = ThreadPoolExecutor(_COMPRESSORS)
        self._files: dict[str, ShardFiles] = {}
        self._thin: dict[str, list[np.ndarray[Any, Any]]] = {}
        self._cells: list[overviews.Cells] = []
        for name, array in open_arrays(folder / arrays.DATA).items():
            if self._dim in (array.metadata.dimension_names or ()):  # type: ignore[union-attr]
                self._rows = array.shape[0]
                self._files[name] = ShardFiles(folder / arrays.DATA / name, array, self._pool.map)
                if not array.shards or array.chunks[0] == self._shard:
                    self._thin[name] = []

    @property
    def chunk_rows(self) -> int:
        """Rows in the longest chunk: blocks are multiples of it."""
        return max((file.chunk for name, file in self._files.items() if name not in self._thin), default=1)

    def write(self, rows: xr.Dataset) -> None:
        """Add rows: whole chunks of every variable, and no more than are left of the shard.

        Raises
        ------
        SchemaError
            When they are not.
        """
        stop = self._row + rows.sizes[self._dim]
        end = min(self._row - self._row % self._shard + self._shard, self._rows)
        if stop > end or (stop < end and stop % overviews.BASE):
            raise SchemaError(f"rows {self._row} to {stop} of {self._rows} are not whole chunks of one shard")
        stored = {n: arrays.stored(rows.variables[n].values) for n in self._files}
        for name, values in stored.items():
            if name in self._thin:
                self._thin[name].append(values)
            else:
                self._files[name].write(self._row, values)
        self._cells += [overviews.reduce_part({n: stored[n] for n in self._overviews})] if self._overviews else []
        self._row = stop
        if stop == end:
            self._end_shard()

    def _end_shard(self) -> None:
        start = (self._row - 1) // self._shard * self._shard
        if self._cells:
            overviews.keep_part(self._folder, start, self._cells)
            self._cells.clear()
        for name, pieces in self._thin.items():
            self._files[name].write(start, np.concatenate(pieces))
            pieces.clear()
        for file in self._files.values():
            if self._row % file.shard == 0 or self._row == self._rows:
                file.finish()

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close what is open; raises SchemaError when rows were never written."""
        self._pool.shutdown()
        for file in self._files.values():
            file.close()
        if kind is None and self._row < self._rows:
            raise SchemaError(f"rows {self._row} to {self._rows} were never written")
