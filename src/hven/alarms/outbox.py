"""Messages that are to be told: kept in the transaction in which something happens, delivered afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum

import sqlalchemy as sa

from hven.alarms.message import Message, Severity
from hven.alarms.tables import METADATA, NAME, OUTBOX, VERSION
from hven.alarms.transport import Transport
from hven.core.clock import NS, now_ns
from hven.core.errors import HvenError
from hven.core.logging import get_logger
from hven.registry.database import Database
from hven.registry.schema import storable

SENDING_S = 120.0
"""A message that a service is sending is left to it for so long."""

_AT_ONCE = 20
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 3600.0
_GIVEN_UP_AFTER_S = 7 * 24 * 3600.0

_log = get_logger(__name__)


class Delivery(StrEnum):
    """What became of a message on one way: not yet sent, handed over, or given up after a week of trying."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given up"


class Outbox:
    """Keeps messages until they are told.

    Parameters
    ----------
    database
        That of `platform_url`.
    transports
        Ways to people; each gets every message.
    """

    def __init__(self, database: Database, transports: Sequence[Transport]) -> None:
        self.database = database
        self.transports = {transport.name: transport for transport in transports}
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="Messages of that version are lost.")

    def put(self, connection: sa.Connection, message: Message) -> None:
        """Keep a message, in the transaction in which it becomes true; one of the same key is there already."""
        known = set(connection.scalars(sa.select(OUTBOX.c.transport).where(OUTBOX.c.key == message.key)))
        row = {
            "key": message.key,
            "severity": message.severity,
            "subject": storable(message.subject),
            "text": storable(message.text),
            "time_ns": message.time_ns,
            "state": Delivery.WAITING,
            "due_ns": message.time_ns,
        }
        rows = [{**row, "transport": name} for name in self.transports if name not in known]
        if rows:
            connection.execute(OUTBOX.insert(), rows)

    def deliver(self) -> int:
        """Send what is due; gives how many messages were handed over.

        A message is marked before and after it is sent: a service that is killed in between leaves it to be sent again,
        with the same identity, rather than lost.
        """
        sent = 0
        for message, transport, attempts in self._claim():
            try:
                self.transports[transport].send(message)
            except HvenError as error:
                self._put_off(message, transport, attempts, error)
            else:
                sent += 1
                self._set(message, transport, state=Delivery.SENT, sent_ns=now_ns(), error="")
        return sent

    def _claim(self) -> list[tuple[Message, str, int]]:
        """Messages that are due, put off for other services."""
        due = (OUTBOX.c.state == Delivery.WAITING) & (OUTBOX.c.due_ns <= now_ns())
        due &= OUTBOX.c.transport.in_(list(self.transports))
        query = OUTBOX.select().where(due).order_by(OUTBOX.c.time_ns, OUTBOX.c.key).limit(_AT_ONCE)
        with self.database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return []
        with self.database.write() as connection:
            rows = connection.execute(query).all()
            for row in rows:
                values = {"due_ns": now_ns() + round(SENDING_S * NS), "attempts": row.attempts + 1}
                connection.execute(OUTBOX.update().where(_same(row.key, row.transport)).values(**values))
        found = [Message(r.key, Severity(r.severity), r.subject, r.text, r.time_ns) for r in rows]
        return [(message, row.transport, row.attempts + 1) for message, row in zip(found, rows, strict=True)]

    def _put_off(self, message: Message, transport: str, attempts: int, error: HvenError) -> None:
        _log.warning("message not delivered", transport=transport, subject=message.subject, error=error.message)
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** (attempts - 1), _LONGEST_PAUSE_S)
        old = now_ns() - message.time_ns > _GIVEN_UP_AFTER_S * NS
        state = Delivery.GIVEN_UP if old else Delivery.WAITING
        due_ns = now_ns() + round(pause_s * NS)
        self._set(message, transport, state=state, due_ns=due_ns, error=storable(error.message))

    def _set(self, message: Message, transport: str, **values: object) -> None:
        with self.database.write() as connection:
            connection.execute(OUTBOX.update().where(_same(message.key, transport)).values(**values))


class Postman:
    """Delivers messages beside the work of the batch service, which does not wait for a slow mail server.

    Parameters
    ----------
    outbox
        What to deliver.
    """

    name = "notifications"

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hven-notify")
        self._round: Future[int] | None = None

    def step(self) -> None:
        """Begin a round of deliveries unless one is under way; raises what the last one raised."""
        if self._round is not None and not self._round.done():
            return
        last, self._round = self._round, self._thread.submit(self.outbox.deliver)
        if last is not None:
            last.result()

    def close(self) -> None:
        """Wait for the round that is under way."""
        self._thread.shutdown()


def _same(key: str, transport: str) -> sa.ColumnElement[bool]:
    return (OUTBOX.c.key == key) & (OUTBOX.c.transport == transport)
