"""Products of a run and the registry: found again, registered, made current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hven.core.errors import DataError, DatasetNotFoundError
from hven.core.logging import get_logger
from hven.model.collection import owner_of
from hven.model.product import Product
from hven.model.quantum import QuantumRecord
from hven.pipeline.work import Place
from hven.registry.protocol import Registry
from hven.registry.sharing import open_new
from hven.store.current import set_current
from hven.store.index import inputs_of, read_product
from hven.store.paths import data_id_folder, is_version

if TYPE_CHECKING:
    from hven.pipeline.work import Work

_CURRENT_AT_ONCE = 8  # each waits for the disk
_log = get_logger(__name__)


@dataclass(slots=True)
class Keeper:
    """Publish first, register second, make current third; records go in batches, and `told` hears of them.

    Of quanta that are made `anew`, by number, only what was born in this very run counts as existing. Products that are
    not `chosen` wait for somebody's acceptance: they are found in their run, and made current by nobody here.
    """

    registry: Registry
    place: Place
    told: Callable[[Sequence[QuantumRecord]], None]
    anew: frozenset[int] = frozenset()
    chosen: bool = True
    _new: list[Product] = field(default_factory=list)
    _inputs: dict[str, list[str]] = field(default_factory=dict)
    _records: list[QuantumRecord] = field(default_factory=list)

    def existing(self, works: Sequence[Work]) -> dict[str, list[Product]]:
        """All outputs of each quantum key that are on disk, whether registered or left there by a killed run."""
        old = [w.key for w in works if w.quantum.number not in self.anew]
        registered = self.registry.by_quantum(old, owner=self.place.owner) if old else {}
        registered |= self._born_here([w for w in works if w.quantum.number in self.anew])
        known = {}
        for work in works:
            products = [self._there(work, name, registered.get((work.key, name))) for name in work.quantum.step.outputs]
            found = [p for p in products if p is not None]
            if found and len(found) == len(products):
                known[work.key] = found
        return known

    def _born_here(self, works: Sequence[Work]) -> dict[tuple[str, str], Product]:
        """Products of this run by quantum key and output."""
        if not works or self.place.run not in {c.name for c in self.registry.collections()}:
            return {}
        types = {t.type_name for work in works for t in work.quantum.step.outputs.values()}
        born = [p for name in types for p in self.registry.find(name, collection=self.place.run)]
        return {(p.quantum_key, p.output): p for p in born if p.run == self.place.run}

    def _there(self, work: Work, output: str, product: Product | None) -> Product | None:
        if product is not None and (self.place.root / product.path).is_dir():
            return product
        return self._unregistered(work, output)

    def _unregistered(self, work: Work, output: str) -> Product | None:
        """Published but not registered: what a killed run leaves."""
        folder = data_id_folder(work.ref(output), user=self.place.owner)
        try:
            versions = sorted(p.name for p in (self.place.root / folder).iterdir() if is_version(p.name))
        except FileNotFoundError:
            return None
        for version in reversed(versions):
            product = self._read(folder / version)
            if product is not None and self._is(product, work, output):
                if self._is_registered(product):
                    continue  # it has expired: what will go is not built on
                self.registry.register(
                    [product], inputs={product.id: inputs_of(self.place.root, product)}, chosen=self.chosen
                )
                return product
        return None

    def _is_registered(self, product: Product) -> bool:
        try:
            return self.registry.get(product.id) == product
        except DatasetNotFoundError:
            return False

    def _is(self, product: Product, work: Work, output: str) -> bool:
        here = work.quantum.number not in self.anew or product.run == self.place.run
        return here and (product.quantum_key, product.output) == (work.key, output)

    def _read(self, path: PurePosixPath) -> Product | None:
        try:
            return read_product(self.place.root, path)
        except DatasetNotFoundError:
            return None
        except DataError as error:
            _log.warning("a version is left out", reason=error.message)
            return None

    def choose(self, products: Sequence[Product]) -> None:
        """Make products that were there already the ones that are found and opened by default."""
        for product in products if self.chosen else ():
            self._make_current(product)
            if self.place.owner == "":
                chosen = self.registry.find_one(product.ref)
                if chosen is None or chosen.id != product.id:
                    self.registry.tag(f"{product.ref.type.instrument}/defaults", [product.id])

    def add(self, products: Sequence[Product], inputs: list[str]) -> None:
        """Take new products; `flush` registers them."""
        self._new += products
        self._inputs |= {p.id: inputs for p in products}

    def record(self, record: QuantumRecord) -> None:
        """Take a quantum record; `flush` writes it."""
        self._records.append(record)

    def note(self, records: Sequence[QuantumRecord]) -> None:
        """Write down at once what runs, or does not run any more without having ended; nobody is told."""
        if records:
            self.registry.record_quanta(records)

    def flush(self) -> None:
        """Write everything that was taken."""
        self.taken()()

    @property
    def waiting(self) -> int:
        """Records that were taken and not yet written."""
        return len(self._records)

    def taken(self) -> Callable[[], None]:
        """Hand over everything that was taken; who calls the result writes it."""
        taken = partial(self._write, self._new, self._inputs, self._records)
        self._new, self._inputs, self._records = [], {}, []
        return taken

    def _write(self, new: list[Product], inputs: dict[str, list[str]], records: list[QuantumRecord]) -> None:
        if new:
            open_new(self.registry, self.place.root, new)
            self.registry.register(new, inputs=inputs, chosen=self.chosen)
            with ThreadPoolExecutor(_CURRENT_AT_ONCE) as pool:
                list(pool.map(self._make_current, new))
        if records:
            self.registry.record_quanta(records)
            self.told(records)

    def _make_current(self, product: Product) -> None:
        if self.chosen and owner_of(product.run) == self.place.owner:
            set_current(self.place.root, product)
