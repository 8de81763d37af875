"""Telemetry as it is declared: topics with their fields, and tables that bind them to exposures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable

TIME = "time"
"""Column of every topic: when a sample was taken, UTC."""

NUMBERS = frozenset({"float64", "int64", "bool"})
Scale = Literal["utc", "tai"]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(StrEnum):
    """What a topic is, in the words of LDM-148; `files` is the large-file annex."""

    TELEMETRY = "telemetry"
    EVENTS = "events"
    CONFIGURATIONS = "configurations"
    COMMANDS = "commands"
    FILES = "files"


class Function(StrEnum):
    """What a table says of a field during an exposure.

    All but the last look at samples with ``begin <= time < end``: `std` is that of a sample (n - 1), `slope` the least
    squares slope in units per second. `middle` is the last sample at or before the middle, unless it is too old.
    """

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    STD = "std"
    FIRST = "first"
    LAST = "last"
    SLOPE = "slope"
    MIDDLE = "middle"


PICKS = frozenset({Function.FIRST, Function.LAST, Function.MIDDLE})
"""Functions that take one sample as it is; only they can be of text."""


class Field(_Declared):
    """One number or text of each sample; floats that are missing are not-a-number."""

    name: Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]
    units: Annotated[str, pydantic.Field(description="UDUNITS text; 1 for a pure number, empty for text.")] = ""
    doc: str
    dtype: Literal["float64", "int64", "bool", "str"] = "float64"

    @model_validator(mode="after")
    def _numbers_have_units(self) -> Self:
        if self.dtype in {"float64", "int64"} and not self.units:
            raise ValueError(f"{self.name} has no units; a pure number has units: '1'")
        if self.name == TIME:
            raise ValueError("time is a column of every topic")
        return self


class Source(_Declared):
    """How samples stand in files that are dropped for a topic."""

    format: Annotated[
        Literal["jsonl", "csv", "parquet", "json"], pydantic.Field(description="json is one document with a list.")
    ]
    samples: Annotated[str, pydantic.Field(description="json: where the list stands, e.g. profile.samples.")] = ""
    time: Annotated[str, pydantic.Field(description="Column or path of the time.")] = TIME
    time_form: Annotated[
        Literal["stamp", "ns", "s", "elapsed"],
        pydantic.Field(
            description="ISO 8601; nanoseconds or seconds since 1970; seconds since a begin told with the file."
        ),
    ] = "stamp"
    scale: Annotated[Scale, pydantic.Field(description="Of the times in the file; kept are UTC.")] = "utc"
    columns: Annotated[
        dict[str, str], pydantic.Field(description="Column or path by field, where they differ from the names.")
    ] = {}
    header: Annotated[
        tuple[str, ...], pydantic.Field(description="csv: names of the columns of a file that does not tell them.")
    ] = ()
    separator: Annotated[str, pydantic.Field(description="csv: between columns; a blank is any white space.")] = ","


def _no_hidden(name: str) -> str:
    if any(not word or word.startswith("-") for word in name.split(".")):
        raise ValueError("is no name of a topic: lower-case words with dots between them")
    return name


class Topic(_Declared):
    """One stream of samples.

    Examples
    --------
    >>> field = Field(name="temperature", units="degC", doc="Air temperature.")
    >>> weather = Topic(name="weather", kind=Kind.TELEMETRY, doc="Weather mast.", cadence_s=1, fields=(field,))
    >>> weather.field("temperature").units
    'degC'
    """

    name: Annotated[str, pydantic.Field(pattern=r"^[a-z0-9_.-]+$"), AfterValidator(_no_hidden)]
    kind: Kind
    doc: str
    cadence_s: Annotated[
        float | None, pydantic.Field(gt=0, description="Usual time between samples; left out where they have none.")
    ] = None
    fields: tuple[Field, ...] = ()
    keys: Annotated[
        tuple[str, ...], pydantic.Field(description="Fields that with the time tell samples apart, e.g. the device.")
    ] = ()
    product: Annotated[
        str,
        pydantic.Field(description="Table product whose rows are the samples; all its columns without `fields`."),
    ] = ""
    select: Annotated[
        dict[str, str], pydantic.Field(description="Values of text columns of the product that these rows have.")
    ] = {}
    source: Source | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [field.name for field in self.fields]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: two fields have the same name")
        if not self.product and (unknown := {*self.keys, *(self.source.columns if self.source else ())} - set(names)):
            raise ValueError(f"{self.name}: {', '.join(sorted(unknown))} is no field")
        if self.select and not self.product:
            raise ValueError(f"{self.name}: only rows of a product are selected")
        return self

    def field(self, name: str) -> Field:
        """Declaration of a field; raises KeyError."""
        return {field.name: field for field in self.fields}[name]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Time and fields as variables along `time`."""
        time = Variable(TIME, (TIME,), "datetime64[ns]", "", "Time of the sample, UTC.")
        return (time, *(Variable(f.name, (TIME,), f.dtype, f.units, f.doc) for f in self.fields))


class Column(_Declared):
    """One column of a table: a function of a field of a topic during each exposure."""

    name: Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]
    topic: str
    field: str
    function: Function
    staleness_s: Annotated[
        float | None, pydantic.Field(gt=0, description="Of middle: an older sample is no value; left out of others.")
    ] = None
    gap_s: Annotated[
        float | None, pydantic.Field(gt=0, description="Longer without a sample is a gap; three cadences if left out.")
    ] = None
    select: Annotated[dict[str, str], pydantic.Field(description="Values of the topic's keys.")] = {}

    @model_validator(mode="after")
    def _staleness_belongs_to_the_middle(self) -> Self:
        if (self.function is Function.MIDDLE) != (self.staleness_s is not None):
            raise ValueError(f"{self.name}: staleness_s belongs to the function middle, which needs it")
        return self


class ExposureTable(_Declared):
    """What is known of each exposure from telemetry: its columns become a product of a night.

    Where an instrument's raw data number their exposures row by row, one at `t` lasts from `t - before_s` to
    `t + after_s`. Otherwise an observation is an exposure.
    """

    before_s: Annotated[float, pydantic.Field(ge=0)] = 0.0
    after_s: Annotated[float, pydantic.Field(ge=0)] = 0.0
    columns: Annotated[tuple[Column, ...], pydantic.Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names) or set(names) & _OWN:
            raise ValueError(f"two columns have the same name, or one of {', '.join(sorted(_OWN))}")
        return self


class Declarations(_Declared):
    """A file `telemetry.yaml`: topics, and the table of exposures of each instrument."""

    topics: tuple[Topic, ...] = ()
    exposures: dict[str, ExposureTable] = {}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: time in UTC nanoseconds, and its fields by name."""

    time_ns: int
    values: Mapping[str, Any]


_E = ("exposure",)
EXPOSURE = Variable("exposure", _E, "int64", "1", "Number of the exposure in its observation.")
OBSERVATION = Variable("observation", _E, "str", "", "Observation to which the exposure belongs.")
BEGIN = Variable("begin", _E, "datetime64[ns]", "", "Begin of the exposure, UTC.")
END = Variable("end", _E, "datetime64[ns]", "", "End of the exposure, UTC; not part of it.")
_OWN = frozenset({"exposure", "observation", "begin", "end"})


def exposure_type(instrument: str) -> DatasetType:
    """Dataset type of an instrument's exposures with their telemetry; further columns are as its table declares them.

    Examples
    --------
    >>> str(exposure_type("magis").type_name)
    'L2/magis.exposures'
    """
    return DatasetType(
        name=f"{instrument}.exposures",
        level=Level.L2,
        form="table",
        keys=("instrument", "day_obs"),
        variables=(EXPOSURE, OBSERVATION, BEGIN, END),
        doc="Exposures of a night with what telemetry says of each; further columns as the site declares them.",
        row_dim="exposure",
        coordinates=("exposure", "observation", "begin", "end"),
    )
