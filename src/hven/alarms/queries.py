"""What pages read of notifications."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hven.alarms.message import Message, Severity
from hven.alarms.outbox import Delivery
from hven.alarms.tables import METADATA, NAME, OUTBOX, VERSION
from hven.core.settings import Settings
from hven.registry.database import Database


@dataclass(frozen=True, slots=True)
class Told:
    """A message on one way to people, and what became of it."""

    message: Message
    transport: str
    state: Delivery
    attempts: int
    sent_ns: int
    error: str


def notifications(settings: Settings, *, limit: int) -> list[Told]:
    """Newest messages."""
    query = OUTBOX.select().order_by(OUTBOX.c.time_ns.desc(), OUTBOX.c.key, OUTBOX.c.transport).limit(limit)
    with _database(settings.platform_url).read() as connection:
        rows = connection.execute(query).all()
    return [
        Told(
            Message(row.key, Severity(row.severity), row.subject, row.text, row.time_ns),
            row.transport, Delivery(row.state), row.attempts, row.sent_ns, row.error,
        )
        for row in rows
    ]  # fmt: skip


@lru_cache(maxsize=8)
def _database(url: str) -> Database:
    database = Database(url)
    database.prepare(METADATA, name=NAME, version=VERSION, when_older="Messages of that version are lost.")
    return database
