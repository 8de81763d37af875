"""The contract of a raw format: subclass it, give it fixtures `form`, `declared` and `paths`, and pytest runs it."""

from __future__ import annotations

from collections.abc import Buffer, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

from hven.core.errors import FormatError
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Format


class FormatContract:
    """What every format must hold.

    A subclass gives the fixtures `form` (the format), `declared` (its L0 dataset type) and `paths` (whole raw files,
    one sequence, in a folder that may be written to, at least three rows in the first). `broken` is a row of the first
    file, counted from its end where negative, and a byte of it that belongs to what stands before the pixels or
    numbers.
    """

    broken: ClassVar[tuple[int, int]] = (-1, 40)

    @pytest.fixture
    def dataset(self, form: Format, paths: Sequence[Path]) -> xr.Dataset:
        """All rows."""
        return form.read(paths, 0, form.inspect(paths).rows)

    def test_whole_files_are_not_partial_and_begin_where_the_inspection_says(
        self, form: Format, paths: Sequence[Path]
    ) -> None:
        """Rows of each file alone add up to those of the sequence."""
        found = form.inspect(paths)
        rows = [form.inspect([path]).rows for path in paths]
        assert not found.partial
        assert (found.rows, list(found.row_offsets)) == (sum(rows), np.cumsum([0, *rows[:-1]]).tolist())

    def test_rows_fit_their_declaration(self, declared: DatasetType, dataset: xr.Dataset) -> None:
        """Variables, dims and dtypes are as declared, times are UTC."""
        declared.check(dataset)
        assert dataset["time"].attrs["scale"] == "utc"

    def test_raw_bytes_come_back(self, form: Format, paths: Sequence[Path], dataset: xr.Dataset) -> None:
        """L0 is faithful: encoding all rows gives all files."""
        encoded = form.encode(dataset.assign_attrs(form.attrs(paths, {})))
        assert b"".join(encoded) == b"".join(path.read_bytes() for path in paths)

    def test_parts_are_those_of_the_whole(self, form: Format, paths: Sequence[Path], dataset: xr.Dataset) -> None:
        """A block reads what the whole holds, wherever it is cut."""
        rows = dataset.sizes["time"]
        for start, stop in ((0, 1), (1, rows - 1), (rows // 2, rows), (rows, rows)):
            xr.testing.assert_identical(form.read(paths, start, stop), dataset.isel(time=slice(start, stop)))

    def test_a_cut_last_row_is_left_out_and_said(self, form: Format, paths: Sequence[Path]) -> None:
        """A file that is being written, or was cut, gives its whole rows."""
        whole = form.inspect(paths[:1])
        content = paths[0].read_bytes()
        paths[0].chmod(0o600)
        paths[0].write_bytes(content[:-1])
        cut = form.inspect(paths[:1])
        assert cut.partial
        assert cut.rows == whole.rows - 1
        assert form.read(paths[:1], 0, cut.rows).sizes["time"] == cut.rows

    def test_a_broken_row_is_named(self, form: Format, paths: Sequence[Path]) -> None:
        """A byte that cannot be there is an error that names file, row and byte, never garbage."""
        last = range(form.inspect(paths[:1]).rows)[self.broken[0]]
        content = bytearray(paths[0].read_bytes())
        begin = sum(memoryview(part).nbytes for part in _rows(form, paths[:1], last))
        content[begin + self.broken[1]] = 0xFF
        paths[0].chmod(0o600)
        paths[0].write_bytes(bytes(content))
        with pytest.raises(FormatError) as caught:
            form.inspect(paths[:1])
        assert (caught.value.path, caught.value.frame) == (paths[0], last)
        assert caught.value.offset is not None


def _rows(form: Format, paths: Sequence[Path], stop: int) -> list[Buffer]:
    return list(form.encode(form.read(paths, 0, stop).assign_attrs(form.attrs(paths, {}))))
