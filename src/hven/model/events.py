"""Shared variables of event tables: pulses, showers, coincidences, metrics."""

from __future__ import annotations

from hven.model.variable import Variable

_E = ("event",)
_R = ("row",)

TIME = Variable("time", _E, "datetime64[ns]", "", "Time of the event, UTC.")
DETECTOR = Variable("detector", _E, "int32", "", "Detector that saw it.")
FRAME = Variable("frame", _E, "int64", "1", "Row of the frame in its dataset, in time order.")

PULSES = (
    TIME,
    FRAME,
    Variable("y", _E, "int16", "1", "Pixel row."),
    Variable("x", _E, "int16", "1", "Pixel column."),
    Variable("level", _E, "int16", "1", "Length of the pulse: 2 to this power frames."),
    Variable("amplitude", _E, "float32", "", "Sum over the pulse minus the background of as many frames."),
    Variable("nsigma", _E, "float32", "1", "Significance in normal deviations, from the likelihood ratio."),
    Variable("duration", _E, "float64", "s", "Length of the pulse."),
    DETECTOR,
)
"""One row for each pulse in a pixel; `time` and `frame` are its begin."""

PULSE_COINCIDENCES = (
    TIME,
    Variable("y", _E, "int16", "1", "Pixel row in the first detector."),
    Variable("x", _E, "int16", "1", "Pixel column in the first detector."),
    Variable("ra", _E, "float64", "deg", "Right ascension of that pixel; NaN where the pointing is not known."),
    Variable("dec", _E, "float64", "deg", "Declination of that pixel; NaN where the pointing is not known."),
    Variable("level", _E, "int16", "1", "Longer of the two pulses: 2 to this power frames."),
    Variable("duration", _E, "float64", "s", "Longer of the two pulses."),
    Variable("dt", _E, "int64", "ns", "Begin in the second detector minus begin in the first."),
    Variable("nsigma", _E, "float32", "1", "Joint significance, sum of the two over root two."),
    Variable("detector_1", _E, "int32", "", "First detector."),
    Variable("detector_2", _E, "int32", "", "Second detector."),
    Variable("nsigma_1", _E, "float32", "1", "Significance in the first detector."),
    Variable("nsigma_2", _E, "float32", "1", "Significance in the second detector."),
)
"""One row for each pulse seen by two detectors."""

SHOWERS = (
    TIME,
    FRAME,
    Variable("size", _E, "float64", "", "Sum of the signal of the cleaned pixels."),
    Variable("cog_x", _E, "float64", "deg", "Centre of gravity along columns, from the camera's centre."),
    Variable("cog_y", _E, "float64", "deg", "Centre of gravity along rows, from the camera's centre."),
    Variable("length", _E, "float64", "deg", "Root of the larger eigenvalue of the weighted covariance."),
    Variable("width", _E, "float64", "deg", "Root of the smaller eigenvalue of the weighted covariance."),
    Variable("psi", _E, "float64", "rad", "Angle of the long axis from x towards y, above -pi/2 up to pi/2."),
    Variable("n_pixels", _E, "int32", "1", "Pixels left by the cleaning."),
    Variable("leakage", _E, "float64", "1", "Part of the size in the outermost ring of pixels."),
    Variable("concentration", _E, "float64", "1", "Part of the size in the brightest pixel."),
    DETECTOR,
)
"""One row for each frame with a cleaned image."""

COINCIDENCES = (
    TIME,
    Variable("group", _E, "int64", "1", "Number of the coincidence."),
    DETECTOR,
    Variable("product", _E, "str", "", "Data product of the detector that holds the frame, e.g. ph1024."),
    FRAME,
    Variable("dt", _E, "int64", "ns", "Time since the first event of the coincidence."),
    Variable("multiplicity", _E, "int32", "1", "Detectors in the coincidence."),
)
"""One row for each event of a coincidence."""

METRICS = (
    Variable("metric", _R, "str", "", "Name of the metric."),
    Variable("unit", _R, "str", "", "Its unit."),
    Variable("begin", _R, "datetime64[ns]", "", "Begin of the time it was evaluated for, UTC."),
    Variable("end", _R, "datetime64[ns]", "", "End of the time it was evaluated for, UTC."),
    Variable("grain", _R, "str", "", "hour or observation."),
    Variable("value", _R, "float64", "", "Value; NaN when it cannot be told."),
)
"""One row for each metric and time."""
