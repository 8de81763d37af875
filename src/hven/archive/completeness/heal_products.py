"""Bring products back: register what the registry lost, and make L0 products again from their raw files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hven.archive.completeness.facts import Facts, unit_of
from hven.archive.completeness.heal_records import manifest_again, provenance_again, read_manifest
from hven.archive.ingest import Archive
from hven.archive.products import ProductMaker, key_of
from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.core.clock import now_ns
from hven.core.errors import ChecksumError, ConflictError, DataError, DatasetNotFoundError
from hven.core.logging import get_logger
from hven.model.data_id import Level
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.registry.direct import DirectRegistry
from hven.store import overviews
from hven.store.current import set_current
from hven.store.inspect import inspect
from hven.store.manifest import MANIFEST, PROVENANCE, FileRecord, check_files
from hven.store.publish import Staging
from hven.store.read import form_of
from hven.store.verified_copy import sha256_of, verified_copy, write_verified

_AGAIN = "once its folder is gone `hven catchup` or `hven registry rebuild` forgets it and the pipeline makes it again"
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProductHealer:
    """Mends products of a night.

    Parameters
    ----------
    archive
        Makes L0 products.
    registry
        Index of products.
    instrument
        Whose they are.
    facts
        Of the night.
    """

    archive: Archive
    registry: DirectRegistry
    instrument: Instrument
    facts: Facts

    @property
    def root(self) -> Path:
        """Data root."""
        return self.facts.root

    def register(self, path: PurePosixPath) -> str:
        """Register a published product that the registry does not know.

        Raises
        ------
        ConflictError
            When a newer version is current.
        HvenError
            When it is not whole, or the registry has another of its quantum.
        """
        found = inspect(self.root, path)
        product, current = found.product, self.registry.find_one(found.product.ref)
        if current is not None and current.created_ns > product.created_ns:
            raise ConflictError(f"{current.id} is newer and current; `hven registry rebuild` brings older ones in")
        self.registry.register([product], inputs={product.id: sorted(found.inputs)})
        set_current(self.root, product)
        return "registered"

    def convert(self, observation: str) -> str:
        """Make the L0 products of an observation that are not there.

        Raises
        ------
        DataError
            When one cannot be made.
        """
        made = self.archive.convert(self.instrument, self._manifest(observation))
        if errors := [p.error for p in made if p.error]:
            raise DataError(errors[0])
        return "converted"

    def make_again(self, product: Product) -> str:
        """Make an L0 product whose folder is gone again, under its id, if it comes out with the same content.

        Raises
        ------
        ChecksumError
            When it does not.
        DatasetNotFoundError
            For what only a pipeline makes.
        """
        manifest, files = self._raw_of(product)
        maker = self._maker
        with maker.converted(product.ref, files, manifest, version=product.id) as (staging, read):
            if read.digest != product.digest:
                raise ChecksumError(f"made again it has other content than {product.digest[:16]}")
            record = maker.provenance(staging, files, manifest)
            same = {"created_ns": product.created_ns, "user": product.user, "site": product.site}
            notes = {**record.notes, "made_again_ns": now_ns()}
            again = maker.publish(staging, read, record.model_copy(update={**same, "notes": notes}), files)
        self.registry.refresh(again)
        _log.warning("made again", product=product.id, dataset=str(product.ref))
        return "made again from its raw files"

    def mend(self, product: Product) -> str:
        """Put the files of a product right: those of L0 as far as converting gives the bytes that its manifest names.

        A manifest is written again where files and registry say the same.

        Raises
        ------
        ChecksumError
            When something in it still differs.
        DatasetNotFoundError
            For what only a pipeline makes.
        """
        folder = self.root / product.path
        known = read_manifest(folder)
        if known is None:
            self._write(manifest_again(self.root, product), MANIFEST, product)
            return "its manifest was written again: files and registry say the same"
        wrong = [f for f in known.files if not _is_whole(folder, f)]
        manifest, files = self._raw_of(product)
        with self._maker.converted(product.ref, files, manifest) as (staging, _read):
            _finish(staging)
            for file in wrong:
                if file.path == PROVENANCE:
                    record = self._maker.provenance(staging, files, manifest)
                    self._write(self._provenance(product, record, file), PROVENANCE, product)
                else:
                    self._replace(staging.path / file.path, folder / file.path, file, product)
        check_files(folder, known)
        _log.warning("mended", product=product.id, files=[f.path for f in wrong])
        return f"{len(wrong)} files made again from its raw files"

    def _provenance(self, product: Product, record: Provenance, lost: FileRecord) -> str:
        """Text of the provenance record of an L0 product, as it was."""
        same = {name: getattr(product, name) for name in ("id", "created_ns", "user", "site", "flags")}
        like = [p for p in self.facts.products if p.ref.type.level == Level.L0 and p.id != product.id]
        return provenance_again(self.root, record.model_copy(update=same), lost.sha256, like)

    def _write(self, text: str, name: str, product: Product) -> None:
        """Write a record of a product anew; what was there is kept in quarantine."""
        target = self.root / product.path / name
        with _writable(self.root / product.path, target.parent):
            self._set_aside(target, name, product)
            write_verified(text.encode(), target)

    def _set_aside(self, target: Path, name: str, product: Product) -> None:
        if target.exists():
            kept = self.root / "quarantine" / product.path / f"{name}.{sha256_of(target)[:16]}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            target.rename(kept)

    def _replace(self, source: Path, target: Path, file: FileRecord, product: Product) -> None:
        if not source.is_file() or sha256_of(source) != file.sha256:
            raise ChecksumError(f"converting does not give the bytes of {file.path}")
        with _writable(self.root / product.path, target.parent):
            self._set_aside(target, file.path, product)
            verified_copy(source, target, sha256=file.sha256)

    def _raw_of(self, product: Product) -> tuple[RawManifest, list[RawRecord]]:
        """Manifest and raw files from which an L0 product was made, all of them whole."""
        if product.ref.type.level != Level.L0:
            raise DatasetNotFoundError(f"a pipeline made it: {_AGAIN}")
        manifest = self._manifest(unit_of(product.ref).observation)
        files = dict(self._maker.datasets(manifest)).get(product.ref, [])
        if key_of(product.ref, files, manifest) != product.quantum_key:
            raise DatasetNotFoundError("the archive holds other raw files by now than it was made from")
        if not all(file.kept for file in files):
            raise DatasetNotFoundError("its raw files are stored in it alone: bring it back from a backup or a replica")
        for file in files:
            path = self.root / self.facts.raw(manifest.observation) / file.name
            if not path.is_file() or sha256_of(path) != file.sha256:
                raise ChecksumError(f"its raw file {file.name} is not whole")
        return manifest, files

    def _manifest(self, observation: str) -> RawManifest:
        manifest = self.facts.manifests.get(observation)
        if manifest is None:
            raise DatasetNotFoundError("there is no raw manifest that can be trusted")
        return manifest

    @property
    def _maker(self) -> ProductMaker:
        return self.archive.maker(self.instrument)


def _is_whole(folder: Path, file: FileRecord) -> bool:
    path = folder / file.path
    try:
        return path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
    except OSError:
        return False


def _finish(staging: Staging) -> None:
    """Bring what was converted into the form in which it is published."""
    if form_of(staging.path) == "array":
        overviews.join(staging.path)


@contextmanager
def _writable(top: Path, folder: Path) -> Iterator[None]:
    """Let names in a folder of a published product change meanwhile; folders that are missing are made."""
    missing = [f for f in (folder, *folder.parents) if f.is_relative_to(top) and not f.exists()]
    opened = missing[-1].parent if missing else folder
    mode = opened.stat().st_mode
    opened.chmod(mode | 0o200)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for made in missing:
            made.chmod(mode)
        opened.chmod(mode)
