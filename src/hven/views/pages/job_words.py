"""A job's data, times and progress in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hven.core.clock import NS, now_ns
from hven.views import formats, markup

SLOW = 1.5
"""What takes so many times longer than expected is said to."""
SHORTEST_S = 60.0
"""Starting takes its time: no job is expected to take less than this."""
_NAMES = {"failed": "only what failed", "data_id": "data ID"}


def data(job: Any) -> str:
    """Say what data a job takes."""
    values = [f"{k} {', '.join(str(v) for v in vs)}" for k, vs in job.request.values.items()]
    return "; ".join([*values, *([job.request.where] if job.request.where else [])]) or "everything"


def how(parameters: Mapping[str, Any]) -> str:
    """Say what was chosen of what could be, in words.

    Examples
    --------
    >>> how({"failed": True, "step": "", "data_id": ""}), how({"failed": False, "step": "qc", "data_id": "detector=1"})
    ('only what failed', 'step qc, data ID detector=1')
    """
    chosen = {_NAMES.get(k, formats.words(k)): v for k, v in parameters.items() if v not in (False, "", None)}
    return ", ".join(name if value is True else f"{name} {value}" for name, value in chosen.items())


def took_s(job: Any) -> float:
    """Seconds since it began, until it ended or until now."""
    end = job.ended_ns or now_ns() // NS * NS
    return float((end - job.started_ns) / NS)


def took(job: Any) -> str:
    """How long it took, beside what was expected."""
    if not job.started_ns:
        return formats.MISSING
    text, expected = formats.duration(took_s(job)), expected_s(job)
    return (
        f"{text} <span class='quiet'>of {formats.roughly(expected)}</span>{_slow(job, expected)}" if expected else text
    )


def _slow(job: Any, expected: float) -> str:
    ratio = took_s(job) / max(expected, SHORTEST_S)
    return f"<br><span class='quiet'>{formats.number(ratio, 2)} times as long</span>" if ratio > SLOW else ""


def expected_s(job: Any) -> float:
    """Seconds that it was expected to take; zero where that is not known."""
    return 60.0 * ((job.estimate and job.estimate.wall_minutes) or 0.0)


def waits(job: Any) -> str:
    """Place in the queue, for a job that has one."""
    if job.position is None:
        return formats.MISSING
    return "next" if job.position == 0 else f"{job.position} ahead"


def starts(job: Any) -> str:
    """When it is expected to start, to the minute, and how long that is from now."""
    if job.expected_start_ns is None:
        return formats.MISSING
    left = (job.expected_start_ns - now_ns()) / NS
    when = f"in {formats.roughly(left)}" if left > 0 else "at once"
    return f"{formats.clock(job.expected_start_ns)[:5]}<br><span class='quiet'>{when}</span>"


def counted(counts: Any) -> dict[str, int]:
    """Quanta by state, those with which all is well first."""
    return {
        "done": counts.done - counts.partial, "partial": counts.partial, "no work": counts.no_work,
        "failed": counts.failed, "blocked": counts.blocked,
    }  # fmt: skip


def progress(job: Any) -> str:
    """How many quanta are in which state: a bar, and what is not simply done in words."""
    counts = job.counts
    if not counts.total:
        return formats.MISSING
    states = counted(counts)
    other = {state: n for state, n in states.items() if state != "done"}
    return (
        f"<div class='stack'>{markup.shares(states, counts.total)}{counts.ended:,} of {counts.total:,}"
        f"{markup.marks(other) if any(other.values()) else ''}</div>"
    )
