"""Who did what to which product, and what people have asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from hven.core.clock import now_ns
from hven.registry.database import Database
from hven.retention.tables import DEED, METADATA, NAME, VERSION, WISH

APPLY = "apply"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done: `target` is a product's id, a collection, or empty for all of a plan."""

    who: str
    what: str
    target: str = ""
    dataset: str = ""
    bytes: int = 0
    reason: str = ""
    time_ns: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for; `done_ns` is 0 while it waits."""

    id: int
    who: str
    what: Literal["apply", "restore"]
    target: str
    reason: str
    asked_ns: int
    done_ns: int = 0
    error: str = ""


class Audit:
    """Deeds and wishes in a database, that of `platform_url`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="Move platform.sqlite away; jobs are lost.")

    def note(self, deeds: Iterable[Deed]) -> None:
        """Write down what is about to be done."""
        columns = "who", "what", "target", "dataset", "bytes", "reason"
        rows = [{"time_ns": now_ns(), **{name: getattr(deed, name) for name in columns}} for deed in deeds]
        if rows:
            with self.database.write() as connection:
                connection.execute(sa.insert(DEED), rows)

    def deeds(self, *, target: str = "", limit: int | None = None) -> list[Deed]:
        """What was done, to one target or to all, newest first."""
        query = sa.select(DEED).order_by(DEED.c.id.desc()).limit(limit)
        if target:
            query = query.where(DEED.c.target == target)
        with self.database.read() as connection:
            rows = connection.execute(query)
            return [Deed(r.who, r.what, r.target, r.dataset, r.bytes, r.reason, r.time_ns) for r in rows]

    def last_ns(self, what: str, who: str) -> int:
        """When somebody last did something; 0 where never."""
        query = sa.select(sa.func.max(DEED.c.time_ns)).where(DEED.c.what == what, DEED.c.who == who)
        with self.database.read() as connection:
            return connection.scalar(query) or 0

    def ask(self, who: str, what: str, *, target: str = "", reason: str = "") -> int:
        """Ask the account that may move products; the number of the wish. The same, asked again, is one wish."""
        same = (WISH.c.what == what, WISH.c.target == target, WISH.c.done_ns == 0)
        values = {"who": who, "what": what, "target": target, "reason": reason, "asked_ns": now_ns()}
        with self.database.write() as connection:
            waiting = connection.scalar(sa.select(WISH.c.id).where(*same))
            if waiting is not None:
                return int(waiting)
            done = connection.execute(sa.insert(WISH).values(values))
            return int(done.inserted_primary_key[0])  # type: ignore[index]

    def wishes(self, *, waiting: bool) -> list[Wish]:
        """What was asked for, oldest first; all, or what is not done yet."""
        query = sa.select(WISH).order_by(WISH.c.id)
        with self.database.read() as connection:
            rows = connection.execute(query.where(WISH.c.done_ns == 0) if waiting else query)
            return [Wish(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it

    def done(self, wish: Wish, *, error: str = "") -> None:
        """Answer a wish."""
        with self.database.write() as connection:
            change = sa.update(WISH).where(WISH.c.id == wish.id)
            connection.execute(change.values(done_ns=now_ns(), error=error))
