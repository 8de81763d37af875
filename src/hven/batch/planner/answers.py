"""Answers that follow from a plan's assumptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hven.batch.planner.model import Level, Mode, Plan, Work
from hven.batch.planner.quantity import parse

if TYPE_CHECKING:
    from astropy.units import Quantity

Values = Mapping[str, "Quantity"]
"""Value of each assumption, by its name in the plan."""

DAY, YEAR = "1 d", "365.25 d"


@dataclass(frozen=True, slots=True)
class Answer:
    """A number that follows: in which mode, its name, its value, and the unit in which it is understood."""

    mode: str
    name: str
    value: Quantity
    unit: str

    @property
    def key(self) -> str:
        """Mode and name."""
        return f"{self.mode}: {self.name}"


def answers(plan: Plan, values: Values) -> list[Answer]:
    """Everything that follows, mode after mode.

    Parameters
    ----------
    plan
        Says what there is.
    values
        Of the assumptions: those of the plan, of this machine, or changed ones.
    """
    return [answer for name, mode in plan.modes.items() for answer in _Mode(plan, name, mode, values).all()]


class _Mode:
    def __init__(self, plan: Plan, name: str, mode: Mode, values: Values) -> None:
        self.plan = plan
        self.name = name
        self.mode = mode
        self.values = values
        self.size = values[f"mode {name}: size"]
        self.pieces = values.get(f"mode {name}: pieces", parse("1", ""))
        self.days = values[f"mode {name}: days"]
        self.year = parse(YEAR, "s")
        if mode.is_campaign:
            self.units = values[f"mode {name}: count"]
            self.running = self.period = self.days
        else:
            a_day = values[f"mode {name}: rate"] * values[f"mode {name}: hours"]
            self.a_day = a_day.to("")
            self.units = (self.a_day * self.days / parse(DAY, "s")).to("")
            self.running = values[f"mode {name}: hours"] * self.days / parse(DAY, "s")
            self.period = self.year

    def _answer(self, name: str, value: Any, unit: str) -> Answer:
        return Answer(self.name, name, value.to(unit), unit)

    def all(self) -> Iterator[Answer]:
        yield from self._data()
        for name, level in self.plan.levels.items():
            if not level.modes or self.name in level.modes:
                yield from self._level(name, level)
        yield from self._computing()
        yield from self._sites()

    @property
    def _when(self) -> str:
        return "in all" if self.mode.is_campaign else "a year"

    def _data(self) -> Iterator[Answer]:
        total = self.units * self.size
        yield self._answer(f"data of one {self.mode.unit}", self.size, "byte")
        if not self.mode.is_campaign:
            yield self._answer(f"{self.mode.unit}s a day", self.a_day, "")
            yield self._answer("data a day", self.a_day * self.size, "byte")
        yield self._answer(f"{self.mode.unit}s {self._when}", self.units, "")
        if self.mode.pieces:
            yield self._answer(f"{self.mode.piece}s {self._when}", self.units * self.pieces, "")
        yield self._answer(f"data {self._when}", total, "byte")
        yield self._answer("bandwidth while running", total / self.running, "byte / s")
        if not self.mode.is_campaign:
            yield self._answer("bandwidth, averaged over the year", total / self.period, "byte / s")

    def _level(self, name: str, level: Level) -> Iterator[Answer]:
        written = self._written(name, level)
        yield self._answer(f"{name} {self._when}", written, "byte")
        yield self._answer(f"{name} written while running", written / self.running, "byte / s")
        if (kept := self.values.get(f"level {name}: kept")) is not None:
            yield self._answer(f"{name} on disk", self._disk(name, written, kept), "byte")

    def _written(self, name: str, level: Level) -> Any:
        if level.per_raw is not None:
            plain = self.units * self.size * self.values[f"level {name}: per_raw"]
        else:
            plain = self.units * self.pieces * self.values[f"level {name}: per_piece"]
        return plain / self.values.get(f"level {name}: compression", parse("1", ""))

    def _disk(self, name: str, written: Any, kept: Any) -> Any:
        copies = self.values.get(f"level {name}: copies", parse("1", ""))
        return written * copies * (parse("1", "") if self.mode.is_campaign else (kept / self.year).to(""))

    def _computing(self) -> Iterator[Answer]:
        costs = {name: self._cost(name, w) for name, w in self._works().items()}
        for name, cost in costs.items() if len(costs) > 1 else ():
            yield self._answer(f"{name}: cores while running", self._cores(cost, self.running), "")
        if costs:
            total = sum(costs.values())
            yield self._answer(f"core-time {self._when}", self.units * total, "h")
            yield self._answer("cores while running", self._cores(total, self.running), "")
            if not self.mode.is_campaign:
                a_day = self.a_day * total / parse(DAY, "s") / self.values["utilisation"]
                yield self._answer("cores, done within the day", a_day, "")
                yield self._answer("cores, done within the year", self._cores(total, self.period), "")
            if "memory" in self.values:
                memory = self.values["memory"] * self._cores(total, self.running)
                yield self._answer("memory while running", memory, "byte")
        for name, work in self._works().items():
            if work.gpu_per_piece is not None:
                gpu = self.values[f"task {name}: gpu_per_piece"] * self.pieces
                yield self._answer(f"{name}: GPUs while running", self._cores(gpu, self.running), "")
        pieces = self.units * self.pieces
        yield self._answer(f"time for each {self.mode.piece}, one core all the time", self.period / pieces, "s")
        yield self._answer(f"time for each {self.mode.piece}, one core while running", self.running / pieces, "s")

    def _works(self) -> dict[str, Work]:
        return {n: w for n, w in self.plan.tasks.items() if not w.modes or self.name in w.modes}

    def _cost(self, name: str, work: Work) -> Any:
        """Core-time of one unit."""
        if work.per_unit is not None:
            return self.values[f"task {name}: per_unit"]
        if work.per_piece is not None:
            return self.values[f"task {name}: per_piece"] * self.pieces
        return self.values[f"task {name}: per_raw"] * self.size

    def _cores(self, cost: Any, within: Any) -> Any:
        return (self.units * cost / within / self.values["utilisation"]).to("")

    def _sites(self) -> Iterator[Answer]:
        works = self._works()
        total = sum(self._cost(n, w) for n, w in works.items()) if works else None
        disks = [self._disk(n, self._written(n, lv), self.values[f"level {n}: kept"])
                 for n, lv in self.plan.levels.items()
                 if lv.kept and (not lv.modes or self.name in lv.modes)]  # fmt: skip
        cores = [self.values[f"site {name}: cores"] for name in self.plan.sites]
        if cores:
            yield self._answer("cores of all sites", sum(cores), "")
        for name in self.plan.sites:
            share, there = self.values[f"site {name}: share"], self.values[f"site {name}: cores"]
            if total is not None:
                days = self.units * total * share / there / self.values["utilisation"]
                yield self._answer(f"{name}: time for its share", days, "d")
            if disks:
                yield self._answer(f"{name}: disk for its share", sum(disks) * share, "byte")
            if (storage := self.values.get(f"site {name}: storage")) is not None:
                yield self._answer(f"{name}: disk it has", storage, "byte")
            if (memory := self.values.get(f"site {name}: memory")) is not None:
                yield self._answer(f"{name}: memory of a core", memory, "byte")
