"""The gateway: latest values and what led to them, in one sequence that others can follow without missing anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.clock import NS, format_utc, now_ns
from hven.core.errors import ConfigurationError, GoneError
from hven.registry.database import Database
from hven.telemetry.tables import HEAD, LATEST, METADATA, NAME, RECORD, VERSION

WINDOW_NS = 7 * 24 * 3600 * NS
"""Records are kept at least so long."""

LONGEST_VALUE = 1 << 16
"""Bytes of a value as JSON."""

_PRUNE_EVERY_NS = 3600 * NS
_AT_ONCE = 1000
_WORD = re.compile("[^\\0-\\x1f\\x7f\ud800-\udfff]{1,300}")
_NO_HEAD = {"id": 1, "last": 0, "pruned": 0, "pruned_ns": 0}


@dataclass(frozen=True, slots=True)
class Record:
    """One published value.

    Parameters
    ----------
    sequence
        Larger than that of everything published before; 0 before it is published.
    time_ns
        When it was published, UTC.
    channel, name
        What it is about, e.g. ``qc`` and ``panoseti/254/rate``.
    value
        As JSON: whatever those who follow the channel expect.
    """

    sequence: int
    time_ns: int
    channel: str
    name: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Latest values at one moment.

    Parameters
    ----------
    sequence
        Of the newest record of all channels: who goes on from here with `Gateway.since` misses nothing.
    oldest
        The smallest sequence from which `Gateway.since` can go on.
    records
        Latest of each name, by channel and name.
    """

    sequence: int
    oldest: int
    records: tuple[Record, ...]


class Gateway:
    """Publishes values, and gives what is latest and what came since.

    Every publication is a transaction under the database's write lock, so there is one writer at a time and records
    become visible in the order of their sequence: a reader that has seen one has seen all before it. Sequences are
    microseconds since 1970, or one more than the last where that is more; so they go on growing after a backup was
    restored, too.

    Parameters
    ----------
    database
        That of `platform_url`.

    Examples
    --------
    >>> gateway = Gateway(Database("sqlite:///gateway.sqlite"))
    >>> first = gateway.publish("qc", "panoseti/254/rate", {"value": 12.5, "units": "1/s", "status": "ok"})
    >>> second = gateway.publish("qc", "panoseti/254/rate", {"value": 99.5, "units": "1/s", "status": "error"})
    >>> [record.value["status"] for record in gateway.since(first)]
    ['error']
    >>> [record.sequence == second for record in gateway.latest("qc")]
    [True]
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="Records of that version are lost.")

    def publish(self, channel: str, name: str, value: Mapping[str, Any]) -> int:
        """Publish a value; gives its sequence.

        Raises
        ------
        ConfigurationError
            When the value is not JSON (which has no NaN), is too long, or a name holds characters that cannot be sent.
        """
        return self.publish_all([(channel, name, value)])[-1]

    def publish_all(self, values: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[int]:
        """Publish values (channel, name, value) together: all of them, or none after an error as in `publish`."""
        checked = [_checked(*one) for one in values]
        if not checked:
            return []
        with self.database.write() as connection:
            head, now = _head(connection), now_ns()
            first = max(head["last"] + 1, now // 1000)
            rows = [{**one, "sequence": first + i, "time_ns": now} for i, one in enumerate(checked)]
            connection.execute(sa.insert(RECORD), rows)
            _set_latest(connection, rows)
            _set_head(connection, _pruned(connection, {**head, "last": rows[-1]["sequence"]}, now))
        return [row["sequence"] for row in rows]

    def since(self, sequence: int, limit: int = _AT_ONCE) -> list[Record]:
        """Records after a sequence, oldest first, at most `limit`.

        Raises
        ------
        GoneError
            When some of them are kept no longer, or the sequence was never given here.
        """
        query = sa.select(RECORD).where(RECORD.c.sequence > sequence).order_by(RECORD.c.sequence).limit(limit)
        with self.database.read() as connection:
            _check_window(sequence, _head(connection))
            return [Record(**row) for row in connection.execute(query).mappings()]

    def last(self) -> int:
        """Sequence of the newest record; 0 where there is none."""
        with self.database.read() as connection:
            return _head(connection)["last"]

    def latest(self, channel: str = "") -> list[Record]:
        """Latest record of each name of a channel (of all if empty), by channel and name; also those of long ago."""
        return list(self.snapshot(channel).records)

    def snapshot(self, channel: str = "") -> Snapshot:
        """Latest records with the sequence from which to go on."""
        query = sa.select(LATEST).order_by(LATEST.c.channel, LATEST.c.name)
        query = query.where(LATEST.c.channel == channel) if channel else query
        with self.database.read() as connection:
            head = _head(connection)
            rows = connection.execute(query).mappings()
            return Snapshot(head["last"], head["pruned"], tuple(Record(**row) for row in rows))


def _checked(channel: str, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    for word in (channel, name):
        if not _WORD.fullmatch(word):
            raise ConfigurationError(
                f"{word!r} names nothing that can be published", hint="Use 1 to 300 printable characters."
            )
    try:
        text = json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{channel} {name}: the value is not JSON: {error}", hint="Write NaN and infinities as null."
        ) from None
    if len(text) > LONGEST_VALUE:
        raise ConfigurationError(
            f"{channel} {name}: the value has {len(text)} bytes, at most {LONGEST_VALUE} can be published"
        )
    return {"channel": channel, "name": name, "value": json.loads(text)}


def _head(connection: Connection) -> dict[str, int]:
    row = connection.execute(sa.select(HEAD)).mappings().first()
    return dict(row) if row else dict(_NO_HEAD)


def _set_head(connection: Connection, head: Mapping[str, int]) -> None:
    if connection.execute(sa.update(HEAD).values(**head)).rowcount == 0:
        connection.execute(sa.insert(HEAD).values(**head))


def _set_latest(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    last = {(row["channel"], row["name"]): row for row in rows}
    same = (LATEST.c.channel == sa.bindparam("b_channel")) & (LATEST.c.name == sa.bindparam("b_name"))
    connection.execute(sa.delete(LATEST).where(same), [{"b_channel": c, "b_name": n} for c, n in last])
    connection.execute(sa.insert(LATEST), list(last.values()))


def _pruned(connection: Connection, head: dict[str, int], now: int) -> dict[str, int]:
    """Delete what is older than the window; gives the head as it then is."""
    if now - head["pruned_ns"] < _PRUNE_EVERY_NS:
        return head
    old = RECORD.c.time_ns < now - WINDOW_NS
    last = connection.scalar(sa.select(sa.func.max(RECORD.c.sequence)).where(old))
    if last is not None:
        connection.execute(sa.delete(RECORD).where(old))
    return {**head, "pruned": last or head["pruned"], "pruned_ns": now}


def _check_window(sequence: int, head: Mapping[str, int]) -> None:
    last, pruned = head["last"], head["pruned"]
    if sequence > last:
        raise GoneError(
            f"sequence {sequence} is ahead of the gateway, whose newest is {last}", hint="Begin again with the latest."
        )
    if sequence < pruned:
        raise GoneError(
            f"records since {sequence} are kept no longer; the oldest sequence available is {pruned}"
            f" ({format_utc(pruned * 1000)})",
            hint="Begin again with the latest values, and go on from the sequence that comes with them.",
        )
