"""Who sees what is being taken: who may see the raw data that it becomes."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

from hven.core.settings import Settings
from hven.model.access import UNCLASSED
from hven.model.collection import Collection, CollectionKind, raw_run
from hven.prompt.channels import CHANNELS
from hven.registry.protocol import Registry
from hven.store.classes import set_class
from hven.store.paths import live_folder
from hven.telemetry.gateway import Record

_LOOK_S = 5.0


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


@dataclass(slots=True)
class Hearing:
    """What of the gateway is for somebody: what is being taken by instrument, all else by collections that it names.

    A record names the run that it tells of as `run`, and that of the raw data on which something works as `data`.

    Parameters
    ----------
    whole, seen
        The registry, and as they see it.
    """

    whole: Registry
    seen: Registry
    _closed: frozenset[str] = frozenset()
    _looked_s: float = -math.inf

    def may_hear(self, record: Record) -> bool:
        """Whether a record is for them; what became closed is so within seconds."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._closed = closed_runs(self.whole, self.seen)
            self._looked_s = time.monotonic()
        instrument = re.split("[./]", record.name, maxsplit=1)[0]
        told = {record.value.get("run"), record.value.get("data")}
        return self._closed.isdisjoint({raw_run(instrument)} if record.channel in CHANNELS else told)


def closed_runs(whole: Registry, seen: Registry) -> frozenset[str]:
    """Collections that `seen` hides."""
    return frozenset({c.name for c in whole.collections()} - {c.name for c in seen.collections()})
