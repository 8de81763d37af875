"""What an array or a column is: name, dims, dtype, units, meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from hven.core.errors import SchemaError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Variable:
    """Declaration of one variable of a dataset, or of one column of a table.

    Parameters
    ----------
    name
        Name in the dataset.
    dims
        Named dims, outermost first; empty for a scalar. In a task's slot a last ``"..."`` stands for any further dims.
    dtype
        NumPy name of the type on disk, e.g. ``"float32"``, ``"datetime64[ns]"``, ``"str"``. In a task's slot ``"any"``
        stands for any type.
    units
        UDUNITS text; ``"1"`` for a pure number, empty where units have no meaning (flags, names, times) or, in a task,
        follow from the data.
    doc
        What it is, in one sentence.
    flags
        For a bit field: meaning of each bit, e.g. ``{"quabo_missing": 1}``.
    optional
        May be absent.
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    units: str
    doc: str
    flags: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    optional: bool = False

    @property
    def attrs(self) -> dict[str, object]:
        """CF attributes of the variable: units, long_name and flag meanings."""
        attrs: dict[str, object] = {"long_name": self.doc.rstrip(".")}
        if self.units:
            attrs["units"] = self.units
        if self.flags:
            attrs["flag_masks"] = list(self.flags.values())
            attrs["flag_meanings"] = " ".join(self.flags)
        return attrs

    def differences(self, other: Variable) -> list[str]:
        """How another declaration differs in dims, dtype or units, in words; what either leaves open fits anything."""
        found = []
        if not (_same_dims(other.dims, self.dims) or _same_dims(self.dims, other.dims)):
            found.append(f"dims {other.dims}, expected {self.dims}")
        if "any" not in {self.dtype, other.dtype} and self.dtype != other.dtype:
            found.append(f"dtype {other.dtype}, expected {self.dtype}")
        if self.units and other.units and self.units != other.units:
            found.append(f"units {other.units!r}, expected {self.units!r}")
        return [f"{other.name}: {text}" for text in found]

    def mismatches(self, array: xr.DataArray | xr.Variable) -> list[str]:
        """How an array differs from the declaration (dims, dtype, units), in words; empty if it fits."""
        found = []
        if not _same_dims(array.dims, self.dims):
            found.append(f"dims {array.dims}, expected {self.dims}")
        if not _same_dtype(array.dtype, self.dtype):
            found.append(f"dtype {array.dtype}, expected {self.dtype}")
        if self.units and array.attrs.get("units", self.units) != self.units:
            found.append(f"units {array.attrs['units']!r}, expected {self.units!r}")
        return found


def _same_dims(dims: tuple[object, ...], expected: tuple[str, ...]) -> bool:
    if expected and expected[-1] == "...":
        return dims[: len(expected) - 1] == expected[:-1]
    return dims == expected


def _same_dtype(dtype: np.dtype[np.generic], expected: str) -> bool:
    if expected == "any":
        return True
    if expected == "str":
        return dtype.kind in "UOT" or "string" in str(dtype).lower() or str(dtype) == "str"
    import numpy as np

    return dtype == np.dtype(expected)


def check(dataset: xr.Dataset, variables: Iterable[Variable], *, what: str) -> None:
    """Compare a dataset with declarations.

    Parameters
    ----------
    dataset
        In memory or lazy.
    variables
        What must be there; more may be there.
    what
        Name of the dataset, for the message.

    Raises
    ------
    SchemaError
        Names every missing variable and every mismatch.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> image = Variable("image", ("y", "x"), "float32", "adu", "Picture.")
    >>> check(xr.Dataset({"image": (("x", "y"), np.zeros((2, 2), "f4"))}), [image], what="demo")
    Traceback (most recent call last):
    hven.core.errors.SchemaError: demo does not fit its declaration: image: dims ('x', 'y'), expected ('y', 'x')
    """
    problems = []
    for variable in variables:
        if variable.name not in dataset.variables:
            if not variable.optional:
                problems.append(f"{variable.name} is missing")
            continue
        problems += [f"{variable.name}: {text}" for text in variable.mismatches(dataset.variables[variable.name])]
    if problems:
        raise SchemaError(f"{what} does not fit its declaration: {'; '.join(problems)}")
