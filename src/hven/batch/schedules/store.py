"""Which schedules fire, which fires there were, and what became of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hven.batch.schedules.cron import next_time
from hven.batch.schedules.model import Fire, FireState, Schedule, ScheduleEvent
from hven.batch.schedules.spec import ScheduleSpec
from hven.batch.schedules.tables import EVENT, FIRE, METADATA, NAME, SWITCH, VERSION
from hven.core.clock import now_ns
from hven.core.errors import ConflictError
from hven.registry.database import Database
from hven.registry.schema import storable


class ScheduleStore:
    """Switches and fires of schedules in a database.

    Parameters
    ----------
    database
        That of `platform_url`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="Fires of that version are lost.")

    def switch(self, name: str, *, on: bool, who: str) -> None:
        """Let a schedule fire from now on, or no more; saying it again changes nothing."""
        with self.database.write() as connection:
            known = connection.execute(SWITCH.select().where(SWITCH.c.schedule == name)).first()
            if (known.enabled if known else False) == on:
                return
            connection.execute(SWITCH.delete().where(SWITCH.c.schedule == name))
            connection.execute(SWITCH.insert().values(schedule=name, enabled=on, since_ns=now_ns(), who=who))
            _note(connection, name, who, "enable" if on else "disable")

    def stands(self, spec: ScheduleSpec, zone: str) -> Schedule:
        """A schedule as it stands."""
        with self.database.read() as connection:
            row = connection.execute(SWITCH.select().where(SWITCH.c.schedule == spec.name)).first()
        last = self.fires(spec.name, limit=1)
        enabled = bool(row and row.enabled)
        return Schedule(
            spec=spec,
            zone=zone,
            enabled=enabled,
            since_ns=row.since_ns if row else 0,
            by=row.who if row else "",
            next_ns=next_time(spec.cron, zone, now_ns=now_ns()) if enabled else None,
            last=last[0] if last else None,
        )

    def enabled(self) -> dict[str, int]:
        """Enabled schedules, with the time after which their next fire is: their switching on, or their last fire."""
        last = sa.select(FIRE.c.schedule, sa.func.max(FIRE.c.fire_ns).label("last")).group_by(FIRE.c.schedule)
        with self.database.read() as connection:
            fired = {row.schedule: row.last for row in connection.execute(last)}
            rows = connection.execute(SWITCH.select().where(SWITCH.c.enabled.is_(True))).all()
        return {row.schedule: max(row.since_ns, fired.get(row.schedule, 0)) for row in rows}

    def fire(self, name: str, fire_ns: int, *, who: str, missed: int = 0, by_hand: bool = False) -> bool:
        """Note that a schedule fires for a time; gives whether it was noted here, and not somewhere else before."""
        same = (FIRE.c.schedule == name) & (FIRE.c.fire_ns == fire_ns)
        values = {"schedule": name, "fire_ns": fire_ns, "who": who, "missed": missed, "state": FireState.DUE}
        with self.database.write() as connection:
            if connection.execute(FIRE.select().where(same)).first() is not None:
                return False
            connection.execute(FIRE.insert().values(values))
            _note(connection, name, who, "run" if by_hand else "fire", fire_ns=fire_ns, missed=missed)
        return True

    def run(self, name: str, fire_ns: int, *, who: str) -> Fire:
        """Let a schedule fire by hand for a time; raises ConflictError when it has fired for that time."""
        if not self.fire(name, fire_ns, who=who, by_hand=True):
            raise ConflictError(f"schedule {name} has fired for that time", hint="Give another time.")
        return self.fires(name, fire_ns=fire_ns)[0]

    def fires(
        self, name: str = "", *, fire_ns: int | None = None, state: FireState | None = None, limit: int | None = None
    ) -> list[Fire]:
        """Fires of a schedule (of all if empty), newest first."""
        conditions = [FIRE.c.schedule == name] if name else []
        conditions += [FIRE.c.fire_ns == fire_ns] if fire_ns is not None else []
        conditions += [FIRE.c.state == state] if state else []
        query = FIRE.select().where(*conditions).order_by(FIRE.c.fire_ns.desc(), FIRE.c.schedule).limit(limit)
        with self.database.read() as connection:
            return [Fire(**row) for row in connection.execute(query).mappings()]

    def acted(
        self, fire: Fire, state: FireState, *, campaign: str = "", job: int | None = None, error: str = ""
    ) -> bool:
        """Note what became of a fire; gives whether it was noted here."""
        same = (FIRE.c.schedule == fire.schedule) & (FIRE.c.fire_ns == fire.fire_ns) & (FIRE.c.state == FireState.DUE)
        values = {"state": state, "campaign": campaign, "job": job, "error": storable(error), "acted_ns": now_ns()}
        with self.database.write() as connection:
            return connection.execute(FIRE.update().where(same).values(**values)).rowcount == 1

    def events(self, name: str = "", *, limit: int | None = None) -> list[ScheduleEvent]:
        """Lines of the audit, newest first."""
        query = EVENT.select().order_by(EVENT.c.id.desc()).limit(limit)
        query = query.where(EVENT.c.schedule == name) if name else query
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [ScheduleEvent(**{k: v for k, v in row.items() if k != "id"}) for row in rows]


def _note(connection: sa.Connection, name: str, who: str, what: str, **parameters: Any) -> None:
    connection.execute(
        EVENT.insert().values(time_ns=now_ns(), schedule=name, who=who, what=what, parameters=parameters)
    )
