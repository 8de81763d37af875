"""Decisions in a database."""

from __future__ import annotations

import sqlalchemy as sa

from hven.batch.triage.model import Decision, Verdict
from hven.batch.triage.tables import DECISION, METADATA, NAME, VERSION
from hven.registry.database import Database
from hven.registry.schema import storable


class DecisionStore:
    """What people decided.

    Parameters
    ----------
    database
        That of `platform_url`.

    Raises
    ------
    ConfigurationError
        When the table is of another version.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="Use the version of hven that made it.")

    def add(self, decision: Decision) -> None:
        """Keep a decision; it replaces the former one of its fingerprint and leaves it in the table."""
        values = {**decision.model_dump(mode="json"), "why": storable(decision.why), "error": storable(decision.error)}
        with self.database.write() as connection:
            connection.execute(DECISION.insert().values(values))

    def all(self) -> list[Decision]:
        """Every decision ever made, newest first."""
        with self.database.read() as connection:
            rows = connection.execute(DECISION.select().order_by(DECISION.c.id.desc())).mappings().all()
        return [_decision(row) for row in rows]

    def holding(self) -> list[Decision]:
        """The last decision of each fingerprint, as far as it was not taken back."""
        last = sa.select(sa.func.max(DECISION.c.id)).group_by(DECISION.c.fingerprint)
        query = DECISION.select().where(DECISION.c.id.in_(last), DECISION.c.verdict != Verdict.OPEN)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(DECISION.c.id)).mappings().all()
        return [_decision(row) for row in rows]


def _decision(row: sa.RowMapping) -> Decision:
    return Decision(**{key: value for key, value in row.items() if key != "id"})
