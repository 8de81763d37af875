"""Records that devices report as texts, as rows of numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import DataError

Numbers = Mapping[str, float]
"""By variable; what a record does not tell is not-a-number."""


def rows_of(records: xr.Dataset, known: Callable[[str], bool]) -> list[int]:
    """Rows of `records` that come from devices whose name is known."""
    return [row for row, device in enumerate(records["device"].values) if known(str(device))]


def tabulate(
    records: xr.Dataset,
    rows: Sequence[int],
    names: Sequence[str],
    read: Callable[[str, Mapping[str, str]], Numbers],
    **columns: np.ndarray[Any, Any],
) -> xr.Dataset:
    """Numbers of some records.

    Parameters
    ----------
    records
        Texts `device` and `fields` (a JSON object) of dims (time,).
    rows
        Which of them.
    names
        Variables of the result, float32 of dims (time,).
    read
        Numbers in the fields of a device.
    columns
        More variables of the result, one value for each row.

    Raises
    ------
    DataError
        Names the row whose text is no JSON object or whose field is no number.
    """
    devices, texts = records["device"].values, records["fields"].values
    numbers = np.full((len(rows), len(names)), np.nan, np.float32)
    for place, row in enumerate(rows):
        try:
            found = read(str(devices[row]), json.loads(str(texts[row])))
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(f"housekeeping row {row}: {error}") from None
        numbers[place] = [found.get(name, np.nan) for name in names]
    values = {"device": devices[rows], **columns, **dict(zip(names, numbers.T, strict=True))}
    time = {"time": ("time", records["time"].values[rows])}
    return xr.Dataset({k: ("time", v) for k, v in values.items()}, time, records.attrs)
