"""The completeness ledger in the database: nights, lines, findings, and when bytes were last read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import batched
from typing import Any

import sqlalchemy as sa

from hven.archive.completeness.model import Finding, Kind, Line, NightCount, Place
from hven.archive.completeness.tables import FINDING, LINE, METADATA, NAME, NIGHT, READ, VERSION
from hven.core.clock import now_ns
from hven.registry.database import Database
from hven.registry.schema import storable

_AT_ONCE = 500
_WHEN_OLDER = "Drop the tables whose names begin with ledger_; the next look at the disk fills them again."


class CompletenessStore:
    """Ledger in a database.

    Parameters
    ----------
    database
        That of `platform_url`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older=_WHEN_OLDER)

    def fingerprints(self) -> dict[Place, str]:
        """What each night looked like when it was last compared."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(NIGHT.c.instrument, NIGHT.c.day_obs, NIGHT.c.fingerprint)).all()
        return {Place(row.instrument, row.day_obs): row.fingerprint for row in rows}

    def listed(self) -> dict[Place, int]:
        """When each night was last listed."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(NIGHT.c.instrument, NIGHT.c.day_obs, NIGHT.c.listed_ns)).all()
        return {Place(row.instrument, row.day_obs): row.listed_ns for row in rows}

    def put(
        self, place: Place, *, fingerprint: str, logged: bool, lines: Iterable[Line], listed_ns: int | None = None
    ) -> None:
        """Replace the lines of a night; without `listed_ns` it was not listed this time."""
        values: dict[str, Any] = {"fingerprint": fingerprint, "logged": logged, "checked_ns": now_ns()}
        values |= {"listed_ns": listed_ns} if listed_ns is not None else {}
        rows = [line.model_dump(mode="json") for line in lines]
        with self.database.write() as connection:
            if not connection.execute(NIGHT.update().where(_of(NIGHT, place)).values(values)).rowcount:
                connection.execute(NIGHT.insert().values({**place._asdict(), "listed_ns": 0, **values}))
            connection.execute(LINE.delete().where(_of(LINE, place)))
            if rows:
                connection.execute(LINE.insert(), rows)

    def decide(
        self, place: Place, kinds: Collection[Kind], found: Iterable[Finding], *, paths: Collection[str] | None = None
    ) -> None:
        """Replace what is amiss in a night, as far as these kinds and paths (all if None) go.

        What was found before keeps its time.
        """
        now, wanted = now_ns(), {(f.kind, f.path): f for f in found}
        mine = _of(FINDING, place) & FINDING.c.kind.in_(list(kinds))
        mine &= FINDING.c.path.in_(list(paths)) if paths is not None else sa.true()
        with self.database.write() as connection:
            query = sa.select(FINDING.c.kind, FINDING.c.path, FINDING.c.since_ns).where(mine)
            since = {(Kind(row.kind), row.path): row.since_ns for row in connection.execute(query)}
            connection.execute(FINDING.delete().where(mine))
            rows = [_row(f, since.get(key, now)) for key, f in wanted.items()]
            if rows:
                connection.execute(FINDING.insert(), rows)

    def note(self, finding: Finding) -> None:
        """Add one thing that is amiss, unless it is known."""
        same = (FINDING.c.kind == finding.kind) & (FINDING.c.path == storable(finding.path))
        with self.database.write() as connection:
            if connection.execute(FINDING.select().where(same)).first() is None:
                connection.execute(FINDING.insert().values(_row(finding, now_ns())))

    def findings(self, place: Place | None = None, *, kinds: Collection[Kind] = ()) -> list[Finding]:
        """What is amiss in a night (in all if None), the latest nights first."""
        conditions = [_of(FINDING, place)] if place else []
        conditions += [FINDING.c.kind.in_(list(kinds))] if kinds else []
        order = (FINDING.c.day_obs.desc(), FINDING.c.instrument, FINDING.c.path, FINDING.c.kind)
        with self.database.read() as connection:
            rows = connection.execute(FINDING.select().where(*conditions).order_by(*order)).mappings().all()
        return [Finding.model_validate(dict(row)) for row in rows]

    def lines(self, place: Place) -> list[Line]:
        """Lines of a night."""
        order = (LINE.c.observation, LINE.c.dataset_type, LINE.c.data_id)
        with self.database.read() as connection:
            rows = connection.execute(LINE.select().where(_of(LINE, place)).order_by(*order)).mappings().all()
        return [Line.model_validate(dict(row)) for row in rows]

    def nights(self, *, day_obs: int | None = None, limit: int | None = None) -> list[NightCount]:
        """Nights in numbers, the latest first."""
        query = NIGHT.select().order_by(NIGHT.c.day_obs.desc(), NIGHT.c.instrument).limit(limit)
        query = query.where(NIGHT.c.day_obs == day_obs) if day_obs is not None else query
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
            wrong = sa.select(FINDING.c.instrument, FINDING.c.day_obs, sa.func.count().label("n"))
            grouped = connection.execute(wrong.group_by(FINDING.c.instrument, FINDING.c.day_obs))
            findings = {Place(row.instrument, row.day_obs): row.n for row in grouped}
        places = {Place(row["instrument"], row["day_obs"]): row for row in rows}
        return [_count(place, dict(row), self.lines(place), findings.get(place, 0)) for place, row in places.items()]

    def keep_reading(self, place: Place, sizes: Mapping[str, tuple[int, int]]) -> None:
        """Note what of a night is to be read again from time to time: by path its bytes, and when it was written."""
        with self.database.write() as connection:
            known = set(connection.scalars(sa.select(READ.c.path).where(_of(READ, place))))
            for some in batched(sorted(known - sizes.keys()), _AT_ONCE):
                connection.execute(READ.delete().where(READ.c.path.in_(some)))
            new = [
                {"path": path, **place._asdict(), "bytes": size, "read_ns": written_ns}
                for path, (size, written_ns) in sizes.items()
                if path not in known
            ]
            if new:
                connection.execute(READ.insert(), new)

    def due(self, before_ns: int, *, most_bytes: int) -> tuple[Place, list[str], int] | None:
        """What was read longest ago, if that was before some time: paths of one night, and their bytes.

        They have no more bytes together than was said, unless the first alone has.
        """
        query = READ.select().where(READ.c.read_ns < before_ns).order_by(READ.c.read_ns, READ.c.path).limit(_AT_ONCE)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        place, paths, total = Place(rows[0].instrument, rows[0].day_obs), [rows[0].path], rows[0].bytes
        for row in rows[1:]:
            if Place(row.instrument, row.day_obs) == place and total + row.bytes <= most_bytes:
                paths.append(row.path)
                total += row.bytes
        return place, paths, total

    def was_read(self, paths: Iterable[str]) -> None:
        """Note that bytes have been compared."""
        with self.database.write() as connection:
            for some in batched(paths, _AT_ONCE):
                connection.execute(READ.update().where(READ.c.path.in_(some)).values(read_ns=now_ns()))


def _of(table: sa.Table, place: Place) -> sa.ColumnElement[bool]:
    return (table.c.instrument == place.instrument) & (table.c.day_obs == place.day_obs)


def _row(finding: Finding, since_ns: int) -> dict[str, Any]:
    row = finding.model_dump(mode="json")
    return {**row, "path": storable(finding.path), "detail": storable(finding.detail), "since_ns": since_ns}


def _count(place: Place, row: Mapping[str, Any], found: list[Line], findings: int) -> NightCount:
    return NightCount(
        **place._asdict(),
        logged=row["logged"],
        datasets=len(found),
        announced=sum(line.announced is not None for line in found),
        archived=sum(line.archived is not None for line in found),
        whole=sum(line.whole for line in found),
        registered=sum(bool(line.product) for line in found),
        l1_wanted=sum("L1" in line.levels for line in found),
        l1=sum("L1" in line.done for line in found),
        l2_wanted=sum("L2" in line.levels for line in found),
        l2=sum("L2" in line.done for line in found),
        findings=findings,
        checked_ns=row["checked_ns"],
        listed_ns=row["listed_ns"],
    )
