"""`hven.model.access.may_see` as SQL, so that what a viewer may not see is not even counted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hven.model.access import UNCLASSED, Viewer
from hven.model.collection import AccessClass
from hven.registry.schema import collection, share

_OWN = "u/"


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
    own = f"{_OWN}{viewer.name}"
    is_own = sa.or_(name == own, begins(name, f"{own}/")) if viewer.name else sa.false()
    is_shared = name.in_(sa.select(share.c.collection).where(share.c.with_group.in_(sorted(viewer.groups))))
    is_own = sa.or_(is_own, is_shared) if viewer.groups else is_own
    return sa.or_(is_own, sa.and_(sa.not_(begins(name, _OWN)), _open(viewer, name)))


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
