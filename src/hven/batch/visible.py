"""Whose jobs somebody may look at: their own, shared ones like other shared runs, and as an operator everybody's."""

from __future__ import annotations

import sqlalchemy as sa

from hven.batch.tables import JOB
from hven.model.access import UNCLASSED, Viewer
from hven.model.collection import AccessClass

_OWN = ("u/", "p/")


def visible(viewer: Viewer | None) -> sa.ColumnElement[bool]:
    """Condition that a viewer may see a job; without a viewer all are seen."""
    if viewer is None or AccessClass.OPERATORS in viewer.classes:
        return sa.true()
    shared = sa.func.substr(JOB.c.run, 1, 2).not_in(_OWN)
    return (JOB.c.user == viewer.name) | (shared if UNCLASSED in viewer.classes else sa.false())
