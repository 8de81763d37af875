"""Failures of a job by kind: how often, what was decided about them, and the first traceback."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from hven.batch import queries as batch
from hven.batch.triage import queries as triage
from hven.model.access import Viewer
from hven.observatory import Observatory
from hven.views import formats, markup, states
from hven.views.actions import Action, Field
from hven.views.pages.job_actions import operates

COLUMNS = ("Cause", "Task", "Times", "Error", "First of them", "Decided")
"""Of a table of kinds of failures, see `row`."""
VERDICTS = {
    "run them again": "retry",
    "accept as known": "known",
    "block this version of the task": "block",
    "take the decision back": "open",
}
"""What can be decided about a kind of failure, in words."""
_SAID = {"retry": "is run again", "known": "accepted as known", "block": "blocks its version"}


def kinds_of(observatory: Observatory, job: Any) -> list[Any]:
    """Kinds of a job's failures, the most frequent first."""
    if not job.run or not job.counts.failed:
        return []
    found = triage.failure_kinds(observatory.settings, observatory.registry, run=job.run)
    return [kind for kind in found if kind.count]


def decide(kinds: Sequence[Any], viewer: Viewer | None) -> list[Action]:
    """What operators can do about kinds of failures."""
    if not kinds or not operates(viewer):
        return []
    named = {f"{kind.error_type}: {kind.message} ({kind.count} times)": kind.fingerprint for kind in kinds}
    return [Action(
        "Decide …", "triage/{kind}", "It is decided, for the next failures of this kind, too.", yes="Decide",
        question="What is to happen with failures of this kind, now and the next time?",
        fields=(Field("kind", "Failure", named), Field("verdict", "Decision", VERDICTS), Field("why", "Why")),
    )]  # fmt: skip


def shown(observatory: Observatory, job: Any, kinds: Sequence[Any]) -> str:
    """Failures by kind; by step and error where their records are not there."""
    if kinds:
        return markup.part("Failures", markup.table(COLUMNS, map(row, kinds)))
    rows = [
        [(states.chip("failed", escape(f.flavour)), ""), (escape(f.step), ""), (str(len(f.data_ids)), "number"),
         (escape(f.error), "wrap"), (escape("; ".join(f.data_ids[:3])), "wrap")]
        for f in batch.failures(observatory.settings, job.id)
    ]  # fmt: skip
    if not rows:
        return ""
    return markup.part("Failures", markup.table(["Cause", "Step", "Times", "Error", "First data IDs"], rows))


def row(kind: Any) -> list[markup.Cell]:
    """Cells of a kind of failure."""
    trace = f"<details><summary>traceback</summary><pre>{escape(kind.traceback)}</pre></details>"
    versions = escape(", ".join(kind.versions))
    return [
        (states.chip("failed", escape(kind.flavour)), ""),
        (f"{escape(kind.task)}<br><span class='quiet'>{versions} · {kind.fingerprint}</span>", "name"),
        (f"{kind.count:,}", "number"),
        (f"{escape(kind.error)}{trace if kind.traceback else ''}", "wrap"),
        (f"{escape(kind.data_id)}<br><span class='quiet'>{formats.utc(kind.first_ns)}</span>", "wrap"),
        (_decision(kind.decision), "wrap"),
    ]


def _decision(decision: Any) -> str:
    if decision is None:
        return "<span class='quiet'>not yet</span>"
    words = _SAID[str(decision.verdict)]
    return f"{words}<br><span class='quiet'>{escape(decision.who)}: {escape(decision.why)}</span>"
