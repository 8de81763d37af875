"""Where samples come from without anybody asking: a folder into which files are dropped, and products."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from hven.core.clock import now_ns
from hven.core.errors import HvenError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.collection import AccessClass
from hven.model.data_id import TypeName
from hven.model.telemetry import Kind, Topic
from hven.registry.database import Database
from hven.registry.protocol import Registry
from hven.registry.schema import storable
from hven.store.read import open_product
from hven.telemetry.annex import keep_file
from hven.telemetry.drop import drop_folder
from hven.telemetry.intake_tables import METADATA, MIGRATIONS, NAME, TAKEN, VERSION
from hven.telemetry.product_rows import rows_of
from hven.telemetry.readers import read_samples
from hven.telemetry.samples import Appended
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import Declared

_log = get_logger(__name__)


class Intake:
    """Takes dropped files and rows of products, each once.

    Parameters
    ----------
    settings
        Of the site.
    database
        That of `platform_url`.
    store, declared
        Where samples go, and what there is.
    """

    def __init__(self, settings: Settings, database: Database, store: TelemetryStore, declared: Declared) -> None:
        self.settings = settings
        self.database = database
        self.store = store
        self.declared = declared
        again = "The next round takes all files again."
        database.prepare(METADATA, name=NAME, version=VERSION, when_older=again, migrations=MIGRATIONS)

    def files(self) -> Appended:
        """Take files that have not changed for the settle time; they stay where they are.

        A file that cannot be read is noted and left alone until it changes.
        """
        told = Appended()
        for topic, file in self._dropped():
            status = file.stat()
            if self._knows(str(file), status.st_size, status.st_mtime_ns):
                continue
            result, error = self._take(topic, file)
            self._note(str(file), topic, result, size=status.st_size, mtime_ns=status.st_mtime_ns, error=error)
            told += result
        return told

    def products(self, registry: Registry) -> Appended:
        """Take the rows of new products of topics that are declared as products.

        Telemetry is for the collaboration: products for operators stay out of it.
        """
        told = Appended()
        closed = {c.name for c in registry.collections() if c.access is AccessClass.OPERATORS}
        for topic in self.declared.topics.values():
            found = registry.find(TypeName.parse(topic.product)) if topic.product else []
            known = self._known(topic) if found else set()
            for product in found:
                source = f"{topic.name} {product.id}"
                if source in known or not product.rows or product.run in closed:
                    continue
                table = open_product(self.settings.root / product.path, chunks=None, indexes=False).load()
                result = self.store.append(topic, rows_of(topic, product.ref.data_id, table))
                self._note(source, topic, result, size=product.size_bytes, mtime_ns=product.created_ns)
                told += result
        return told

    def _dropped(self) -> Iterator[tuple[Topic, Path]]:
        settled = time.time() - self.settings.ingest.settle_s
        folder = drop_folder(self.settings)
        for topic in self.declared.topics.values():
            for file in sorted((folder / topic.name).glob("[!.]*")):
                if file.is_file() and file.stat().st_mtime <= settled:
                    yield topic, file

    def _take(self, topic: Topic, file: Path) -> tuple[Appended, str]:
        try:
            return take_file(self.store, topic, file), ""
        except HvenError as error:
            _log.warning("dropped file not taken", file=str(file), error=error.message)
            return Appended(), str(error)

    def _knows(self, source: str, size: int, mtime_ns: int) -> bool:
        same = (TAKEN.c.source == source) & (TAKEN.c.size == size) & (TAKEN.c.mtime_ns == mtime_ns)
        with self.database.read() as connection:
            return connection.execute(sa.select(TAKEN.c.source).where(same)).first() is not None

    def _known(self, topic: Topic) -> set[str]:
        with self.database.read() as connection:
            return set(connection.scalars(sa.select(TAKEN.c.source).where(TAKEN.c.topic == topic.name)))

    def _note(self, source: str, topic: Topic, told: Appended, *, size: int, mtime_ns: int, error: str = "") -> None:
        values = {
            "source": source, "size": size, "mtime_ns": mtime_ns, "topic": topic.name, "samples": told.new,
            "error": storable(error), "taken_ns": now_ns(),
        }  # fmt: skip
        with self.database.write() as connection:
            connection.execute(sa.delete(TAKEN).where(TAKEN.c.source == source))
            connection.execute(sa.insert(TAKEN).values(values))


def take_file(store: TelemetryStore, topic: Topic, file: Path, *, begin_ns: int | None = None) -> Appended:
    """Samples of a file into the store; a file of the annex is kept whole, at its own time unless one is given.

    Raises
    ------
    HvenError
        When the file cannot be read, or does not fit the topic.
    """
    if topic.kind is Kind.FILES:
        return keep_file(store, topic, file, file.stat().st_mtime_ns if begin_ns is None else begin_ns)
    return store.append(topic, read_samples(topic, file, begin_ns=begin_ns))
