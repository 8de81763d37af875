"""Whether what a step made is good enough."""

from __future__ import annotations

from hven.batch.campaigns.model import State, Step
from hven.batch.campaigns.spec import StepSpec


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
