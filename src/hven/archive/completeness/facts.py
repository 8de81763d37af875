"""Everything that is known of a night, gathered once: announced, in manifests, in the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import batched
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from hven.archive import raw_manifest
from hven.archive.completeness import exposures
from hven.archive.completeness.model import Place
from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.core.errors import DataError
from hven.model.collection import owner_of
from hven.model.data_id import DataId, DatasetRef, Level, Value
from hven.model.exposure_log import Announced
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.registry.direct import DirectRegistry
from hven.registry.rows import product_of
from hven.registry.schema import expired, product, product_input
from hven.store.paths import raw_folder

_AT_ONCE = 1000
_OWN_KEYS = ("instrument", "day_obs", "observation")


class Unit(NamedTuple):
    """A dataset of an exposure or run: what is announced, archived and converted as one."""

    observation: str
    dataset_type: str
    data_id: str

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.dataset_type} {self.data_id}".rstrip()


@dataclass(frozen=True)
class Facts:
    """A night as the records have it.

    Parameters
    ----------
    root, place
        Data root, and which night.
    announced
        Last line of the exposure log for each dataset.
    manifests
        By observation; None where the manifest cannot be trusted.
    products
        All products of the observatory that are registered for the night, those on their way out left out.
    current
        Ids of those that are found by default.
    inputs
        By id, what each was made from.
    """

    root: Path
    place: Place
    announced: Mapping[Unit, Announced]
    manifests: Mapping[str, RawManifest | None]
    products: tuple[Product, ...]
    current: frozenset[str]
    inputs: Mapping[str, tuple[str, ...]]

    @cached_property
    def archived(self) -> dict[Unit, list[RawRecord]]:
        """Archived data files of each dataset."""
        found: dict[Unit, list[RawRecord]] = {}
        for observation, manifest in self.manifests.items():
            for record in manifest.files if manifest else ():
                if record.role == "data" and record.dataset_type:
                    found.setdefault(unit_of_record(observation, record), []).append(record)
        return found

    @cached_property
    def raw_products(self) -> dict[Unit, Product]:
        """Current L0 product of each dataset."""
        return {unit_of(p.ref): p for p in self.products if p.ref.type.level == Level.L0 and p.id in self.current}

    def raw(self, observation: str) -> Path:
        """Folder of an observation's raw files, relative to the data root."""
        return Path(raw_folder(self.place.instrument, self.place.day_obs, observation))


def unit_of_record(observation: str, record: RawRecord) -> Unit:
    """Dataset to which a raw file belongs."""
    return Unit(observation, record.dataset_type, _text(record.data_id))


def unit_of(ref: DatasetRef) -> Unit:
    """Dataset that an L0 product holds."""
    rest = {k: v for k, v in ref.data_id.items() if k not in _OWN_KEYS}
    return Unit(str(ref.data_id.get("observation", "")), ref.type.name, _text(rest))


def gather(root: Path, registry: DirectRegistry, place: Place) -> Facts:
    """Read the records of a night."""
    entries = exposures.announced(root, place)
    products = _products(registry, place)
    query = DataQuery({"instrument": (place.instrument,), "day_obs": (place.day_obs,)})
    return Facts(
        root=root,
        place=place,
        announced={Unit(e.observation, e.dataset_type, _text(e.data_id)): e for e in entries},
        manifests=dict(_manifests(root, place)),
        products=tuple(products),
        current=frozenset(p.id for p in registry.find(None, query)),
        inputs=_inputs(registry, [p.id for p in products]),
    )


def night_folder(root: Path, place: Place) -> Path:
    """Everything of L0 of a night."""
    return root / "L0" / place.instrument / str(place.day_obs)


def _text(data_id: Mapping[str, Value]) -> str:
    return str(DataId(data_id)) if data_id else ""


def _manifests(root: Path, place: Place) -> Iterator[tuple[str, RawManifest | None]]:
    for raw in sorted(night_folder(root, place).glob("*/raw")):
        manifest = _manifest(raw.parent)
        if manifest is not None:
            yield manifest.observation, manifest
        elif any(raw.iterdir()):
            yield raw.parent.name, None


def _manifest(folder: Path) -> RawManifest | None:
    """Manifest of an observation, if it is what its digest says."""
    try:
        manifest = raw_manifest.load(folder)
    except (DataError, OSError):
        return None
    return manifest if manifest is not None and manifest.sealed() == manifest else None


def _products(registry: DirectRegistry, place: Place) -> list[Product]:
    of_night = (product.c.instrument == place.instrument) & (product.c.day_obs == place.day_obs)
    there = product.c.id.not_in(sa.select(expired.c.product_id))
    with registry.database.read() as connection:
        rows = connection.execute(sa.select(product).where(of_night, there).order_by(product.c.id)).all()
    return [p for p in map(product_of, rows) if not owner_of(p.run)]


def _inputs(registry: DirectRegistry, ids: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for some in batched(ids, _AT_ONCE):
        query = sa.select(product_input).where(product_input.c.product_id.in_(some)).order_by("product_id", "input_id")
        with registry.database.read() as connection:
            for row in connection.execute(query):
                found[row.product_id] = (*found.get(row.product_id, ()), row.input_id)
    return found
