"""What a plan file says: modes of taking data, levels, tasks, sites, and what sources say of the result."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hven.batch.planner.quantity import parse
from hven.core.errors import ConfigurationError

if TYPE_CHECKING:
    from astropy.units import Quantity


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Assumption(_Strict):
    """A number with its source; `measured` names the fact of `make bench` that replaces it where there is one."""

    value: Annotated[str | float, Field(description="E.g. 20 MB.")]
    source: Annotated[str, Field(min_length=1, description="Who says so, or from what it was inferred.")]
    measured: Annotated[str, Field(description="Name of a measured fact, e.g. magis.drop.cpu_per_image.")] = ""

    def quantity(self, unit: str) -> Quantity:
        """Its value."""
        return parse(str(self.value), unit)


class _Unit:
    """Marks the unit in which an assumption is understood."""

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def __call__(self, assumption: Assumption) -> Assumption:
        try:
            assumption.quantity(self.unit)
        except ConfigurationError as error:
            raise ValueError(error.message) from None
        return assumption


def _of(unit: str) -> AfterValidator:
    return AfterValidator(_Unit(unit))


Bytes = Annotated[Assumption, _of("byte")]
Number = Annotated[Assumption, _of("")]
Rate = Annotated[Assumption, _of("Hz")]
Time = Annotated[Assumption, _of("s")]
TimePerByte = Annotated[Assumption, _of("s / byte")]


class Mode(_Strict):
    """One way of taking data: units at a rate, so many hours a day and days a year; or a campaign of `count` units."""

    unit: Annotated[str, Field(description="Word for what is taken: drop, exposure, visit.")]
    size: Annotated[Bytes, Field(description="Raw data of one unit.")]
    piece: Annotated[str, Field(description="Word for the parts of a unit: image, detector.")] = "piece"
    pieces: Annotated[Number | None, Field(description="How many of them one unit has; 1 if left out.")] = None
    rate: Annotated[Rate | None, Field(description="While data are taken.")] = None
    hours: Annotated[Time | None, Field(description="In which data are taken, of each day.")] = None
    count: Annotated[Number | None, Field(description="Units of a campaign.")] = None
    days: Annotated[Time, Field(description="With data in a year; or in which a campaign must end.")]

    @property
    def is_campaign(self) -> bool:
        """Whether there is a fixed number of units."""
        return self.count is not None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.count is None) == (self.rate is None) or (self.rate is None) != (self.hours is None):
            raise ValueError("give rate and hours, or count")
        return self


class Level(_Strict):
    """What is kept of the raw data, or made from them."""

    per_raw: Annotated[Number | None, Field(description="Bytes before compression for each raw byte.")] = None
    per_piece: Annotated[Bytes | None, Field(description="Instead: bytes for each piece.")] = None
    compression: Annotated[Number | None, Field(description="Bytes before over bytes after.")] = None
    kept: Annotated[Time | None, Field(description="How long; a campaign's products count once.")] = None
    copies: Annotated[Number | None, Field(description="Kept in so many places.")] = None
    modes: Annotated[tuple[str, ...], Field(description="In which it is made; all if empty.")] = ()

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.per_raw is None) == (self.per_piece is None):
            raise ValueError("give per_raw or per_piece")
        return self


class Work(_Strict):
    """What a task takes of one core."""

    per_unit: Time | None = None
    per_piece: Time | None = None
    per_raw: TimePerByte | None = None
    gpu_per_piece: Annotated[Time | None, Field(description="Of one GPU; only where measured.")] = None
    modes: Annotated[tuple[str, ...], Field(description="In which it runs; all if empty.")] = ()

    @model_validator(mode="after")
    def _one_cost(self) -> Self:
        if sum(cost is not None for cost in (self.per_unit, self.per_piece, self.per_raw)) != 1:
            raise ValueError("give one of per_unit, per_piece, per_raw")
        if self.gpu_per_piece is not None and not self.gpu_per_piece.measured:
            raise ValueError("gpu_per_piece names no measured fact: figures of GPUs are measured or left out")
        return self


class Site(_Strict):
    """What a computing centre has, and its share of the work."""

    cores: Number
    share: Number
    storage: Bytes | None = None
    memory: Annotated[Bytes | None, Field(description="Of one core.")] = None


class Statement(_Strict):
    """What a source says an answer is."""

    mode: str
    answer: str
    says: str | float
    sense: Literal["about", "at most", "at least"] = "about"
    within: Annotated[float, Field(gt=0, description="Relative difference that is still about.")] = 0.1
    source: Annotated[str, Field(min_length=1)]


class Plan(_Strict):
    """A plan file.

    Parameters
    ----------
    utilisation
        Part of the time of a core in which it works for this: queues, failures and repetitions take the rest.
    memory
        That a core's work needs.
    """

    name: str
    doc: str
    modes: Annotated[dict[str, Mode], Field(min_length=1)]
    levels: dict[str, Level] = {}
    tasks: dict[str, Work] = {}
    sites: dict[str, Site] = {}
    utilisation: Number
    memory: Bytes | None = None
    statements: tuple[Statement, ...] = ()

    @model_validator(mode="after")
    def _known_modes(self) -> Self:
        used = {s.mode for s in self.statements}
        used |= {m for level in self.levels.values() for m in level.modes}
        used |= {m for work in self.tasks.values() for m in work.modes}
        if unknown := sorted(used - self.modes.keys()):
            raise ValueError(f"there is no mode {unknown[0]!r}")
        return self

    @cached_property
    def assumptions(self) -> dict[str, tuple[Assumption, str]]:
        """All numbers with the unit in which they are understood, by name, e.g. ``mode deep: rate``."""
        return dict(_assumptions(self, ""))


def _assumptions(model: BaseModel, prefix: str) -> Iterator[tuple[str, tuple[Assumption, str]]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, Assumption):
            unit = next(u.unit for u in _marks(field.annotation, field.metadata))
            yield f"{prefix}{name}", (value, unit)
        elif isinstance(value, dict):
            for key, part in value.items():
                yield from _assumptions(part, f"{name.removesuffix('s')} {key}: ")


def _marks(annotation: object, metadata: object) -> Iterator[_Unit]:
    """Unit marks of a field, also inside ``X | None``."""
    for mark in [*list(metadata or ()), *getattr(annotation, "__metadata__", ())]:  # type: ignore[call-overload]
        if isinstance(mark, AfterValidator) and isinstance(mark.func, _Unit):
            yield mark.func
    for part in getattr(annotation, "__args__", ()):
        yield from _marks(part, ())
