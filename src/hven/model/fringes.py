"""Shared variables of atom interferometer data: images of drops, and what is measured on them."""

from __future__ import annotations

from hven.model.variable import Variable

_T = ("time",)
_P = ("time", "port")
_R = ("row",)

TIME = Variable("time", _T, "datetime64[ns]", "", "UTC time of the exposure.")
EXPOSURE = Variable("exposure", _T, "int64", "1", "Number of the drop in its series.")
FLIGHT = Variable("flight", _T, "float64", "s", "Time of flight from release to exposure.")
KIND = Variable("kind", _T, "int64", "", "Shown: 0 glowing cloud, 1 probe light with atoms, 2 without, 3 no light.")
NO_LIGHT = 3
"""The `kind` of images without light."""

DARK = "dark"
"""Flag of datasets all of whose images are without light."""

IMAGES = Variable("images", ("time", "y", "x"), "any", "count", "Images as recorded.")

QUALITY_FLAGS = {"no_cloud": 1, "saturated": 2, "bad_fit": 4, "missing_port": 8}
QUALITY = Variable("quality", _T, "uint16", "", "What is wrong with the drop; 0 is good.", flags=QUALITY_FLAGS)


def _port(name: str, units: str, doc: str) -> tuple[Variable, ...]:
    """A column for each of the two ports, and its standard error."""
    ports = (("1", "first"), ("2", "second"))
    return tuple(
        Variable(f"{name}_{number}{suffix}", _T, "float64", units, f"{what} the {word} port.")
        for number, word in ports
        for suffix, what in (("", f"{doc} of"), ("_error", f"Standard error of {doc[0].lower()}{doc[1:]} of"))
    )


DROPS = (
    TIME,
    EXPOSURE,
    FLIGHT,
    QUALITY,
    *_port("atoms", "1", "Number of atoms"),
    *_port("x", "m", "Place along the columns, from the image's first pixel,"),
    *_port("y", "m", "Place along the rows, from the image's first pixel,"),
    *_port("width_x", "m", "Standard deviation along the columns"),
    *_port("width_y", "m", "Standard deviation along the rows"),
    Variable("atoms_limit", _T, "float64", "1", "Upper limit (95 %) of the atoms of ports without a cloud."),
    Variable("population", _T, "float64", "1", "Part of the atoms in the second port."),
    Variable("population_error", _T, "float64", "1", "Standard error of the population."),
    Variable("phase", _T, "float64", "rad", "Phase of the fringe at the reference column."),
    Variable("phase_error", _T, "float64", "rad", "Standard error of the phase."),
    Variable("contrast", _T, "float64", "1", "Contrast of the fringe."),
    Variable("contrast_error", _T, "float64", "1", "Standard error of the contrast."),
    Variable("chi2", _T, "float64", "1", "Squared residuals of the fringe per point, about 1 where the model holds."),
    Variable("background", _T, "float64", "1", "Background of a pixel in photo-electrons."),
    Variable("saturated", _T, "int64", "1", "Saturated pixels in the regions of the ports."),
)
"""One row for each drop."""

_S = ("time", "v", "u")
PICTURES = (
    TIME,
    EXPOSURE,
    Variable("cell", _T, "int64", "1", "Pixels along the side of a cell."),
    Variable("light", _S, "float32", "1", "Photo-electrons of a pixel, mean of each cell."),
    Variable("fit", _S, "float32", "1", "The same as what was measured would give it."),
    Variable("residual", _S, "float32", "1", "Their difference over the standard deviation of a cell's mean."),
)
"""One small picture for each drop."""

_I = ("time", "y", "x")
SHADOW_FLAGS = {"no_cloud": 1, "full": 2}
DENSITIES = (
    TIME,
    EXPOSURE,
    Variable("density", _I, "float32", "1", "Optical density."),
    Variable("full", _I, "uint8", "", "1 where the density reaches its ceiling: there may be more atoms."),
)
"""One image of optical density for each drop."""

CLOUDS = (
    TIME,
    EXPOSURE,
    Variable("quality", _T, "uint16", "", "What is wrong with the drop; 0 is good.", flags=SHADOW_FLAGS),
    Variable("references", _T, "int64", "1", "Probes of other drops in the probe that was used."),
    Variable("noise_plain", _T, "float64", "1", "Standard deviation of the density beside the atoms, own probe."),
    Variable("noise", _T, "float64", "1", "The same with the probe that was used, where no fit has looked."),
    Variable("level", _T, "float64", "1", "Mean density beside the atoms."),
    Variable("full", _T, "int64", "1", "Pixels at the ceiling, left out of the fit."),
    Variable("atoms", _T, "float64", "1", "Number of atoms, from the fit of a Gaussian."),
    Variable("atoms_error", _T, "float64", "1", "Its standard error from noise."),
    Variable("atoms_systematic", _T, "float64", "1", "Half of what the choice of the ceiling makes of it."),
    Variable("atoms_limit", _T, "float64", "1", "Upper limit (95 %) where no cloud stands out."),
    Variable("atoms_sum", _T, "float64", "1", "Atoms that the plain sum over the image gives, background and all."),
    *(Variable(f"{name}{suffix}", _T, "float64", "m", f"{what} {doc}.")
      for name, doc in (("x", "place of the cloud along the columns"), ("y", "place of the cloud along the rows"),
                        ("width_x", "standard deviation of the cloud along the columns"),
                        ("width_y", "standard deviation of the cloud along the rows"))
      for suffix, what in (("", "Measured"), ("_error", "Standard error of the"))),
)  # fmt: skip
"""One row for each drop."""

CEILINGS = (
    Variable("exposure", _R, "int64", "1", "Number of the drop in its series."),
    Variable("ceiling", _R, "float64", "1", "Density above which pixels are left out of the fit, or cut in the sum."),
    Variable("full", _R, "int64", "1", "Pixels above it."),
    Variable("atoms", _R, "float64", "1", "Number of atoms from the fit."),
    Variable("atoms_cut", _R, "float64", "1", "Atoms that the sum over the image gives."),
)
"""One row for each drop and ceiling."""

SERIES = (
    Variable("detector", _R, "int32", "", "Camera."),
    Variable("drops", _R, "int64", "1", "Good drops that were used."),
    Variable("temperature", _R, "float64", "K", "Temperature of the cloud along the rows; NaN without flight times."),
    Variable("temperature_error", _R, "float64", "K", "Standard error of the temperature."),
    Variable("phase_difference", _R, "float64", "rad", "Phase against the first camera, from the fringes."),
    Variable("phase_difference_error", _R, "float64", "rad", "Standard error of that difference."),
    Variable("ellipse_difference", _R, "float64", "rad", "The same between 0 and pi, from the ellipse of populations."),
    Variable("likelihood_difference", _R, "float64", "rad", "The same between 0 and pi, from their likelihood."),
    Variable("likelihood_difference_error", _R, "float64", "rad", "Standard error of the likelihood's difference."),
)
"""One row for each camera of a series."""
