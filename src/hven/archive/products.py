"""L0 products of an observation: one for each dataset that its archived raw files hold."""

from __future__ import annotations

import getpass
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hven.archive.convert import Source, convert
from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.archive.restore import restore
from hven.archive.results import ProductResult, told, words
from hven.core.clock import now_ns
from hven.core.errors import CancelledError, InfrastructureError
from hven.core.logging import get_logger
from hven.model import origin
from hven.model.collection import raw_run
from hven.model.data_id import DataId, DatasetRef, Level
from hven.model.dataset_type import DatasetType
from hven.model.digest import digest_json
from hven.model.instrument import Inspection, Instrument
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.pipeline.identity import software
from hven.registry.protocol import Registry
from hven.store.current import set_current
from hven.store.index import read_product
from hven.store.paths import data_id_folder, is_version, raw_folder
from hven.store.publish import ReadBack, Staging, stage
from hven.store.staging import make_part
from hven.store.version import new_version

TASK = "archive.convert"
TASK_VERSION = "1"

NOWHERE: Mapping[str, Path] = MappingProxyType({})
"""Where files were delivered that the archive does not keep, when nobody knows."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProductMaker:
    """Makes, registers and points to L0 products.

    Parameters
    ----------
    root
        Data root.
    instrument
        Whose raw files these are.
    registry
        Index that learns of them.
    site
        Name of this site, for the provenance.
    check
        Called between blocks; may raise to stop.
    progress
        Called with a dataset's name when work on it begins.
    acl
        Who may read the products, see `hven.store.classes`.
    """

    root: Path
    instrument: Instrument
    registry: Registry
    site: str
    check: Callable[[], None] = lambda: None
    progress: Callable[[str], None] = lambda _dataset: None
    acl: str = ""

    def make(self, manifest: RawManifest, delivered: Mapping[str, Path]) -> list[ProductResult]:
        """Bring every dataset of an observation up to date; one that fails never stops the rest.

        `delivered` says where files lie that the archive does not keep, by name.
        """
        results = []
        for ref, files in self.datasets(manifest):
            self.check()
            try:
                results.append(self._bring_up_to_date(ref, files, manifest, delivered))
            except (CancelledError, OSError, InfrastructureError):  # the machinery, not the data: it is tried again
                raise
            except Exception as error:  # noqa: BLE001 - one dataset never stops the rest
                _log.error("an L0 product could not be made", dataset=str(ref), **words(error))
                key = key_of(ref, files, manifest)
                self.registry.record_quanta([_record(ref, key, QuantumState.FAILED, told(error))])
                results.append(ProductResult(str(ref), error=told(error), files=tuple(f.name for f in files)))
        return results

    def datasets(self, manifest: RawManifest) -> Iterator[tuple[DatasetRef, list[RawRecord]]]:
        """Datasets that archived files hold, with those of each, in order."""
        types = {t.name: t for t in self.instrument.dataset_types if t.level is Level.L0}
        data = [f for f in manifest.files if f.role == "data" and f.dataset_type]
        common: dict[str, str | int] = {
            "instrument": manifest.instrument,
            "day_obs": manifest.day_obs,
            "observation": manifest.observation,
        }
        ordered = sorted(data, key=lambda f: (f.dataset_type, DataId(f.data_id).sort_key(), f.sequence, f.name))
        for (name, data_id), files in groupby(ordered, key=lambda f: (f.dataset_type, DataId(f.data_id))):
            yield DatasetRef(types[name].type_name, DataId({**common, **data_id})), list(files)

    def _bring_up_to_date(
        self, ref: DatasetRef, files: list[RawRecord], manifest: RawManifest, delivered: Mapping[str, Path]
    ) -> ProductResult:
        """Find the version made of exactly these files, or make it; then register it and point to it."""
        product = self._existing(ref, key_of(ref, files, manifest))
        reused = product is not None
        if product is None:
            self.progress(str(ref))
            product = self._convert(ref, files, manifest, delivered)
        if product is None:
            return ProductResult(str(ref), error="")
        self.registry.register([product], inputs={product.id: []})
        set_current(self.root, product)
        if not reused:
            self._mend(ref, key_of(ref, files, manifest))
        return ProductResult(str(ref), product.id, str(product.path), product.rows, reused, product.flags)

    def _mend(self, ref: DatasetRef, key: str) -> None:
        """Where an earlier conversion has failed, say that it is over."""
        query = DataQuery({key: (value,) for key, value in ref.data_id.items()})
        run, output = raw_run(ref.type.instrument), str(ref.type)
        if self.registry.quanta(run=run, state=QuantumState.FAILED, output=output, query=query):
            self.registry.record_quanta([_record(ref, key, QuantumState.DONE)])

    @contextmanager
    def _raw_files(
        self, ref: DatasetRef, files: list[RawRecord], manifest: RawManifest, delivered: Mapping[str, Path]
    ) -> Iterator[tuple[Path, ...]]:
        """Where the raw files lie: in the archive, where they were delivered, or written again for the time being."""
        raw = self.root / raw_folder(manifest.instrument, manifest.day_obs, manifest.observation)
        places = {f.name: raw / f.name if f.kept else delivered.get(f.name, raw / f.name) for f in files}
        gone = [f for f in files if not f.kept and not places[f.name].exists()]
        with ExitStack() as stack:
            if gone:
                folder, lock = make_part(raw.parent, new_version())
                stack.callback(os.close, lock)
                stack.callback(shutil.rmtree, folder)
                for file in gone:
                    places[file.name] = folder / file.name
                    form = self.instrument.formats[ref.type.name]
                    restore(self.root, ref, file, places[file.name], manifest=manifest, form=form)
            yield tuple(places[f.name] for f in files)

    def _existing(self, ref: DatasetRef, key: str) -> Product | None:
        """Newest version on disk that was made of the same files, registered or not."""
        folder = data_id_folder(ref)
        versions = sorted((p.name for p in (self.root / folder).glob("*") if is_version(p.name)), reverse=True)
        products = (read_product(self.root, folder / version) for version in versions)
        return next((p for p in products if p.quantum_key == key), None)

    def _convert(
        self, ref: DatasetRef, files: list[RawRecord], manifest: RawManifest, delivered: Mapping[str, Path]
    ) -> Product | None:
        if not together(files).rows:
            return None
        with self.converted(ref, files, manifest, delivered) as (staging, read):
            product = self.publish(staging, read, self.provenance(staging, files, manifest), files)
        _log.info("made an L0 product", dataset=str(ref), rows=product.rows, flags=list(product.flags))
        return product

    @contextmanager
    def converted(
        self,
        ref: DatasetRef,
        files: list[RawRecord],
        manifest: RawManifest,
        delivered: Mapping[str, Path] = NOWHERE,
        *,
        version: str | None = None,
    ) -> Iterator[tuple[Staging, ReadBack]]:
        """Convert archived files beside the place of a product; gives that and what lies there.

        What is not published in the `with` block is removed.
        """
        raw = self.root / raw_folder(manifest.instrument, manifest.day_obs, manifest.observation)
        format_ = self.instrument.formats[ref.type.name]
        with self._raw_files(ref, files, manifest, delivered) as paths:
            attrs = {**format_.attrs(paths, _configurations(raw, manifest)), **_origin(files, manifest)}
            source = Source(paths, format_, together(files), attrs)
            with stage(self.root, ref, version=version, acl=self.acl) as staging:
                yield staging, convert(staging.path, self._type(ref), source, check=self.check)

    def publish(self, staging: Staging, read: ReadBack, provenance: Provenance, files: list[RawRecord]) -> Product:
        """Publish what was converted."""
        flags = str(read.dataset.attrs.get("flags", "")).split() + ["partial"] * together(files).partial
        return staging.publish(provenance, self._type(staging.ref), flags=flags, read=read)

    def _type(self, ref: DatasetRef) -> DatasetType:
        return next(t for t in self.instrument.dataset_types if t.type_name == ref.type)

    def provenance(self, staging: Staging, files: list[RawRecord], manifest: RawManifest) -> Provenance:
        """Provenance record of what is converted from some files."""
        inputs = _inputs(files, manifest)
        return Provenance(
            id=staging.id,
            dataset_type=str(staging.ref.type),
            schema_version=self._type(staging.ref).schema_version,
            data_id=dict(staging.ref.data_id),
            run=raw_run(manifest.instrument),
            task=TASK,
            task_version=TASK_VERSION,
            config={},
            inputs=inputs,
            quantum_key=key_of(staging.ref, files, manifest),
            output=str(staging.ref.type),
            created_ns=now_ns(),
            user=getpass.getuser(),
            site=self.site,
            software=software(),
            notes={"day_obs_offset_hours": manifest.day_obs_offset_hours, "raw_bytes": _raw_bytes(inputs, manifest)},
        )


def _origin(files: list[RawRecord], manifest: RawManifest) -> dict[str, Any]:
    return {origin.RUN: manifest.observation, **origin.of_files([(f.name, f.bytes, f.sha256) for f in files])}


def _raw_bytes(inputs: tuple[InputRecord, ...], manifest: RawManifest) -> int:
    """Bytes of the data files among the inputs."""
    names = {i.slot for i in inputs}
    return sum(f.bytes for f in manifest.files if f.role == "data" and f.name in names)


def together(files: list[RawRecord]) -> Inspection:
    """What was found in all files of a sequence when they were archived."""
    begins = list(accumulate((f.rows for f in files), initial=0))
    return Inspection(begins[-1], tuple(begins[:-1]), tuple(f.tail_bytes for f in files))


def _record(ref: DatasetRef, key: str, state: QuantumState, error: str = "") -> QuantumRecord:
    return QuantumRecord(
        run=raw_run(ref.type.instrument),
        step=ref.type.name,
        task=TASK,
        task_version=TASK_VERSION,
        data_id=ref.data_id,
        quantum_key=key,
        state=state,
        outputs=(str(ref.type),),
        error=error,
        ended_ns=now_ns(),
    )


def key_of(ref: DatasetRef, files: list[RawRecord], manifest: RawManifest) -> str:
    """Quantum key of what is converted from some files."""
    inputs = sorted((i.slot, i.digest) for i in _inputs(files, manifest))
    return digest_json([TASK, TASK_VERSION, str(ref.type), dict(ref.data_id), inputs])


def _inputs(files: list[RawRecord], manifest: RawManifest) -> tuple[InputRecord, ...]:
    """Data files, and configurations of the observation."""
    configurations = [f for f in manifest.files if f.role == "configuration"]
    return tuple(_input(f, manifest) for f in (*files, *configurations))


def _input(file: RawRecord, manifest: RawManifest) -> InputRecord:
    data_id = {"instrument": manifest.instrument, "observation": manifest.observation, **file.data_id}
    return InputRecord(
        slot=file.name, role="raw", dataset_type=file.dataset_type, data_id=data_id, id="", digest=file.sha256
    )


def _configurations(raw: Path, manifest: RawManifest) -> dict[str, Any]:
    """Redacted configuration files by name, parsed; those that are no JSON are left out."""
    found = {}
    for file in manifest.files:
        if file.role == "configuration" and file.name.endswith(".json"):
            try:
                found[file.name] = json.loads((raw / file.name).read_bytes())
            except ValueError:
                _log.warning("a configuration file is no JSON", file=file.name, observation=manifest.observation)
    return found
