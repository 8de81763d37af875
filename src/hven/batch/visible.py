"""Whose jobs somebody may look at: their own, shared ones whose data and run they may see, and as an operator all."""

from __future__ import annotations

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
    closed = _closed(settings.registry_url, viewer)
    instruments = [name for name in sorted({run.partition("/")[0] for run in closed}) if raw_run(name) in closed]
    homes = [f"{name}/" for name in instruments]
    runs = sorted(run for run in closed if not run.startswith(tuple(homes)))
    # Written out: databases take some ten thousand parameters at most.
    listed: sa.BindParameter[str] = sa.bindparam(None, runs, expanding=True, literal_execute=True)
    return sa.and_(JOB.c.run.not_in(listed), *(~begins(JOB.c.run, home) for home in homes))


def _closed(url: str, viewer: Viewer) -> set[str]:
    """Runs of the observatory of classes that are not open to a viewer."""
    columns = collection.c
    closed = columns.access.not_in(sorted(map(str, viewer.classes))) & (columns.kind == str(CollectionKind.RUN))
    shared = sa.func.substr(columns.name, 1, 2).not_in(_OWN)
    with shared_database(url).read() as connection:
        return set(connection.scalars(sa.select(columns.name).where(closed, shared)))
