"""Which campaigns somebody may look at: those whose data and collections are open to them, and as an operator all."""

from __future__ import annotations

from itertools import accumulate

import sqlalchemy as sa

from hven.batch.campaigns.tables import CAMPAIGN
from hven.batch.visible import closed_instruments, closed_to, none_of
from hven.core.settings import Settings
from hven.model.access import UNCLASSED, Viewer
from hven.model.collection import AccessClass

_INSTRUMENT = CAMPAIGN.c.spec["instrument"].as_string()
_HOME = _INSTRUMENT + "/runs/" + CAMPAIGN.c.name


def visible(settings: Settings, viewer: Viewer | None) -> sa.ColumnElement[bool]:
    """Condition that a viewer may see a campaign: none of what it made is closed. Without a viewer all are seen."""
    if viewer is None or AccessClass.OPERATORS in viewer.classes:
        return sa.true()
    if UNCLASSED not in viewer.classes:
        return sa.false()
    closed = closed_to(settings, viewer)
    homes = {path for name in closed for path in accumulate(name.split("/"), "{}/{}".format)}
    return none_of(_INSTRUMENT, closed_instruments(closed)) & none_of(_HOME, homes)
