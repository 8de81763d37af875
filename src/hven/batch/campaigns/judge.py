"""Whether what a step made is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hven.batch.campaigns.model import State, Step
from hven.batch.campaigns.spec import StepSpec
from hven.model.events import METRICS
from hven.model.instrument import Instrument
from hven.model.metric import Status
from hven.model.product import Product
from hven.qc.queries import UNLIMITED, judged
from hven.store.read import open_product

_THRESHOLDS = "thresholds.yaml"


@dataclass(frozen=True, slots=True)
class Quality:
    """Metrics that have limits, and how many of them are `error`."""

    judged: int = 0
    errors: int = 0


def quality_of(products: Sequence[Product], root: Path, instrument: Instrument) -> Quality:
    """Judge the metrics of whole observations among some products by the thresholds of the instrument."""
    columns = {variable.name for variable in METRICS}
    tables = {
        str(t.type_name) for t in instrument.dataset_types if columns <= {variable.name for variable in t.variables}
    }
    total = Quality()
    for product in products:
        if str(product.ref.type) in tables:
            one = _quality(product, root, instrument.resources / _THRESHOLDS)
            total = Quality(total.judged + one.judged, total.errors + one.errors)
    return total


def _quality(product: Product, root: Path, thresholds: Path) -> Quality:
    dataset = open_product(root / product.path, chunks=None)
    metrics = pd.DataFrame({variable.name: dataset[variable.name].to_numpy() for variable in METRICS})
    whole = metrics[metrics["grain"] == "observation"]
    status = judged(whole, thresholds, product.ref.type.name.removesuffix(".qc"))["status"]
    limited = status[status != UNLIMITED]
    return Quality(len(limited), int((limited == str(Status.ERROR)).sum()))


def verdict(spec: StepSpec, step: Step) -> tuple[State, str]:
    """What becomes of a step whose groups have ended, and why."""
    if not step.groups and not spec.may_be_empty:
        return State.FAILED, "no data fit"
    problems = [*_too_many_failed(spec, step), *_too_bad(spec, step)]
    if problems:
        return State.FAILED, "; ".join(problems)
    failed = sum(group.state == State.FAILED for group in step.groups)
    known = f"{failed} of {len(step.groups)} groups failed, within the rule" if failed else ""
    if spec.breakpoint:
        return State.BLOCKED, f"waits for a review{known and '; '}{known}"
    return State.ACCEPTED, known


def _too_many_failed(spec: StepSpec, step: Step) -> list[str]:
    quanta, most = step.quanta, spec.accept.max_failed
    if quanta.bad <= most * quanta.total:
        return []
    failed = [group for group in step.groups if group.state == State.FAILED]
    first = f"; first {failed[0].name}: {failed[0].error}" if failed else ""
    return [f"{quanta.bad} of {quanta.total} quanta failed or were blocked, {most:.1%} may{first}"]


def _too_bad(spec: StepSpec, step: Step) -> list[str]:
    gate = spec.accept.qc
    if gate is None:
        return []
    judged_, errors = sum(g.judged for g in step.groups), sum(g.errors for g in step.groups)
    if not judged_ and any(group.quanta.done for group in step.groups):
        return ["the quality gate found no metric to judge"]
    if errors <= gate.max_error * judged_:
        return []
    return [f"{errors} of {judged_} quality metrics are error, {gate.max_error:.1%} may"]
