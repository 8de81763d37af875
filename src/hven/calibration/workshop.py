"""Where calibrations are made, and in whose name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uuid_utils

from hven.model.collection import Collection, CollectionKind, home_of
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.registry.protocol import Registry

Process = Callable[[str, DataQuery, str], Sequence[Product]]
"""Run a pipeline over a data query, taking inputs from a collection (the defaults if empty); what it made or found."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What making a calibration takes.

    Parameters
    ----------
    root
        Data root.
    registry
        Knows products, and keeps what is certified.
    instrument
        Whose calibrations they are.
    process
        Runs pipelines: here, or as jobs of the batch service. Products are born in runs of `owner`.
    user
        In whose name.
    owner
        Whose the calibrations are; empty for the observatory's.
    """

    root: Path
    registry: Registry
    instrument: Instrument
    process: Process
    user: str
    owner: str = ""

    @property
    def home(self) -> str:
        """What the names of its collections begin with."""
        return home_of(self.owner) if self.owner else self.instrument.name

    def certified_in(self, name: str) -> str:
        """CALIBRATION collection of a calibration."""
        return f"{self.home}/calib/{name}"

    def chosen(self, name: str, what: str, product_ids: Sequence[str], doc: str) -> str:
        """Make a collection of just these products, from which a pipeline takes its inputs; its name."""
        collection = f"{self.home}/candidates/{name}/{uuid_utils.uuid7()}/{what}"
        self.registry.define(Collection(collection, CollectionKind.TAGGED, doc=doc))
        self.registry.tag(collection, product_ids)
        return collection
