"""The last picture of each kind, for pages that show what is being taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hven.store.staging import make_part_file
from hven.store.version import new_version

if TYPE_CHECKING:
    import xarray as xr


def write_picture(path: Path, picture: xr.Dataset) -> None:
    """Replace a picture; its variables have no time dim any more."""
    part, descriptor = make_part_file(path.parent, new_version())
    with open(descriptor, "wb", closefd=True) as file:  # noqa: PTH123 - a descriptor
        np.savez(file, **{str(n): v.values for n, v in picture.variables.items()})  # type: ignore[arg-type]
        part.replace(path)


def read_picture(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of a picture by name; empty where there is none."""
    try:
        with np.load(path) as found:
            return {name: found[name] for name in found.files}
    except FileNotFoundError:
        return {}
