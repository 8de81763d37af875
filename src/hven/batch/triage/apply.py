"""Decisions applied to a job: what is run again, what does not count, what must not start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hven.batch.triage.fingerprint import signs
from hven.batch.triage.model import Decision, Verdict
from hven.core.clock import NS, format_utc
from hven.core.errors import ConflictError
from hven.model.pipeline import Pipeline
from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.bind import find_task


def is_blocked(pipeline: Pipeline, decisions: Iterable[Decision]) -> Decision | None:
    """The decision that keeps a pipeline from starting here, as its tasks are installed; None where none does."""
    tasks = [find_task(step.task) for step in pipeline.steps.values()]
    here = {(task.name, task.version) for task in tasks}
    blocks = (d for d in decisions if d.verdict == Verdict.BLOCK and (d.task, d.version) in here)
    return next(blocks, None)


def refuse_blocked(pipeline: Pipeline, decisions: Iterable[Decision]) -> None:
    """Raise ConflictError where a decision keeps a pipeline from starting."""
    block = is_blocked(pipeline, decisions)
    if block is not None:
        when = format_utc(block.time_ns // NS * NS)
        raise ConflictError(
            f"{block.task} {block.version} is blocked by {block.who} since {when}: {block.why}",
            hint=f"Install another version of the task, or `hven jobs triage decide {block.fingerprint} open`.",
        )


def failed_as(records: Sequence[QuantumRecord], decisions: Iterable[Decision], verdict: Verdict) -> list[QuantumRecord]:
    """Failed quanta about whose kind it was so decided."""
    wanted = {d.fingerprint for d in decisions if d.verdict == verdict}
    if not wanted:
        return []
    return [r for r in records if r.state == QuantumState.FAILED and signs(r).fingerprint in wanted]
