"""Dataset types of what is made from raw PANOSETI data (L1 and L2)."""

from __future__ import annotations

from dataclasses import replace

from hven.instruments.panoseti.products import PRODUCTS, DataProduct
from hven.model import events, frames, housekeeping
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable

_RUN_KEYS = ("instrument", "day_obs", "observation")
_KEYS = (*_RUN_KEYS, "detector")
_FOR_DETECTOR = ("instrument", "detector")
_IN_IMAGE_UNITS = {
    *("signal", "frame_mean", "brightness", "pedestal", "noise", "pedestal_error", "noise_error", "size", "amplitude"),
    *("mean", "deviation", "excess_variance", "minimum", "maximum"),
}


def _with_units(variables: tuple[Variable, ...], units: str) -> tuple[Variable, ...]:
    return tuple(replace(v, units=units) if v.name in _IN_IMAGE_UNITS else v for v in variables)


def _signal(product: DataProduct) -> DatasetType:
    f = frames
    header = (
        (f.SPREAD, f.LOST_PACKETS, replace(f.QUABO_VALID, dims=("time", "quabo")))
        if product.whole_module
        else (replace(f.QUABO, dtype="uint8", units="1"), replace(f.PKT_NUM, dims=("time",), dtype="uint32"))
    )
    maps = (f.BEGIN, f.END, f.PEDESTAL, f.NOISE, f.POOLED, f.PIXEL_MASK, f.GAIN)
    own = (f.TIME, f.SIGNAL, f.QUALITY, f.FRAME_MEAN, f.BRIGHTNESS, f.HOST_LAG, f.TAI_OFFSET, *header, *maps)
    what = "" if product.whole_module else " Each is placed into the whole module; the other quadrants are NaN."
    return DatasetType(
        name=f"panoseti.{product.name}",
        level=Level.L1,
        form="array",
        keys=_KEYS,
        variables=_with_units(own, product.units),
        doc=f"Calibrated frames in time order, pedestal subtracted, not thresholded, with quality bits.{what}",
        schema=(("1.1", "Overviews of the signal."), ("1.0", "First version.")),
        coordinates=("time", "begin", "end"),
        overviews=("signal", "frame_mean", "brightness"),
    )


def _pedestals(product: DataProduct) -> DatasetType:
    seconds = 60 if product.name.startswith("img") else 300
    return DatasetType(
        name=f"panoseti.{product.name}.pedestals",
        level=Level.L1,
        form="array",
        keys=_KEYS,
        variables=_with_units(frames.PEDESTAL_VARIABLES, product.units),
        doc=f"Pedestal, noise and block statistics of each pixel in cells of {seconds} s.",
        schema=(("1.1", "Skewness."), ("1.0", "First version.")),
        row_dim="cell",
        coordinates=("begin", "end"),
    )


def _dark(product: DataProduct) -> DatasetType:
    return DatasetType(
        name=f"panoseti.{product.name}.dark",
        level=Level.L1,
        form="array",
        keys=_FOR_DETECTOR,
        variables=_with_units(
            (frames.BEGIN, frames.END, frames.DARK, frames.DARK_NOISE, frames.DARK_ERROR, frames.DARK_COUNT),
            product.units,
        ),
        doc="Pedestal and noise of each pixel without light; a calibration with a validity range.",
        row_dim="y",
        coordinates=("begin", "end"),
    )


def _response(name: str, what: str) -> DatasetType:
    return DatasetType(
        name=f"panoseti.{name}",
        level=Level.L1,
        form="array",
        keys=_FOR_DETECTOR,
        variables=(*(replace(x, optional=True) for x in (frames.BEGIN, frames.END)), frames.GAIN, frames.GAIN_ERROR),
        doc=f"Relative response of each pixel {what}; a calibration with a validity range.",
        schema=(("1.1", "Error, and the cells from which it was made."), ("1.0", "First version.")),
        row_dim="y",
        coordinates=("begin", "end"),
    )


def _verification(calibration: DatasetType) -> DatasetType:
    return DatasetType(
        name=f"{calibration.name}.qc",
        level=Level.L2,
        form="table",
        keys=_FOR_DETECTOR,
        variables=events.METRICS,
        doc="How well the calibration fits frames that were not used to make it.",
        row_dim="row",
        coordinates=(),
    )


def _metrics(product: DataProduct) -> DatasetType:
    return DatasetType(
        name=f"panoseti.{product.name}.qc",
        level=Level.L2,
        form="table",
        keys=_KEYS,
        variables=events.METRICS,
        doc="Quality metrics of an observation and of each of its hours.",
        row_dim="row",
        coordinates=(),
    )


def _table(name: str, variables: tuple[Variable, ...], units: str, doc: str, keys: tuple[str, ...]) -> DatasetType:
    return DatasetType(
        name=f"panoseti.{name}",
        level=Level.L2,
        form="table",
        keys=keys,
        variables=_with_units(variables, units),
        doc=doc,
        row_dim="event",
    )


HOUSEKEEPING = DatasetType(
    name="panoseti.housekeeping",
    level=Level.L1,
    form="table",
    keys=_RUN_KEYS,
    variables=housekeeping.VARIABLES,
    doc="Voltages, currents and temperatures of the quabos, with units; a broken sensor is NaN.",
)
CLOCKS = DatasetType(
    name="panoseti.clocks",
    level=Level.L1,
    form="table",
    keys=_RUN_KEYS,
    variables=housekeeping.CLOCKS,
    doc="State of the White Rabbit switch and the GPS receiver, which all telescopes follow.",
)
DARKS = tuple(_dark(product) for product in PRODUCTS.values())
FLAT = _response("flat", "in images")
GAIN = _response("gain", "in pulse heights")
CALIBRATIONS = (*DARKS, FLAT, GAIN)
PULSES = _table("pulses", events.PULSES, "count", "Candidates for optical pulses, one telescope at a time.", _KEYS)
SUMS = DatasetType(
    name="panoseti.sums",
    level=Level.L1,
    form="array",
    keys=_KEYS,
    variables=(frames.BEGIN, replace(frames.SUMS, units="count"), frames.LIVE, frames.SUMMED, frames.FIRST),
    doc="Sums of 1024 images each, in which long pulses are searched.",
    schema=(("1.1", "Live time; sums are scaled to it."), ("1.0", "First version.")),
    row_dim="cell",
    coordinates=("begin",),
)
LONG_PULSES = _table(
    "long_pulses",
    events.PULSES,
    "count",
    "Candidates for pulses of 2048 frames and more, one telescope at a time.",
    _KEYS,
)
PULSE_COINCIDENCES, LONG_PULSE_COINCIDENCES = (
    replace(
        _table(
            name,
            events.PULSE_COINCIDENCES,
            "",
            f"{what} seen by two telescopes at the same time at the same place of the sky.",
            _RUN_KEYS,
        ),
        schema=(("1.1", "Right ascension and declination."), ("1.0", "First version.")),
    )
    for name, what in (
        ("pulse_coincidences", "Optical pulses"),
        ("long_pulse_coincidences", "Optical pulses of 2048 frames and more"),
    )
)
SHOWERS = _table("showers", events.SHOWERS, "adu", "Cleaned images of Cherenkov showers, as moments.", _KEYS)
COINCIDENCES = replace(
    _table(
        "coincidences", events.COINCIDENCES, "", "Pulse-height events that telescopes saw at the same time.", _RUN_KEYS
    ),
    schema=(("1.1", "Data product of each event."), ("1.0", "First version.")),
)

PRODUCT_TYPES = (
    *(_signal(p) for p in PRODUCTS.values()),
    *(_pedestals(p) for p in PRODUCTS.values()),
    HOUSEKEEPING,
    CLOCKS,
    *CALIBRATIONS,
    PULSES,
    SUMS,
    LONG_PULSES,
    PULSE_COINCIDENCES,
    LONG_PULSE_COINCIDENCES,
    SHOWERS,
    COINCIDENCES,
    *(_metrics(p) for p in PRODUCTS.values()),
    *map(_verification, CALIBRATIONS),
)
"""All L1 and L2 dataset types."""
