"""Read a plan, and work it out: answers, what they hang on, and what sources say beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from hven.batch.planner.answers import Answer, answers
from hven.batch.planner.measured import Fact
from hven.batch.planner.model import Plan, Statement
from hven.batch.planner.quantity import parse
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.yaml_file import read_yaml

if TYPE_CHECKING:
    from astropy.units import Quantity

SHIPPED = Path(__file__).parent / "shipped"
_STEP = 0.01
_LEAST = 0.005


@dataclass(frozen=True, slots=True)
class Known:
    """An assumption as it was used: `text` is its value as written, `origin` its source, or what measured it."""

    name: str
    value: Quantity
    text: str
    unit: str
    origin: str
    measured: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a source says of an answer, and whether that agrees with what follows from the assumptions."""

    statement: Statement
    answer: Answer
    says: Quantity
    holds: bool


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A plan with its answers.

    Parameters
    ----------
    sensitivity
        By answer and assumption: by how many percent the answer changes when the assumption grows by one.
    """

    plan: Plan
    known: tuple[Known, ...]
    answers: tuple[Answer, ...]
    sensitivity: Mapping[str, Mapping[str, float]]
    checked: tuple[Checked, ...]


def shipped() -> dict[str, Path]:
    """Plans that hven brings, by name."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.yaml"))}


def read_plan(where: str | Path) -> Plan:
    """Plan of a file, or one that hven brings, by its name.

    Raises
    ------
    UnknownNameError
        When there is neither; it lists those that hven brings.
    ConfigurationError
        Names file and place of what is wrong.
    """
    file = shipped().get(str(where), Path(where))
    if not file.is_file():
        raise UnknownNameError("plan", str(where), shipped())
    try:
        return Plan.model_validate(read_yaml(file))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: {problems}") from None


def work_out(plan: Plan, facts: Mapping[str, Fact] | None = None) -> WorkedOut:
    """Answers of a plan, their sensitivities, and the sources' own statements beside them.

    Parameters
    ----------
    plan
        From `read_plan`.
    facts
        Measured on this machine; they replace assumptions that name them.
    """
    known = tuple(_known(plan, facts or {}))
    values = {one.name: one.value for one in known}
    found = tuple(answers(plan, values))
    checked = tuple(_check(statement, found) for statement in plan.statements)
    return WorkedOut(plan, known, found, _sensitivity(plan, values, found), checked)


def _known(plan: Plan, facts: Mapping[str, Fact]) -> list[Known]:
    found = []
    for name, (assumption, unit) in plan.assumptions.items():
        fact = facts.get(assumption.measured)
        if fact is None:
            text = str(assumption.value)
            found.append(Known(name, assumption.quantity(unit), text, unit, assumption.source, measured=False))
        else:
            origin = f"measured by {fact.benchmark} at {fact.at} on {fact.machine}"
            text = f"{fact.value:.3g} {fact.unit}".strip()
            found.append(Known(name, parse(f"{fact.value} {fact.unit}", unit), text, unit, origin, measured=True))
    return found


def _sensitivity(plan: Plan, values: Mapping[str, Quantity], found: tuple[Answer, ...]) -> dict[str, dict[str, float]]:
    result: dict[str, dict[str, float]] = {answer.key: {} for answer in found}
    for name, value in values.items():
        changed = answers(plan, {**values, name: value * (1 + _STEP)})
        for before, after in zip(found, changed, strict=True):
            ratio = float((after.value / before.value).to_value("")) if before.value.value else 1.0
            weight = math.log(ratio) / math.log1p(_STEP)
            if abs(weight) > _LEAST:
                result[before.key][name] = round(weight, 2)
    return result


def _check(statement: Statement, found: tuple[Answer, ...]) -> Checked:
    of_mode = {answer.name: answer for answer in found if answer.mode == statement.mode}
    if statement.answer not in of_mode:
        raise UnknownNameError(f"answer of mode {statement.mode}", statement.answer, of_mode)
    answer = of_mode[statement.answer]
    says = parse(str(statement.says), answer.unit)
    ratio = float((answer.value / says).to_value(""))
    within = statement.within
    holds = {
        "about": 1 / (1 + within) <= ratio <= 1 + within,
        "at most": ratio <= 1 + within,
        "at least": ratio >= 1 / (1 + within),
    }[statement.sense]
    return Checked(statement, answer, says, holds)
