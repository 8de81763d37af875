"""`hven.model.access.may_see` as SQL, so that what a viewer may not see is not even counted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hven.model.access import UNCLASSED, Viewer
from hven.model.collection import AccessClass, home_of, project_owner
from hven.registry.schema import collection, share

_OWN = ("u/", "p/")


def visible(viewer: Viewer | None, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Condition that a viewer may see the collection with this name; without a viewer everything is seen.

    Parameters
    ----------
    viewer
        Who looks.
    name
        Column with the name of a collection; one without a row has no class of its own.
    """
    if viewer is None:
        return sa.true()
    owners = [viewer.name] if viewer.name else []
    homes = [home_of(owner) for owner in (*owners, *map(project_owner, sorted(viewer.groups)))]
    own = (sa.or_(name == home, begins(name, f"{home}/")) for home in homes)
    anybodys = sa.or_(*(begins(name, prefix) for prefix in _OWN))
    return sa.or_(sa.and_(sa.not_(anybodys), _open(viewer, name)), _shared(viewer, name), *own)


def _shared(viewer: Viewer, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    if not viewer.groups:
        return sa.false()
    return name.in_(sa.select(share.c.collection).where(share.c.with_group.in_(sorted(viewer.groups))))


def _open(viewer: Viewer, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    classes = set(map(str, viewer.classes))
    if classes == set(map(str, AccessClass)):
        return sa.true()
    if UNCLASSED in viewer.classes:
        return name.not_in(sa.select(collection.c.name).where(collection.c.access.not_in(classes)))
    return name.in_(sa.select(collection.c.name).where(collection.c.access.in_(classes)))


def begins(name: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Condition that a name begins with a text, compared as Python does: LIKE ignores the case of letters in SQLite."""
    return sa.func.substr(name, 1, len(text)) == text
