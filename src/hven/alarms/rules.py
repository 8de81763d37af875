"""Rules: what is an alarm, as YAML files say it; hven ships some, a site adds its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hven.alarms.message import Severity
from hven.alarms.model import FAMILY, Signal
from hven.core.clock import parse_utc
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.yaml_file import read_yaml

SHIPPED = Path(__file__).with_name("rules.yaml")
Kind = Literal["threshold", "relative", "deadman"]


class Limits(BaseModel):
    """When something is bad, and when it is good again.

    Beyond `lower` or `upper` it is bad; within `clear_lower` and `clear_upper` (the same if left out) it is good; in
    between it stays as it was. For a deadman rule `upper` is the longest silence in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lower: float | None = None
    upper: float | None = None
    clear_lower: float | None = None
    clear_upper: float | None = None
    begin: Annotated[dt.datetime | None, Field(description="Valid from this time on, UTC.")] = None
    end: Annotated[dt.datetime | None, Field(description="Until this time, not included.")] = None

    @model_validator(mode="after")
    def _clears_inside(self) -> Self:
        if _less(self.clear_lower, self.lower) or _less(self.upper, self.clear_upper):
            raise ValueError("a limit to clear lies beyond the limit to raise")
        return self

    def bad(self, value: float) -> bool:
        """Whether a value is beyond the limits."""
        return _less(value, self.lower) or _less(self.upper, value)

    def good(self, value: float) -> bool:
        """Whether a value is within the limits to clear."""
        low = self.lower if self.clear_lower is None else self.clear_lower
        high = self.upper if self.clear_upper is None else self.clear_upper
        return not (_less(value, low) or _less(high, value))

    def valid(self, time_ns: int) -> bool:
        """Whether they hold at a time."""
        after = self.begin is None or parse_utc(self.begin.isoformat()) <= time_ns
        return after and (self.end is None or time_ns < parse_utc(self.end.isoformat()))


class Override(Limits):
    """Other limits for some detectors, or keys that fit a pattern."""

    detectors: tuple[int, ...] = ()
    keys: str = "*"

    def fits(self, signal: Signal) -> bool:
        """Whether they are for a signal."""
        return fnmatchcase(signal.key, self.keys) and (not self.detectors or signal.detector in self.detectors)


class Rule(Limits):
    """What is an alarm.

    Parameters
    ----------
    source, keys, without
        Which signals: of one source, keys that fit a pattern, and none of some others.
    kind
        ``threshold``: the value; ``relative``: its change against the median of the last `window` good readings, as a
        fraction of that; ``deadman``: seconds since the signal's time, or since its value changed where `unchanged`.
    raise_after, clear_after
        So many readings in a row.
    overrides
        The first that fits replaces all limits.
    because
        Rules that explain this one, ``rule`` or ``rule:key pattern``: an alarm of theirs that is open is its cause.
    each
        A rule of its own, ``name/last part of the key``, for each last part of the keys: so it is named, listed and
        silenced. Its keys have at least two parts and are not chosen by `keys`.
    again_when_worse
        An accepted alarm is raised again when the value gets worse.
    says, advice
        What is the matter, and what to do; ``{key}``, ``{value}``, ``{limit}`` and ``{text}`` are filled in, and
        ``{lasting}`` for values in seconds.

    Examples
    --------
    >>> rule = Rule(name="hot", source="telemetry", kind="threshold", upper=30, clear_upper=28, says="too hot",
    ...             overrides=[{"detectors": [254], "upper": 35}])
    >>> rule.limits(Signal("telemetry", "dome/t", 31, 0), 0).bad(31)
    True
    >>> rule.limits(Signal("telemetry", "dome/t", 31, 0, detector=254), 0).bad(31)
    False
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    source: str
    kind: Kind
    says: str
    keys: str = "*"
    without: tuple[str, ...] = ()
    window: Annotated[int, Field(ge=2)] = 20
    unchanged: bool = False
    raise_after: Annotated[int, Field(ge=1)] = 1
    clear_after: Annotated[int, Field(ge=1)] = 1
    severity: Severity = Severity.ERROR
    overrides: tuple[Override, ...] = ()
    because: tuple[str, ...] = ()
    each: bool = False
    again_when_worse: bool = False
    advice: str = ""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.lower is None and self.upper is None:
            raise ValueError("give lower or upper")
        if self.kind == "deadman" and (self.upper is None or self.lower is not None):
            raise ValueError("a deadman rule has an upper limit, the longest silence in seconds, and no lower one")
        if self.unchanged and self.kind != "deadman":
            raise ValueError("only a deadman rule asks whether something is unchanged")
        if self.each and self.keys != "*":
            raise ValueError("a rule for each last part of the keys chooses no keys; `without` leaves some out")
        return self

    def watches(self, signal: Signal) -> bool:
        """Whether it looks at a signal."""
        fits = signal.source == self.source and fnmatchcase(signal.key, self.keys)
        return fits and not any(fnmatchcase(signal.key, pattern) for pattern in self.without)

    def limits(self, signal: Signal, time_ns: int) -> Limits | None:
        """Limits for a signal at a time; None where none hold."""
        chosen: Limits = next((o for o in self.overrides if o.fits(signal) and o.valid(time_ns)), self)
        return chosen if chosen.valid(time_ns) else None

    def explained_by(self, rule: str, key: str) -> bool:
        """Whether an alarm of another rule is a cause."""
        return any(_matches(text, rule, key) for text in self.because)


def load_rules(site: Path | None = None) -> tuple[Rule, ...]:
    """Rules that hven ships, and a site's own, which replace shipped ones of the same name.

    A site's file has a list ``rules``, and may name in ``off`` rules that do not hold there.

    Raises
    ------
    ConfigurationError
        Names the file and the entry that is wrong, or rules that explain each other in a circle.
    UnknownNameError
        For a rule in ``because`` or ``off`` that does not exist.
    """
    found: dict[str, Rule] = {}
    off: set[str] = set()
    for file in (SHIPPED, *([site] if site else [])):
        rules, without = _read(file, _changed(file))
        found |= {rule.name: rule for rule in rules}
        off |= set(without)
    _check_names(off, found)
    rules = tuple(rule for name, rule in found.items() if name not in off)
    check_causes(rules, found)
    return rules


def check_causes(rules: Sequence[Rule], known: Iterable[str] = ()) -> None:
    """Refuse causes that do not exist, and circles of them."""
    graph: Mapping[str, set[str]] = {rule.name: {t.partition(":")[0] for t in rule.because} for rule in rules}
    _check_names(set().union(*graph.values()), {*known, *graph})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ConfigurationError(f"rules explain each other in a circle: {' <- '.join(error.args[1])}") from None


def _check_names(names: Iterable[str], known: Iterable[str]) -> None:
    everything = set(known)
    for name in sorted(names):
        if name not in everything:
            raise UnknownNameError("rule", name, everything)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", hint="alarms.rules in the site file names it.") from None


@cache
def _read(file: Path, _changed_ns: int) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    try:
        values = read_yaml(file)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not YAML: {error}") from None
    if not isinstance(values, dict) or not set(values) <= {"rules", "off"}:
        raise ConfigurationError(f"{file}: holds something else than the lists rules and off")
    rules = tuple(_rule(file, number, value) for number, value in enumerate(values.get("rules") or ()))
    return rules, tuple(values.get("off") or ())


def _rule(file: Path, number: int, value: object) -> Rule:
    try:
        return Rule.model_validate(value)
    except ValidationError as error:
        name = value.get("name", number) if isinstance(value, dict) else number
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: rule {name}: {problems}") from None


def _matches(text: str, rule: str, key: str) -> bool:
    name, _, pattern = text.partition(":")
    return name in {rule, rule.partition(FAMILY)[0]} and fnmatchcase(key, pattern or "*")


def _less(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and a < b
