"""What pages read of campaigns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache

import sqlalchemy as sa

from hven.batch.campaigns.model import Campaign, CampaignEvent, Group, State, Tally
from hven.batch.campaigns.store import CampaignStore
from hven.batch.campaigns.visible import visible
from hven.batch.tables import JOB, QUANTUM_PROGRESS
from hven.core.clock import NS, now_ns
from hven.core.errors import UnknownNameError
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.quantum import QuantumState
from hven.registry.database import Database, shared_database

__all__ = ["State", "Tally", "campaign", "campaigns", "events", "expected_end_ns", "rate_per_s"]

_BAD = {QuantumState.FAILED, QuantumState.BLOCKED}
_DONE = {QuantumState.DONE, QuantumState.PARTIAL}


def campaigns(
    settings: Settings, viewer: Viewer | None = None, *, states: Collection[State] = (), limit: int
) -> list[Campaign]:
    """Newest campaigns that a viewer may see, in some states (in any if empty); no live counts."""
    return _store(settings.platform_url).find(states, visible(settings, viewer), limit=limit)


def campaign(settings: Settings, name: str, viewer: Viewer | None = None) -> Campaign | None:
    """Campaign by name, its running groups with what their jobs have counted; None where the viewer sees none."""
    store = _store(settings.platform_url)
    try:
        found = store.get(name, visible(settings, viewer))
    except UnknownNameError:
        return None
    jobs = [g.job for step in found.steps for g in step.groups if g.state == State.RUNNING and g.job is not None]
    live = _live(store.database, jobs)
    steps = tuple(s.model_copy(update={"groups": tuple(_with(g, live) for g in s.groups)}) for s in found.steps)
    return found.model_copy(update={"steps": steps})


def events(settings: Settings, name: str = "", *, limit: int | None = None) -> list[CampaignEvent]:
    """Who did what to a campaign (to any if empty), newest first."""
    return _store(settings.platform_url).events(name, limit=limit)


def rate_per_s(found: Campaign) -> float | None:
    """Quanta that ended in a second, over the groups that have begun at the step where it stands; None before that."""
    step = found.current
    begun = [g for g in step.groups if g.started_ns] if step else []
    ended = sum(g.quanta.done + g.quanta.bad for g in begun)
    span_ns = now_ns() - min((g.started_ns for g in begun), default=0)
    return ended / (span_ns / NS) if ended else None


def expected_end_ns(found: Campaign) -> int | None:
    """When the step at which it stands will have ended, from the groups that have; None where it cannot be told."""
    step = found.current
    if step is None or step.state != State.RUNNING:
        return None
    ended = [g for g in step.groups if g.ended_ns]
    if not ended:
        return None
    each_ns = (max(g.ended_ns for g in ended) - min(g.started_ns for g in ended)) / len(ended)
    return now_ns() + round(each_ns * (len(step.groups) - len(ended)))


def _with(group: Group, live: dict[int, Tally]) -> Group:
    return group.model_copy(update={"quanta": live[group.job]}) if group.job in live else group


def _live(database: Database, jobs: Iterable[int]) -> dict[int, Tally]:
    """What running jobs have counted, by number."""
    wanted, progress = list(jobs), QUANTUM_PROGRESS.c
    if not wanted:
        return {}
    counts: dict[int, dict[str, int]] = defaultdict(lambda: {"done": 0, "bad": 0})
    states = sa.select(progress.job, progress.state, sa.func.count()).where(progress.job.in_(wanted))
    with database.read() as connection:
        rows = connection.execute(sa.select(JOB.c.id, JOB.c.total).where(JOB.c.id.in_(wanted)))
        totals = {row.id: row.total for row in rows}
        for job, state, count in connection.execute(states.group_by(progress.job, progress.state)):
            counts[job]["bad"] += count if state in _BAD else 0
            counts[job]["done"] += count if state in _DONE else 0
    return {job: Tally(total=total, **counts[job]) for job, total in totals.items()}


@lru_cache(maxsize=8)
def _store(url: str) -> CampaignStore:
    return CampaignStore(shared_database(url))
