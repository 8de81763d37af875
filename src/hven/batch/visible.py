"""Whose jobs somebody may look at: their own, shared ones whose data and run they may see, and as an operator all."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from hven.batch.tables import JOB
from hven.core.settings import Settings
from hven.model.access import UNCLASSED, Viewer
from hven.model.collection import AccessClass, CollectionKind, raw_run
from hven.registry.database import shared_database
from hven.registry.schema import collection
from hven.registry.visible import begins

_OWN = ("u/", "p/")


def visible(settings: Settings, viewer: Viewer | None) -> sa.ColumnElement[bool]:
    """Condition that a viewer may see a job; without a viewer all are seen.

    Runs have their classes in the registry, which may be another database: they are asked for once, not job by job.
    """
    if viewer is None or AccessClass.OPERATORS in viewer.classes:
        return sa.true()
    own = sa.func.substr(JOB.c.run, 1, 2).in_(_OWN)
    mine = own & (JOB.c.user == viewer.name)
    return mine | (~own & _open(settings, viewer) if UNCLASSED in viewer.classes else sa.false())


def _open(settings: Settings, viewer: Viewer) -> sa.ColumnElement[bool]:
    """That neither the raw data of a shared job's instrument nor its run are closed to a viewer."""
    closed = closed_to(settings, viewer, kind=CollectionKind.RUN)
    homes = [f"{name}/" for name in closed_instruments(closed)]
    runs = (run for run in closed if not run.startswith(tuple(homes)))
    return sa.and_(none_of(JOB.c.run, runs), *(~begins(JOB.c.run, home) for home in homes))


def closed_to(settings: Settings, viewer: Viewer, *, kind: CollectionKind | None = None) -> set[str]:
    """Collections of the observatory (of one kind) of classes that are not open to a viewer."""
    columns = collection.c
    closed = columns.access.not_in(sorted(map(str, viewer.classes)))
    alike = sa.true() if kind is None else columns.kind == str(kind)
    shared = sa.func.substr(columns.name, 1, 2).not_in(_OWN)
    with shared_database(settings.registry_url).read() as connection:
        return set(connection.scalars(sa.select(columns.name).where(closed, alike, shared)))


def closed_instruments(closed: Collection[str]) -> list[str]:
    """Instruments whose raw data are closed, from the closed collections."""
    return [name for name in sorted({run.partition("/")[0] for run in closed}) if raw_run(name) in closed]


def none_of(column: sa.ColumnElement[str], names: Iterable[str]) -> sa.ColumnElement[bool]:
    """Condition that a column has none of any number of names: databases take some ten thousand parameters at most."""
    listed: sa.BindParameter[str] = sa.bindparam(None, sorted(names), expanding=True, literal_execute=True)
    return column.not_in(listed)
