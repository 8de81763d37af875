"""What can be saved as a product, asked before anything is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from pydantic_core import PydanticSerializationError, to_json

from hven.core.errors import ConfigurationError
from hven.store.arrays import plain

PRODUCT_NAME = re.compile(r"[a-z0-9][\w.-]{0,99}", re.IGNORECASE | re.ASCII)
OWN_ATTRS = "hven_"
"""How attributes begin that hven sets itself; they are not saved."""

_NO_ARRAYS = {"", ".", "..", "zarr.json"}
_LONGEST_NAME = 200
_WIDEST = 8
_REMEDIES = {
    "c": "Save its real and imaginary parts: {0}.real and {0}.imag as two variables.",
    "M": "Convert it: dataset['{0}'].astype('datetime64[ns]').",
    "V": "Save each of its fields as a variable.",
}
_REMEDY = "Convert it to a plain type with dataset['{0}'].astype(...), e.g. float64, int64 or str."


def check(dataset: object, notes: Mapping[str, Any]) -> None:
    """Refuse what cannot be stored.

    Raises
    ------
    ConfigurationError
        Names the variable or the attribute, and says what to do about it.
    """
    if not isinstance(dataset, xr.Dataset):
        hint = "Give it a name: obs.save(array.to_dataset(name='signal'), ...)."
        what = f"a {type(dataset).__name__} cannot be saved, only a Dataset"
        raise ConfigurationError(what, hint=hint if isinstance(dataset, xr.DataArray) else "Make an xarray.Dataset.")
    for name, variable in dataset.variables.items():
        _check_name(name)
        _check_dtype(str(name), variable.dtype)
        _check_attrs(f"of variable {name!r}", variable.attrs)
    _check_attrs("of the dataset", {n: v for n, v in dataset.attrs.items() if not str(n).startswith(OWN_ATTRS)})
    _check_notes(notes)


def _check_name(name: object) -> None:
    """A variable is a folder of its name."""
    usable = isinstance(name, str) and name not in _NO_ARRAYS and len(name.encode()) <= _LONGEST_NAME
    if not usable or re.search(r"[/\\\0]", str(name)):
        raise ConfigurationError(
            f"{name!r} cannot name a variable",
            hint=f"Rename it: dataset.rename({{{name!r}: 'other_name'}}); a name is text without slashes.",
        )


def _check_dtype(name: str, dtype: Any) -> None:
    if isinstance(dtype, np.dtype):
        number = dtype.kind in "biuf" and dtype.itemsize <= _WIDEST and dtype.isnative
        if number or dtype.kind in "mUOTS" or dtype == np.dtype("datetime64[ns]"):
            return
    elif "str" in str(dtype):
        return
    remedy = _REMEDIES.get(dtype.kind, _REMEDY).format(name)
    raise ConfigurationError(f"variable {name!r} has dtype {dtype}, which cannot be stored", hint=remedy)


def _check_attrs(whose: str, attrs: Mapping[Any, Any]) -> None:
    for name, value in attrs.items():
        try:
            plain({name: value})
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"attribute {name!r} {whose} cannot be written as JSON: it is a {type(value).__name__}",
                hint="Use text, numbers, or lists and dicts of these: e.g. str(value).",
            ) from None


def _check_notes(notes: Mapping[str, Any]) -> None:
    for name, value in notes.items():
        try:
            json.loads(to_json({name: value}))
        except (PydanticSerializationError, ValueError):
            raise ConfigurationError(
                f"note {name!r} cannot be written as JSON: it is a {type(value).__name__}",
                hint="Use text, numbers, or lists and dicts of these: e.g. float(value), value.tolist().",
            ) from None
