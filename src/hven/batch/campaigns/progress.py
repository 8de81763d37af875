"""What the batch service writes down of a campaign's progress.

Every change says from which state it comes, so that it happens once however many services drive the same campaign;
each gives whether it happened here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from hven.batch.campaigns.model import Campaign, Group, State, Step, Tally
from hven.batch.campaigns.store import note, settle
from hven.batch.campaigns.tables import CAMPAIGN, GROUP, STEP
from hven.core.clock import now_ns
from hven.registry.database import Database
from hven.registry.schema import storable

Told = Callable[[sa.Connection], None]
"""Leaves a message in the transaction in which something happens."""


class Progress:
    """Moves steps and groups on, in the name of the service.

    Parameters
    ----------
    database
        That of the campaigns.
    who
        Service account, for the audit.
    """

    def __init__(self, database: Database, who: str) -> None:
        self.database = database
        self.who = who

    def ready(self, campaign: Campaign, step: Step) -> bool:
        """The step before is accepted."""
        with self.database.write() as connection:
            done = self._step(connection, campaign, step, [State.WAITING], state=State.READY)
            settle(connection, campaign.name)
        return done

    def planned(self, campaign: Campaign, step: Step, groups: Sequence[Group]) -> bool:
        """A step has its groups and runs."""
        with self.database.write() as connection:
            if not self._step(connection, campaign, step, [State.READY], state=State.RUNNING, started_ns=now_ns()):
                return False
            place = {"campaign": campaign.name, "step": step.number, "attempt": step.attempt}
            rows = [
                {**place, "name": g.name, "values": g.values, "where": g.where, "state": State.READY} for g in groups
            ]
            if rows:
                connection.execute(GROUP.insert(), rows)
            note(connection, self.who, "plan", campaign.name, step=step.name, groups=len(rows), attempt=step.attempt)
            settle(connection, campaign.name)
        return True

    def submitted(self, campaign: Campaign, step: Step, group: Group, job: int) -> bool:
        """A group has its job."""
        with self.database.write() as connection:
            values = {"state": State.RUNNING, "job": job, "started_ns": now_ns()}
            done = self._group(connection, campaign, step, group, values)
            if done:
                note(connection, self.who, "submit", campaign.name, step=step.name, group=group.name, job=job)
        return done

    def runs_again(self, campaign: Campaign, step: Step, group: Group) -> bool:
        """The job of a failed group was restarted by somebody."""
        with self.database.write() as connection:
            values = {"state": State.RUNNING, "error": "", "ended_ns": 0}
            if not self._group(connection, campaign, step, group, values):
                return False
            self._step(connection, campaign, step, [State.FAILED], state=State.RUNNING, note="", ended_ns=0)
            settle(connection, campaign.name)
        return True

    def ended(
        self,
        campaign: Campaign,
        step: Step,
        group: Group,
        state: State,
        *,
        quanta: Tally,
        error: str = "",
        judged: int = 0,
        errors: int = 0,
    ) -> bool:
        """A group is accepted or has failed."""
        values = {"state": state, "error": storable(error), "ended_ns": now_ns(), **quanta.model_dump()}
        with self.database.write() as connection:
            done = self._group(connection, campaign, step, group, {**values, "judged": judged, "errors": errors})
            if done:
                note(connection, self.who, "end", campaign.name, step=step.name, group=group.name, state=state)
        return done

    def decided(self, campaign: Campaign, step: Step, state: State, why: str, told: Told) -> bool:
        """A step has failed, waits for its review, or is accepted."""
        values = {"state": state, "note": storable(why), "ended_ns": now_ns()}
        with self.database.write() as connection:
            done = self._step(connection, campaign, step, [State.READY, State.RUNNING], **values)
            if done:
                note(connection, self.who, str(state), campaign.name, step=step.name, why=why)
                settle(connection, campaign.name)
                told(connection)
        return done

    def chosen(self, campaign: Campaign, step: Step) -> bool:
        """What a step made is what is found by default from now on."""
        with self.database.write() as connection:
            done = self._step(connection, campaign, step, [State.ACCEPTED], chosen_ns=now_ns())
            if done:
                note(connection, self.who, "choose", campaign.name, step=step.name)
        return done

    def late(self, campaign: Campaign, told: Told) -> bool:
        """A campaign takes longer than it may."""
        on_time = (CAMPAIGN.c.name == campaign.name) & CAMPAIGN.c.late.is_(False)
        with self.database.write() as connection:
            done = connection.execute(CAMPAIGN.update().where(on_time).values(late=True)).rowcount == 1
            if done:
                note(connection, self.who, "late", campaign.name)
                told(connection)
        return done

    def _step(
        self, connection: sa.Connection, campaign: Campaign, step: Step, before: Sequence[State], **values: Any
    ) -> bool:
        same = (STEP.c.campaign == campaign.name) & (STEP.c.number == step.number) & (STEP.c.attempt == step.attempt)
        changed = connection.execute(STEP.update().where(same & STEP.c.state.in_(before)).values(**values))
        return changed.rowcount == 1

    def _group(
        self, connection: sa.Connection, campaign: Campaign, step: Step, group: Group, values: dict[str, Any]
    ) -> bool:
        place = (GROUP.c.campaign == campaign.name) & (GROUP.c.step == step.number)
        same = (GROUP.c.attempt == step.attempt) & (GROUP.c.name == group.name) & (GROUP.c.tries == group.tries)
        there = place & same & (GROUP.c.state == group.state)
        return connection.execute(GROUP.update().where(there).values(**values)).rowcount == 1
