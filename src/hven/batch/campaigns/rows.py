"""Rows of the tables as records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hven.batch.campaigns.model import Campaign, Group, Step, Tally
from hven.batch.campaigns.names import group_run, step_collection
from hven.batch.campaigns.spec import CampaignSpec
from hven.batch.campaigns.tables import CAMPAIGN, GROUP, STEP


def campaigns_of(
    connection: sa.Connection, condition: sa.ColumnElement[bool], *, limit: int | None = None
) -> list[Campaign]:
    """Campaigns that fit a condition on their table, newest first, with their steps and groups."""
    order = (CAMPAIGN.c.loaded_ns.desc(), CAMPAIGN.c.name)
    rows = connection.execute(CAMPAIGN.select().where(condition).order_by(*order).limit(limit)).mappings().all()
    if not rows:
        return []
    names = [row["name"] for row in rows]
    steps, groups = _steps(connection, names), _groups(connection, names)
    return [_campaign(row, steps[row["name"]], groups) for row in rows]


def _steps(connection: sa.Connection, names: Sequence[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    query = STEP.select().where(STEP.c.campaign.in_(names)).order_by(STEP.c.campaign, STEP.c.number)
    for row in connection.execute(query).mappings():
        found[row["campaign"]].append(row)
    return found


def _groups(connection: sa.Connection, names: Sequence[str]) -> dict[tuple[str, int], list[Any]]:
    """Rows of the groups of the present attempts, by campaign and step."""
    found: dict[tuple[str, int], list[Any]] = defaultdict(list)
    present = (GROUP.c.campaign == STEP.c.campaign) & (GROUP.c.step == STEP.c.number)
    present &= GROUP.c.attempt == STEP.c.attempt
    query = sa.select(GROUP).join(STEP, present).where(GROUP.c.campaign.in_(names)).order_by(GROUP.c.name)
    for row in connection.execute(query).mappings():
        found[row["campaign"], row["step"]].append(row)
    return found


def _campaign(row: Any, steps: Sequence[Any], groups: dict[tuple[str, int], list[Any]]) -> Campaign:
    spec = CampaignSpec.model_validate(row["spec"])
    made = tuple(_step(spec.home, step, groups[row["name"], step["number"]]) for step in steps)
    return Campaign(**{**row, "spec": spec}, steps=made)


def _step(home: str, row: Any, groups: Sequence[Any]) -> Step:
    values = {key: value for key, value in row.items() if key != "campaign"}
    own = tuple(_group(home, row["name"], group) for group in groups)
    return Step(**values, collection=step_collection(home, row["name"], row["attempt"]), groups=own)


def _group(home: str, step: str, row: Any) -> Group:
    hidden = {"campaign", "step", "attempt", "total", "done", "bad"}
    quanta = Tally(total=row["total"], done=row["done"], bad=row["bad"])
    run = group_run(home, step, row["attempt"], row["name"], row["tries"])
    return Group(**{key: value for key, value in row.items() if key not in hidden}, run=run, quanta=quanta)
