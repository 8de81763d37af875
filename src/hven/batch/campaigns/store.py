"""The table of campaigns as people use it: load, look, start, pause, resume, accept, reject, retry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from hven.batch.campaigns.model import Campaign, CampaignEvent, State
from hven.batch.campaigns.rows import campaigns_of
from hven.batch.campaigns.spec import CampaignSpec
from hven.batch.campaigns.tables import CAMPAIGN, EVENT, GROUP, METADATA, MIGRATIONS, NAME, STEP, VERSION
from hven.core.clock import now_ns
from hven.core.errors import ConflictError, UnknownNameError
from hven.registry.database import Database

GOING = (State.READY, State.RUNNING, State.BLOCKED, State.FAILED)
"""Campaigns that the batch service looks after."""


def note(connection: sa.Connection, who: str, what: str, campaign: str, **more: Any) -> None:
    """Add a line to the audit; `step` and `group` have columns of their own."""
    values = {"step": more.pop("step", ""), "group": more.pop("group", ""), "parameters": more}
    connection.execute(EVENT.insert().values(time_ns=now_ns(), campaign=campaign, who=who, what=what, **values))


def settle(connection: sa.Connection, name: str) -> None:
    """Let a campaign stand as its steps do; one that waits or is paused stays so."""
    states = [State(s) for s in connection.scalars(_steps(name).with_only_columns(STEP.c.state))]
    current = next((s for s in states if s != State.ACCEPTED), State.ACCEPTED)
    begun = any(s not in {State.WAITING, State.READY} for s in states)
    stands = current if current in {State.ACCEPTED, State.BLOCKED, State.FAILED, State.REJECTED} else None
    values: dict[str, Any] = {"state": stands or (State.RUNNING if begun else State.READY)}
    values["ended_ns"] = now_ns() if values["state"].ended else 0
    held = CAMPAIGN.c.state.in_([State.WAITING, State.PAUSED])
    connection.execute(CAMPAIGN.update().where(CAMPAIGN.c.name == name, ~held).values(values))


class CampaignStore:
    """Campaigns in a database.

    Parameters
    ----------
    database
        That of `platform_url`.

    Raises
    ------
    ConfigurationError
        When the tables are of another version.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="", migrations=MIGRATIONS)

    def load(self, spec: CampaignSpec, *, who: str, origin: str = "") -> Campaign:
        """Keep a campaign, which then waits for its start.

        What a schedule loads again for the same fire is there already.

        Raises
        ------
        ConflictError
            When there is another one of this name.
        """
        row = {"name": spec.name, "spec": spec.model_dump(mode="json"), "loaded_by": who, "origin": origin}
        with self.database.write() as connection:
            known = connection.execute(CAMPAIGN.select().where(CAMPAIGN.c.name == spec.name)).first()
            if known is not None and not (origin and known.origin == origin):
                raise ConflictError(
                    f"there is a campaign {spec.name} already, loaded by {known.loaded_by}",
                    hint="Names are for ever: choose another, e.g. with a number at its end.",
                )
            if known is None:
                connection.execute(CAMPAIGN.insert().values(**row, state=State.WAITING, loaded_ns=now_ns()))
                steps = [{"campaign": spec.name, "number": n, "name": s.name} for n, s in enumerate(spec.steps)]
                connection.execute(STEP.insert().values(state=State.WAITING), steps)
                note(connection, who, "load", spec.name, origin=origin)
        return self.get(spec.name)

    def get(self, name: str, *seen: sa.ColumnElement[bool]) -> Campaign:
        """Campaign by name; raises UnknownNameError, also where it is none of those `seen`."""
        with self.database.read() as connection:
            found = campaigns_of(connection, sa.and_(CAMPAIGN.c.name == name, *seen))
            if not found:
                raise UnknownNameError("campaign", name, connection.scalars(sa.select(CAMPAIGN.c.name).where(*seen)))
        return found[0]

    def find(
        self, states: Collection[State] = (), *seen: sa.ColumnElement[bool], limit: int | None = None
    ) -> list[Campaign]:
        """Campaigns in some states (in any if empty), of those `seen` where that is given, newest first."""
        condition = CAMPAIGN.c.state.in_(list(states)) if states else sa.true()
        with self.database.read() as connection:
            return campaigns_of(connection, sa.and_(condition, *seen), limit=limit)

    def unchosen(self) -> list[Campaign]:
        """Campaigns with accepted steps whose products are not yet what is found by default, oldest first."""
        waiting = sa.exists().where(
            STEP.c.campaign == CAMPAIGN.c.name, STEP.c.state == State.ACCEPTED, STEP.c.chosen_ns == 0
        )
        with self.database.read() as connection:
            return campaigns_of(connection, waiting)[::-1]

    def events(self, name: str = "", *seen: sa.ColumnElement[bool], limit: int | None = None) -> list[CampaignEvent]:
        """Lines of the audit of a campaign (of all if empty), of those `seen` where that is given, newest first."""
        query = EVENT.select().order_by(EVENT.c.id.desc()).limit(limit)
        query = query.where(EVENT.c.campaign.in_(sa.select(CAMPAIGN.c.name).where(*seen))) if seen else query
        query = query.where(EVENT.c.campaign == name) if name else query
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [CampaignEvent(**{k: v for k, v in row.items() if k != "id"}) for row in rows]

    def start(self, name: str, *, who: str) -> Campaign:
        """Let a loaded campaign begin; raises ConflictError when it has begun."""
        with self.database.write() as connection:
            self._move(connection, name, [State.WAITING], "started", state=State.READY, started_ns=now_ns())
            self._set_step(connection, name, 0, state=State.READY)
            note(connection, who, "start", name)
        return self.get(name)

    def pause(self, name: str, *, who: str) -> Campaign:
        """Submit nothing more; jobs that are there go on. Raises ConflictError when it does not go."""
        with self.database.write() as connection:
            self._move(connection, name, GOING, "paused", state=State.PAUSED)
            note(connection, who, "pause", name)
        return self.get(name)

    def resume(self, name: str, *, who: str) -> Campaign:
        """Go on; raises ConflictError when it is not paused."""
        with self.database.write() as connection:
            self._move(connection, name, [State.PAUSED], "resumed", state=State.RUNNING)
            settle(connection, name)
            note(connection, who, "resume", name)
        return self.get(name)

    def accept(self, name: str, step: str = "", *, who: str, reason: str = "") -> Campaign:
        """Accept a step that waits for its review, or one that breaks its rule, as it is.

        Parameters
        ----------
        step
            The one at which the campaign stands, if empty.
        reason
            Kept in the audit.

        Raises
        ------
        ConflictError
            When the step is neither `blocked` nor `failed`.
        """
        with self.database.write() as connection:
            number, found = self._step(connection, name, step)
            self._must_be(name, found, [State.BLOCKED, State.FAILED], "accepted")
            self._set_step(connection, name, number, state=State.ACCEPTED, ended_ns=now_ns(), note=f"by {who}")
            note(connection, who, "accept", name, step=found.name, was=found.state, reason=reason)
            settle(connection, name)
        return self.get(name)

    def reject(self, name: str, step: str = "", *, who: str, reason: str = "") -> Campaign:
        """Reject what a step made; its collections stay for comparison, and `retry` does it anew.

        Parameters as of `accept`; a step that was accepted can be rejected, too.

        Raises
        ------
        ConflictError
            When the step has not ended.
        """
        with self.database.write() as connection:
            number, found = self._step(connection, name, step)
            self._must_be(name, found, [State.BLOCKED, State.FAILED, State.ACCEPTED], "rejected")
            self._set_step(connection, name, number, state=State.REJECTED, ended_ns=now_ns(), note=f"by {who}")
            note(connection, who, "reject", name, step=found.name, was=found.state, reason=reason)
            settle(connection, name)
        return self.get(name)

    def retry(self, name: str, step: str = "", group: str = "", *, who: str) -> Campaign:
        """Do failed groups of a step again, or all of a step that was rejected.

        A rejected step is redone with collections of its own, and so are the steps after it; quanta that come out the
        same are found and not computed again.

        Parameters
        ----------
        step
            The one at which the campaign stands, if empty.
        group
            All failed ones, if empty.

        Raises
        ------
        ConflictError
            When nothing of the step has failed and it was not rejected.
        """
        with self.database.write() as connection:
            number, found = self._step(connection, name, step)
            if found.state == State.REJECTED and not group:
                self._redo(connection, name, number)
            else:
                self._must_be(name, found, [State.BLOCKED, State.FAILED, State.RUNNING], "tried again")
                self._again(connection, name, found, group)
            note(connection, who, "retry", name, step=found.name, group=group)
            settle(connection, name)
        return self.get(name)

    def _redo(self, connection: sa.Connection, name: str, number: int) -> None:
        fresh = {"attempt": STEP.c.attempt + 1, "note": "", "started_ns": 0, "ended_ns": 0, "chosen_ns": 0}
        later = (STEP.c.campaign == name) & (STEP.c.number > number) & (STEP.c.state != State.WAITING)
        connection.execute(STEP.update().where(later).values(**fresh, state=State.WAITING))
        self._set_step(connection, name, number, **fresh, state=State.READY)

    def _again(self, connection: sa.Connection, name: str, step: Any, group: str) -> None:
        own = (GROUP.c.campaign == name) & (GROUP.c.step == step.number) & (GROUP.c.attempt == step.attempt)
        failed = own & (GROUP.c.state == State.FAILED)
        failed = failed & (GROUP.c.name == group) if group else failed
        fresh = {"tries": GROUP.c.tries + 1, "job": None, "error": "", "started_ns": 0, "ended_ns": 0}
        counts = dict.fromkeys(("total", "done", "bad", "judged", "errors"), 0)
        changed = connection.execute(GROUP.update().where(failed).values(**fresh, **counts, state=State.READY))
        if not changed.rowcount:
            what = f"group {group}" if group else "no group"
            raise ConflictError(
                f"campaign {name}, step {step.name}: {what} has {'not ' if group else ''}failed",
                hint="`hven campaign reject` and then `retry` does a whole step again.",
            )
        self._set_step(connection, name, step.number, state=State.RUNNING, note="", ended_ns=0)

    def _step(self, connection: sa.Connection, name: str, step: str) -> tuple[int, Any]:
        """Row of a step by name, or of the one at which the campaign stands."""
        rows = connection.execute(_steps(name)).all()
        if not rows:
            raise UnknownNameError("campaign", name, connection.scalars(sa.select(CAMPAIGN.c.name)))
        chosen = [r for r in rows if (r.name == step if step else r.state != State.ACCEPTED)]
        if not chosen and step:
            raise UnknownNameError(f"step of campaign {name}", step, [r.name for r in rows])
        found = chosen[0] if chosen else rows[-1]
        return found.number, found

    def _must_be(self, name: str, step: Any, states: Collection[State], done: str) -> None:
        if step.state not in states:
            raise ConflictError(f"campaign {name}, step {step.name} is {step.state} and cannot be {done}")

    def _set_step(self, connection: sa.Connection, name: str, number: int, **values: Any) -> None:
        connection.execute(STEP.update().where(STEP.c.campaign == name, STEP.c.number == number).values(**values))

    def _move(self, connection: sa.Connection, name: str, before: Sequence[State], done: str, **values: Any) -> None:
        condition = (CAMPAIGN.c.name == name) & CAMPAIGN.c.state.in_(before)
        if connection.execute(CAMPAIGN.update().where(condition).values(**values)).rowcount == 1:
            return
        state = connection.scalar(sa.select(CAMPAIGN.c.state).where(CAMPAIGN.c.name == name))
        if state is None:
            raise UnknownNameError("campaign", name, connection.scalars(sa.select(CAMPAIGN.c.name)))
        raise ConflictError(f"campaign {name} is {state} and cannot be {done}")


def _steps(name: str) -> sa.Select[Any]:
    return STEP.select().where(STEP.c.campaign == name).order_by(STEP.c.number)
