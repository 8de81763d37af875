"""What pages read of notifications."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hven.alarms.message import Message, Severity
from hven.alarms.model import Alarm, Case, Happening, Over, Silence
from hven.alarms.outbox import Delivery
from hven.alarms.store import AlarmStore
from hven.alarms.tables import METADATA, NAME, OUTBOX, VERSION
from hven.core.clock import now_ns
from hven.core.settings import Settings
from hven.registry.database import Database, shared_database


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


def alarms(settings: Settings, *, open_only: bool = True, since_ns: int = 0, limit: int | None = None) -> list[Alarm]:
    """Alarms, the newest first; those that were over before a time are left out."""
    return _alarms(settings.platform_url).find(open_only=open_only, since_ns=since_ns, limit=limit)


def over(settings: Settings, *, since_ns: int) -> list[Over]:
    """How many alarms ended since a time, by rule, the most frequent first."""
    return _alarms(settings.platform_url).over(since_ns)


def case(settings: Settings, alarm_id: str) -> Case:
    """One alarm with its history."""
    return _alarms(settings.platform_url).get(alarm_id)


def history(settings: Settings, *, limit: int) -> list[Happening]:
    """Who did what to alarms, newest first."""
    return _alarms(settings.platform_url).history(limit=limit)


def silences(settings: Settings) -> list[Silence]:
    """Silences that hold."""
    return _alarms(settings.platform_url).silences(now_ns())


def last_round_ns(settings: Settings) -> int:
    """When it was last looked; 0 where never."""
    return _alarms(settings.platform_url).last_round_ns()


@lru_cache(maxsize=8)
def _alarms(url: str) -> AlarmStore:
    return AlarmStore(_database(url))


@lru_cache(maxsize=8)
def _database(url: str) -> Database:
    database = shared_database(url)
    database.prepare(METADATA, name=NAME, version=VERSION, when_older="Messages of that version are lost.")
    return database
