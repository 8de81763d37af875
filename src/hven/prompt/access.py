"""Who sees what is being taken: who may see the raw data that it becomes."""

from __future__ import annotations

import re

from hven.core.settings import Settings
from hven.model.access import UNCLASSED
from hven.model.collection import Collection, CollectionKind, raw_run
from hven.prompt.publish import CHANNELS
from hven.registry.protocol import Registry
from hven.store.classes import set_class
from hven.store.paths import live_folder


def give_class(registry: Registry, settings: Settings, instrument: str, run: str) -> None:
    """Give a run of live processing, and the folder in which its rows are shown, the class of the raw data.

    Parameters
    ----------
    registry, settings
        Of the site.
    instrument
        Whose data are taken; its raw run is made where there is none yet, so that it has a class.
    run
        In which products are born.
    """
    classes = {c.name: c.access for c in registry.collections()}
    raw = raw_run(instrument)
    if raw not in classes:
        registry.define(Collection(raw, CollectionKind.RUN))
    access = classes.get(raw, UNCLASSED)
    if access != UNCLASSED:
        registry.define(Collection(run, CollectionKind.RUN, access))
    folder = settings.root / live_folder(instrument)
    folder.mkdir(parents=True, exist_ok=True)
    if settings.server is not None:
        set_class(folder, access, settings.server)


def may_look(registry: Registry, instrument: str) -> bool:
    """Whether whoever sees this registry may see what an instrument is taking."""
    return raw_run(instrument) in {c.name for c in registry.collections()}


def closed_instruments(whole: Registry, seen: Registry) -> frozenset[str]:
    """Instruments of which `seen` hides what is being taken."""
    closed = {c.name for c in whole.collections()} - {c.name for c in seen.collections()}
    instruments = {name.partition("/")[0] for name in closed}
    return frozenset(name for name in instruments if raw_run(name) in closed)


def may_hear(channel: str, name: str, closed: frozenset[str]) -> bool:
    """Whether a record of the gateway is for somebody to whom some instruments are closed.

    Examples
    --------
    >>> may_hear("prompt", "magis.drops/1", frozenset({"magis"})), may_hear("qc", "magis/1/atoms", frozenset({"magis"}))
    (False, True)
    """
    return channel not in CHANNELS or re.split("[./]", name, maxsplit=1)[0] not in closed
