"""Calibrations that an instrument declares: from what they are made, how, and what they must be like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.yaml_file import read_yaml
from hven.model.data_id import TypeName
from hven.model.instrument import Instrument
from hven.pipeline.load import expanded

FILE = "calibrations.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quality(_Strict):
    """By which metrics the frames are chosen."""

    type: Annotated[str, Field(description="Table of metrics of the same data ID, e.g. L2/panoseti.img16.qc.")]
    metrics: Annotated[tuple[str, ...], Field(min_length=1, description="Those of which none may be an error.")]


class Calibration(_Strict):
    """One calibration.

    Parameters
    ----------
    name
        Within the instrument, e.g. ``flat``; it is certified in ``<instrument>/calib/<name>``.
    """

    name: str
    doc: str
    type: Annotated[str, Field(description="What is certified, e.g. L1/panoseti.flat.")]
    inputs: Annotated[str, Field(description="Dataset type that is chosen.")]
    build: Annotated[str, Field(description="Pipeline that makes it from what was chosen.")]
    verify: Annotated[str, Field(description="Pipeline that compares it with one made from held-out frames.")]
    prepare: Annotated[str, Field(description="Pipeline that makes what is chosen, from raw frames.")] = ""
    quality: Annotated[Quality | None, Field(description="By what frames are chosen.")] = None
    hold_out: Annotated[
        int, Field(ge=2, description="One of so many observations, and at least one, is not used but held out.")
    ] = 4
    valid_days: Annotated[float, Field(gt=0, description="How long it is valid where nothing else is said.")]

    @property
    def type_name(self) -> TypeName:
        """Dataset type of the calibration."""
        return TypeName.parse(self.type)

    @property
    def table(self) -> str:
        """Dataset type of the metrics that the comparison gives, e.g. ``L2/panoseti.flat.qc``."""
        return f"L2/{self.type_name.name}.qc"


def load_calibrations(instrument: Instrument) -> dict[str, Calibration]:
    """Calibrations of an instrument by name; none where it declares none.

    Raises
    ------
    ConfigurationError
        Names file and entry of what is wrong.
    """
    file = instrument.resources / FILE
    if not file.exists():
        return {}
    values = read_yaml(file)
    if not isinstance(values, dict) or set(values) != {"calibrations"} or not isinstance(values["calibrations"], dict):
        raise ConfigurationError(f"{file}: holds no entries below calibrations")
    return {name: _parse(file, name, entry) for name, entry in expanded(file, values["calibrations"])}


def find_calibration(instrument: Instrument, name: str) -> Calibration:
    """Calibration by name, with or without the instrument's; UnknownNameError lists those there are."""
    known = load_calibrations(instrument)
    short = name.removeprefix(f"{instrument.name}/")
    if short not in known:
        raise UnknownNameError("calibration", name, [f"{instrument.name}/{each}" for each in known])
    return known[short]


def _parse(file: Path, name: str, entry: object) -> Calibration:
    fields = entry if isinstance(entry, dict) else {}
    try:
        return Calibration.model_validate({"name": name, **fields})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: {name}: {problems}") from None
