"""Live processing: files are analysed from memory as they come, and written down for the archive at the same time."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hven.core.clock import day_obs
from hven.core.errors import DataError, HvenError
from hven.core.logging import get_logger
from hven.model.data_id import DataId
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument, MemoryFormat
from hven.model.query import DataQuery
from hven.pipeline.bind import BoundStep
from hven.pipeline.keep import Keeper
from hven.pipeline.work import Place
from hven.prompt.archived import Archived
from hven.prompt.channels import LIVE
from hven.prompt.publish import messages
from hven.prompt.series import Item, Series
from hven.prompt.source import Delivery, Source
from hven.prompt.spool import Memory, Spool
from hven.prompt.status import Status, write_status
from hven.prompt.steps import Steps, live_steps
from hven.registry.protocol import Registry
from hven.store.paths import live_folder

if TYPE_CHECKING:
    import xarray as xr

    from hven.telemetry.gateway import Gateway

_BEAT_S = 1.0
_AGAIN_S = 1.0
_PICTURES_S = 1.0
_WRITERS, _LATER = 2, 5
"""While the disk takes one file, the digest of the next is made; where cores are scarce, results go first."""
_log = get_logger(__name__)


@dataclass(slots=True)
class Live:
    """Live processing of one instrument by one pipeline.

    Every file is written into the spool, where `hven ingest` finds it, and analysed once. When memory is full, files
    are analysed from the disk; when the disk is slow, too, the source is kept waiting. Nothing is lost, and both is
    said in the status. A file that cannot be analysed is recorded as failed and stops nothing.

    Parameters
    ----------
    instrument
        Whose files come.
    steps
        Of the pipeline; those that need more than the rows of a file are left to batch processing.
    place
        Where products go and in whose name.
    registry
        Learns of them.
    gateway
        Where results are published.
    spool, memory
        Where files are written down, and how much of them may be held in memory.
    offset_hours
        Of the observing day.
    """

    instrument: Instrument
    steps: Sequence[BoundStep]
    place: Place
    registry: Registry
    gateway: Gateway
    spool: Spool
    memory: Memory
    offset_hours: float
    status: Status = field(init=False)
    _chosen: Steps = field(init=False)
    _types: dict[str, DatasetType] = field(init=False)
    _archived: Archived = field(init=False)
    _series: dict[str, Series] = field(default_factory=dict)
    _storing: queue.SimpleQueue[Item | None] = field(default_factory=queue.SimpleQueue)
    _analysing: queue.SimpleQueue[Item | None] = field(default_factory=queue.SimpleQueue)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _drawn: dict[DataId, float] = field(default_factory=dict)
    _beaten: float = 0.0

    def __post_init__(self) -> None:
        """Choose the steps that can run live."""
        self._types = {t.name: t for t in self.instrument.dataset_types if t.name in self.instrument.formats}
        self._chosen = Steps(live_steps(self.steps, list(self._types.values())))
        self.status = Status(self.place.pipeline)
        self._archived = Archived(self.place.root)

    def published(self, observation: str) -> bool:
        """Whether this pipeline has published products of an observation before."""
        query = DataQuery({"instrument": (self.instrument.name,), "observation": (observation,)})
        tables = [t for step in self._chosen.steps for t in step.outputs.values() if t.form == "table"]
        return all(self.registry.find(t.type_name, query, limit=1) for t in tables)

    @property
    def folder(self) -> Path:
        """Where pages look for what is being taken."""
        return self.place.root / live_folder(self.instrument.name)

    def run(self, source: Source, *, stop: Callable[[], bool] = lambda: False) -> Status:
        """Take files until the source ends or `stop` says so; then finish what has come, and publish it."""
        with self._working():
            while not source.ended and not stop():
                delivery = source.take(min(_BEAT_S, 0.2))
                if delivery is not None:
                    self._receive(delivery)
                self._beat()
        for series in self._series.values():
            for item in series.waiting:
                self._failed(item, series, DataError("no configuration of its observation has come"))
            series.waiting.clear()
            self._publish(series)
        self._say(running=False)
        return self.status

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Some threads write files down, one analyses them; all end when all is done."""
        work = [(self._storing, self._store, _LATER, "hven-store")] * _WRITERS
        work.append((self._analysing, self._analyse, 0, "hven-analyse"))
        threads = [threading.Thread(target=self._drain, args=how, name=name) for *how, name in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for todo, *_ in work:
                todo.put(None)
            for thread in threads:
                while thread.is_alive():
                    thread.join(_BEAT_S)
                    self._beat()

    def _drain(self, waiting: queue.SimpleQueue[Item | None], work: Callable[[Item], None], nice: int) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + nice)
        while (item := waiting.get()) is not None:
            work(item)

    def _receive(self, delivery: Delivery) -> None:
        """Take a file in: into memory where there is room, else straight to the disk."""
        named = self.instrument.name_file(delivery.path) if self.instrument.name_file else None
        if named is None:
            _log.warning("a file of no observation is left alone", file=str(delivery.path))
            return
        item = Item(delivery, named, delivery.bytes_in_memory)
        day = day_obs(named.start_ns, self.offset_hours)
        data_id = DataId(instrument=self.instrument.name, day_obs=day, observation=named.observation)
        with self._lock:
            self._series.setdefault(named.observation, Series(data_id)).left += item.left
        self.status.note(received=named.file.role == "data", bytes=item.held)
        if self.memory.take(item.held):
            self._storing.put(item)
        else:
            began = time.perf_counter()
            item.held = 0
            self._store(item)
            self.status.note(waited_s=time.perf_counter() - began)
        self._analysing.put(item)

    def _store(self, item: Item) -> None:
        """Write a file down, again and again if need be: it is not let go before."""
        while item.stored is None:
            try:
                item.stored = self.spool.store(item.delivery)
            except OSError as error:
                _log.error("a file could not be written down; trying again", file=item.named.file.name, why=str(error))
                self.status.trouble = f"{self.spool.folder}: {error}"
                time.sleep(_AGAIN_S)
        self.status.trouble = ""
        self.status.note(stored=item.named.file.role == "data")
        self._done(item)

    def _done(self, item: Item) -> None:
        """Let a file's memory go when it is both on the disk and analysed; a file that memory refused, once stored."""
        with self._lock:
            item.left -= 1
            self._series[item.named.observation].left -= 1
            if item.stored and (item.left == 0 or not item.held):
                self.memory.give(item.held)
                item.held, item.delivery = 0, Delivery(item.stored.path, None, item.delivery.arrived_ns)

    def _analyse(self, item: Item) -> None:
        series, role = self._series[item.named.observation], item.named.file.role
        if role == "data":
            self._try(item, series)
        elif role == "configuration":
            series.configure(item.named.file.name, self.instrument.redact(item.named.file.name, bytes(_content(item))))
            waiting, series.waiting = series.waiting, []
            for earlier in waiting:
                self._try(earlier, series)
        series.ended |= role == "sentinel"
        self._done(item)

    def _try(self, item: Item, series: Series) -> None:
        """Analyse a file of data; one that cannot be is recorded and stops nothing."""
        try:
            for step, dataset_type, rows in self._results(item, series):
                self._keep(item, series, step, dataset_type, rows)
            self.status.published(item.delivery.arrived_ns)
        except DataError as error:
            if series.configurations:
                self._failed(item, series, error)
            else:
                series.waiting.append(item)
        except Exception as error:  # noqa: BLE001 - a file that breaks the analysis must not end it
            self._failed(item, series, error)

    def _results(self, item: Item, series: Series) -> Iterator[tuple[BoundStep, DatasetType, xr.Dataset]]:
        file, data_id = item.named.file, series.dataset_id(item)
        form = self.instrument.formats[file.dataset_type]
        if not isinstance(form, MemoryFormat):
            raise DataError(f"files of {file.dataset_type} cannot be read from memory")
        rows, tail_bytes = form.decode(Path(item.delivery.path), _content(item), series.configurations)
        if tail_bytes:
            series.torn.add(data_id)
        dataset_type = self._types[file.dataset_type]
        if not rows.sizes.get(dataset_type.row_dim):
            raise DataError("there is no whole row in it")
        draw = time.monotonic() - self._drawn.get(data_id, 0.0) > _PICTURES_S
        if draw:
            self._drawn[data_id] = time.monotonic()
        return self._chosen.run(dataset_type, data_id, rows, pictures=draw)

    def _keep(self, item: Item, series: Series, step: BoundStep, dataset_type: DatasetType, rows: xr.Dataset) -> None:
        """Publish rows at once; of pictures only the last is kept."""
        data_id = series.dataset_id(item)
        if dataset_type.form == "array":
            _show_picture(self.folder / str(data_id["observation"]), dataset_type, data_id, rows)
            return
        self.gateway.publish_all(messages(dataset_type, data_id, rows))
        with self._lock:
            series.add(item, step, dataset_type, rows)

    def _failed(self, item: Item, series: Series, error: Exception) -> None:
        reason = error.message if isinstance(error, HvenError) else f"{type(error).__name__}: {error}"
        _log.warning("a file gave no results", file=item.named.file.name, reason=reason)
        self.status.fail(f"{series.data_id['observation']}/{item.named.file.name}", reason)

    def _beat(self) -> None:
        """Once a second: show what has come, publish series that have ended, say how things stand."""
        if time.monotonic() - self._beaten < _BEAT_S:
            return
        for series in list(self._series.values()):
            self._show(series)
            if series.ended and not series.left:
                self._publish(series)
        self._say(running=True)
        self._beaten = time.monotonic()

    def _show(self, series: Series) -> None:
        folder = self.folder / str(series.data_id["observation"])
        with self._lock:
            tables = list(series.tables.values())
        for table in tables:
            table.show(folder / f"{table.dataset_type.name}.{table.data_id['detector']}.parquet")

    def _publish(self, series: Series) -> None:
        """Publish the rows of a series; later files make new versions."""
        if not series.fresh:
            return
        self._show(series)
        keeper = Keeper(self.registry, self.place, lambda _records: None)
        with self._lock:
            series.fresh = False
            for (_, data_id), table in series.tables.items():
                files = series.inputs(data_id)
                if not self.registry.by_quantum([table.key(files)], owner=self.place.owner):
                    flags = ("partial",) if data_id in series.torn else ()
                    keeper.add([table.publish(self.place, files, flags)], [])
        keeper.flush()

    def _say(self, *, running: bool) -> None:
        held = {"held": self.memory.held, "limit": self.memory.limit, "refused": self.memory.refused}
        with self._lock:
            series = list(self._series.values())
            unarchived = self._archived.missing(series)
        facts = self.status.facts(running=running, unarchived=unarchived, **held)
        facts["observations"] = [str(s.data_id["observation"]) for s in series]
        write_status(self.folder, facts)
        self.gateway.publish(LIVE, self.instrument.name, facts)


def _content(item: Item) -> Any:
    """A file's bytes, from memory, or mapped where they lie on the disk."""
    delivery, path = item.delivery, Path(item.delivery.path)
    if delivery.content is not None:
        return delivery.content
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else b""


def _show_picture(folder: Path, dataset_type: DatasetType, data_id: DataId, rows: xr.Dataset) -> None:
    from hven.prompt.pictures import write_picture

    write_picture(folder / f"{dataset_type.name}.{data_id['detector']}.npz", rows.isel({dataset_type.row_dim: -1}))
