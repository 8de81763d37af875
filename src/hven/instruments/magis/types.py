"""Dataset types of MAGIS: images of drops (L0), and what is measured on them (L2)."""

from __future__ import annotations

from dataclasses import replace

from hven.model import fringes
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable

_SERIES = ("instrument", "day_obs", "observation")
_CAMERA = (*_SERIES, "detector")

IMAGES = DatasetType(
    name="magis.images",
    level=Level.L0,
    form="array",
    keys=_CAMERA,
    variables=(
        replace(fringes.IMAGES, dtype="uint16"),
        fringes.TIME,
        fringes.EXPOSURE,
        fringes.FLIGHT,
        Variable("flight_ns", ("time",), "int64", "ns", "Time of flight as recorded."),
        Variable("camera", ("time",), "int64", "1", "Number of the camera as recorded."),
    ),
    doc="Images of the drops of a series as one camera recorded them.",
    schema=(("1.0", "First version."),),
)

DROPS = DatasetType(
    name="magis.drops",
    level=Level.L2,
    form="table",
    keys=_CAMERA,
    variables=fringes.DROPS,
    doc="Atoms, places, widths, phase and contrast of each drop that a camera saw.",
)

SERIES = DatasetType(
    name="magis.series",
    level=Level.L2,
    form="table",
    keys=_SERIES,
    variables=fringes.SERIES,
    doc="Temperature and differential phases of a series, one row for each camera.",
    row_dim="row",
    coordinates=(),
)

DATASET_TYPES = (IMAGES, DROPS, SERIES)
"""All of them."""
