"""Dataset types of MAGIS: images of drops (L0), darks and densities (L1), and what is measured (L2)."""

from __future__ import annotations

from dataclasses import replace

from hven.model import frames, fringes
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.events import METRICS
from hven.model.feedback import FEEDBACK
from hven.model.variable import Variable

_SERIES = ("instrument", "day_obs", "observation")
_CAMERA = (*_SERIES, "detector")

_RECORDED = (
    replace(fringes.IMAGES, dtype="uint16"),
    fringes.TIME,
    fringes.EXPOSURE,
    fringes.FLIGHT,
    fringes.KIND,
    Variable("camera", ("time",), "int64", "1", "Number of the camera as recorded."),
    Variable("container", ("time", "container_byte"), "uint8", "", "The file around the pixels.", optional=True),
    Variable("container_before", ("time",), "int64", "byte", "Of the file before the pixels.", optional=True),
    Variable("container_after", ("time",), "int64", "byte", "Of the file after the pixels.", optional=True),
)
"""What a camera records; the container is kept where it is TIFF or HDF5."""

IMAGES = DatasetType(
    name="magis.images",
    level=Level.L0,
    form="array",
    keys=_CAMERA,
    variables=_RECORDED,
    doc="Images of the glowing clouds of a series as one camera recorded them.",
)

SHADOWS = DatasetType(
    name="magis.shadows",
    level=Level.L0,
    form="array",
    keys=_CAMERA,
    variables=_RECORDED,
    doc="Images of a series in probe light as one camera recorded them: with atoms, without them, and dark.",
)


def _pedestals(raw: DatasetType) -> DatasetType:
    return DatasetType(
        name=f"{raw.name}.pedestals",
        level=Level.L1,
        form="array",
        keys=_CAMERA,
        variables=_in_counts(frames.PEDESTAL_VARIABLES),
        doc="Pedestal, noise and block statistics of each pixel in images without light, in cells of 10 s.",
        row_dim="cell",
        coordinates=("begin", "end"),
    )


def _dark(raw: DatasetType) -> DatasetType:
    return DatasetType(
        name=f"{raw.name}.dark",
        level=Level.L1,
        form="array",
        keys=("instrument", "detector"),
        variables=_in_counts(
            (frames.BEGIN, frames.END, frames.DARK, frames.DARK_NOISE, frames.DARK_ERROR, frames.DARK_COUNT)
        ),
        doc="Pedestal and noise of each pixel without light; a calibration with a validity range.",
        row_dim="y",
        coordinates=("begin", "end"),
    )


def _verification(raw: DatasetType) -> DatasetType:
    return DatasetType(
        name=f"{raw.name}.dark.qc",
        level=Level.L2,
        form="table",
        keys=("instrument", "detector"),
        variables=METRICS,
        doc="How well a dark fits images that were not used to make it.",
        row_dim="row",
        coordinates=(),
    )


def _in_counts(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """Values of pixels in counts."""
    return tuple(
        replace(v, units="count") if v.dims[-2:] == ("y", "x") and not v.units and v.dtype == "float32" else v
        for v in variables
    )


DARKS = tuple(made(raw) for raw in (IMAGES, SHADOWS) for made in (_pedestals, _dark, _verification))
"""Images without light, and what is certified of them."""

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

PICTURES = DatasetType(
    name="magis.pictures",
    level=Level.L2,
    form="array",
    keys=_CAMERA,
    variables=fringes.PICTURES,
    doc="Small pictures of drops with what was fitted, as pages show the last one.",
)

CORRECTIONS = DatasetType(
    name="magis.corrections",
    level=Level.L2,
    form="table",
    keys=_CAMERA,
    variables=FEEDBACK,
    doc="What each drop said back to the lasers and the drop system.",
    row_dim="row",
    coordinates=(),
)

DENSITIES = DatasetType(
    name="magis.densities",
    level=Level.L1,
    form="array",
    keys=_CAMERA,
    variables=fringes.DENSITIES,
    doc="Optical density of the drops whose shadow a camera saw, without the fringes of the probe.",
)

CLOUDS = DatasetType(
    name="magis.clouds",
    level=Level.L2,
    form="table",
    keys=_CAMERA,
    variables=fringes.CLOUDS,
    doc="Atoms, places and widths of the drops whose shadow a camera saw.",
)

CEILINGS = DatasetType(
    name="magis.ceilings",
    level=Level.L2,
    form="table",
    keys=_CAMERA,
    variables=fringes.CEILINGS,
    doc="Atoms of each drop by the density above which pixels are left out: how sure their number is.",
    row_dim="row",
    coordinates=(),
)

DATASET_TYPES = (IMAGES, SHADOWS, *DARKS, DROPS, SERIES, PICTURES, CORRECTIONS, DENSITIES, CLOUDS, CEILINGS)
"""All of them."""
