"""The table of runs of checks: the history by version of the software."""

from __future__ import annotations

from hven.alarms.message import Message, Severity
from hven.alarms.outbox import Outbox
from hven.batch.checks.known import CHECKS
from hven.batch.checks.model import CheckRun, CheckState
from hven.batch.schedules.tables import CHECK, METADATA, NAME, VERSION
from hven.core.clock import NS, now_ns
from hven.core.errors import UnknownNameError
from hven.registry.database import Database
from hven.registry.schema import storable

LONGEST_S = 2 * 3600
"""A check that has not ended by then has failed."""


class CheckStore:
    """Runs of checks in a database.

    Parameters
    ----------
    database
        That of `platform_url`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="The history of checks is lost.")

    def put(self, name: str, fire_ns: int) -> None:
        """Let a check run for a fire; one that is there already stays. Raises UnknownNameError."""
        if name not in CHECKS:
            raise UnknownNameError("check", name, CHECKS)
        with self.database.write() as connection:
            same = (CHECK.c.name == name) & (CHECK.c.fire_ns == fire_ns)
            if connection.execute(CHECK.select().where(same)).first() is None:
                connection.execute(CHECK.insert().values(name=name, fire_ns=fire_ns, state=CheckState.WAITING))

    def claim(self, version: str) -> CheckRun | None:
        """Take the oldest waiting run unless another one runs; None when there is nothing to do."""
        waiting = CHECK.select().where(CHECK.c.state == CheckState.WAITING).order_by(CHECK.c.fire_ns).limit(1)
        with self.database.read() as connection:
            if connection.execute(waiting).first() is None:
                return None
        with self.database.write() as connection:
            running = connection.execute(CHECK.select().where(CHECK.c.state == CheckState.RUNNING)).first()
            row = connection.execute(waiting).mappings().first()
            if running is not None or row is None:
                return None
            values = {"state": CheckState.RUNNING, "version": version, "started_ns": now_ns()}
            same = (CHECK.c.name == row["name"]) & (CHECK.c.fire_ns == row["fire_ns"])
            connection.execute(CHECK.update().where(same).values(**values))
        return CheckRun(**{**row, **values})

    def end(self, run: CheckRun, state: CheckState, text: str, outbox: Outbox) -> bool:
        """Keep what a check found, and tell people when it is bad; gives whether it was kept here."""
        same = (CHECK.c.name == run.name) & (CHECK.c.fire_ns == run.fire_ns) & (CHECK.c.state == CheckState.RUNNING)
        values = {"state": state, "text": storable(text), "ended_ns": now_ns()}
        with self.database.write() as connection:
            done = connection.execute(CHECK.update().where(same).values(**values)).rowcount == 1
            if done and state == CheckState.BAD:
                key, subject = f"check/{run.name}/{run.fire_ns}", f"check {run.name} of hven {run.version} is bad"
                outbox.put(connection, Message(key, Severity.ERROR, subject, text, now_ns()))
        return done

    def overdue(self) -> list[CheckRun]:
        """Runs that should have ended long ago."""
        late = (CHECK.c.state == CheckState.RUNNING) & (CHECK.c.started_ns < now_ns() - LONGEST_S * NS)
        with self.database.read() as connection:
            return [CheckRun(**row) for row in connection.execute(CHECK.select().where(late)).mappings()]

    def runs(self, name: str = "", *, limit: int | None = None) -> list[CheckRun]:
        """Runs of a check (of all if empty), newest first."""
        query = CHECK.select().order_by(CHECK.c.fire_ns.desc(), CHECK.c.name).limit(limit)
        query = query.where(CHECK.c.name == name) if name else query
        with self.database.read() as connection:
            return [CheckRun(**row) for row in connection.execute(query).mappings()]
