"""Where a campaign stands, in words."""

from __future__ import annotations

from html import escape
from typing import Any

from hven.batch.campaigns import queries as of_campaigns
from hven.core.clock import NS, now_ns
from hven.views import formats, markup, states

WAITS = {
    "waiting": "somebody who starts it",
    "paused": "somebody who resumes it",
    "blocked": "a review: accept or reject",
    "failed": "a decision: retry, accept or reject",
    "rejected": "a retry, if it is wanted",
}
"""For whom a campaign waits, by its state; in others it waits for nobody."""


def place(campaign: Any) -> str:
    """Which step of how many."""
    step = campaign.current
    if step is None:
        return f"all {len(campaign.steps)}"
    return f"{step.number + 1} of {len(campaign.steps)}: {step.name}"


def standing(campaign: Any) -> str:
    """For whom it waits, and why; what the batch service works on waits for nobody."""
    step, wait = campaign.current, WAITS.get(str(campaign.state), "")
    note = escape(step.note) if step and step.note else ""
    if not wait:
        return formats.MISSING
    return f"{escape(wait)}<br><span class='quiet'>{note}</span>" if note else escape(wait)


def total(campaign: Any) -> str:
    """Quanta of all its steps that have begun."""
    tallies = [step.quanta for step in campaign.steps]
    return shares(sum(t.done for t in tallies), sum(t.bad for t in tallies), sum(t.total for t in tallies))


def shares(done: int, bad: int, of: int) -> str:
    """Bar of quanta that are done and that failed or were blocked, and both in words."""
    if not of:
        return formats.MISSING
    bar = markup.shares({"done": done, "failed": bad}, of)
    wrong = f"<span class='legend'><span>{states.mark('failed').svg(10)}{bad:,} failed or blocked</span></span>"
    return f"<div class='stack'>{bar}{done + bad:,} of {of:,}{wrong if bad else ''}</div>"


def expected(campaign: Any) -> str:
    """When the step at which it stands ends, to the minute, and how long that is from now; nothing while it rests."""
    end_ns = of_campaigns.expected_end_ns(campaign) if str(campaign.state) == "running" else None
    if end_ns is None:
        return formats.MISSING
    left = formats.roughly(max(0.0, (end_ns - now_ns()) / NS))
    return f"{formats.utc(end_ns)[:16]}<br><span class='quiet'>{left} left</span>"
