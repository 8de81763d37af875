"""A campaign in a page: what was done, what failed and why, how long it took."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict

from hven.batch.campaigns.model import Campaign, CampaignEvent, Group, State, Step, Tally
from hven.core.clock import NS, format_utc

_SHOWN_FAILURES = 5


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FailedGroup(_Record):
    """A group that failed: its last job and why."""

    name: str
    job: int | None
    error: str
    tries: int


class StepReport(_Record):
    """One step.

    Parameters
    ----------
    groups
        How many are in which state.
    seconds
        From its begin to its decision, 0 while it goes on.
    decided_by
        Who accepted or rejected it; the service account where the rule did.
    """

    name: str
    pipeline: str
    state: State
    attempt: int
    collection: str
    groups: dict[State, int]
    quanta: Tally
    judged: int
    errors: int
    seconds: float
    note: str
    decided_by: str
    failed: tuple[FailedGroup, ...]


class Report(_Record):
    """A whole campaign; its products are in the collection `collection`."""

    campaign: str
    state: State
    late: bool
    collection: str
    started_ns: int
    ended_ns: int
    quanta: Tally
    steps: tuple[StepReport, ...]


def report_of(campaign: Campaign, events: list[CampaignEvent]) -> Report:
    """Report of a campaign from its record and its audit (newest first)."""
    steps = tuple(_step(campaign, step, events) for step in campaign.steps)
    return Report(
        campaign=campaign.name,
        state=campaign.state,
        late=campaign.late,
        collection=campaign.spec.home,
        started_ns=campaign.started_ns,
        ended_ns=campaign.ended_ns,
        quanta=sum((step.quanta for step in steps), Tally()),
        steps=steps,
    )


def _step(campaign: Campaign, step: Step, events: list[CampaignEvent]) -> StepReport:
    decisions = {"accept", "reject", State.ACCEPTED, State.FAILED, State.BLOCKED}
    decided = next((e.who for e in events if e.step == step.name and not e.group and e.what in decisions), "")
    ended = step.state.ended or step.state == State.FAILED
    return StepReport(
        name=step.name,
        pipeline=campaign.spec.steps[step.number].pipeline,
        state=step.state,
        attempt=step.attempt,
        collection=step.collection,
        groups=Counter(group.state for group in step.groups),
        quanta=step.quanta,
        judged=sum(group.judged for group in step.groups),
        errors=sum(group.errors for group in step.groups),
        seconds=(step.ended_ns - step.started_ns) / NS if step.ended_ns and step.started_ns else 0.0,
        note=step.note,
        decided_by=decided if ended else "",
        failed=tuple(_failed(group) for group in step.groups if group.state == State.FAILED),
    )


def _failed(group: Group) -> FailedGroup:
    return FailedGroup(name=group.name, job=group.job, error=group.error, tries=group.tries)


def as_text(report: Report) -> str:
    """Report for people."""
    head = f"campaign {report.campaign}: {report.state}{', late' if report.late else ''}"
    began = f"  began {format_utc(report.started_ns // NS * NS)}" if report.started_ns else "  not begun"
    ended = f", ended {format_utc(report.ended_ns // NS * NS)}" if report.ended_ns else ""
    quanta = f"  {report.quanta.done} of {report.quanta.total} quanta done, {report.quanta.bad} failed or blocked"
    lines = [head, began + ended, quanta, f"  products in {report.collection}"]
    return "\n".join([*lines, *(line for step in report.steps for line in _lines(step))])


def _lines(step: StepReport) -> list[str]:
    groups = ", ".join(f"{count} {state}" for state, count in step.groups.items()) or "no groups"
    took = f", {step.seconds:.0f} s" if step.seconds else ""
    by = f" by {step.decided_by}" if step.decided_by else ""
    lines = [f"  {step.name} ({step.pipeline}): {step.state}{by}, attempt {step.attempt}, {groups}{took}"]
    lines += [f"    {step.note}"] if step.note else []
    lines += [f"    quality: {step.errors} of {step.judged} metrics are error"] if step.judged else []
    lines += [f"    {g.name}: job {g.job}, try {g.tries}: {g.error}" for g in step.failed[:_SHOWN_FAILURES]]
    more = len(step.failed) - _SHOWN_FAILURES
    return [*lines, f"    and {more} more groups"] if more > 0 else lines
