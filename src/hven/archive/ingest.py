"""Ingest: from files as an instrument left them to archived raw files and L0 products."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from hven.archive.closed import closed_folders, why_closed
from hven.archive.completeness import exposures
from hven.archive.completeness.exposures import logs_below
from hven.archive.ledger import Ledger, Seen
from hven.archive.products import NOWHERE, ProductMaker
from hven.archive.raw import RawArchive
from hven.archive.raw_manifest import RawManifest
from hven.archive.results import FileResult, FileState, ProductResult, Report, told, words
from hven.core.errors import CancelledError, ConfigurationError, HvenError, NotFoundError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.collection import raw_run
from hven.model.digest import digest_json
from hven.model.instrument import Instrument, RawObservation
from hven.registry.protocol import Registry
from hven.registry.run_class import run_acl
from hven.store.staging import clean_staging

_LOG = "exposure log"
"""Stands in the place of an observation."""

_log = get_logger(__name__)

Progress = Callable[[str, str], None]
"""Called with what is being done (`archive` or `convert`) and to what."""


class Archive:
    """The archive of one observatory.

    Parameters
    ----------
    settings
        Where data and state live, and how long a file settles.
    registry
        Index that learns of new products.
    instruments
        Plug-ins whose files are recognised.
    progress
        Called when work on a file or dataset begins.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        instruments: Sequence[Instrument],
        *,
        progress: Progress = lambda _what, _name: None,
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.instruments = tuple(instruments)
        self.progress = progress
        self._stop = threading.Event()
        self._ledger = Ledger(settings.platform_url)

    def close(self) -> None:
        """Give connections back."""
        self._ledger.close()

    def stop(self) -> None:
        """Ask a running `ingest` to end; what is half done is undone, and the next run does it again."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait; True when asked to stop."""
        return self._stop.wait(seconds)

    def ingest(self, paths: Sequence[Path], *, settle_s: float = 0.0, retry: bool = True) -> Report:
        """Archive all observations below some paths and bring their L0 products up to date.

        Parameters
        ----------
        paths
            Files, run directories, or folders of either.
        settle_s
            Files of observations that are not complete are left alone until unchanged for so long.
        retry
            Look again at observations that were finished before, with the same files.

        Raises
        ------
        NotFoundError
            When a path does not exist.
        ConfigurationError
            When a path lies in the archive itself.
        CancelledError
            When asked to stop.
        """
        for path in paths:
            self._refuse(path)
        clean_staging(self.settings.root / "L0")
        report = Report(self._closed(paths))
        with ThreadPoolExecutor(1, thread_name_prefix="hven-convert") as converter:
            converting: Future[Report] | None = None  # of the observation before, while the disk takes the next one
            for instrument, observation in self._observations(paths, report):
                self._check()
                before = _fingerprint(observation)  # what comes later is for the next pass
                if not retry and self._ledger.finished(instrument.name, observation.observation, before):
                    continue
                manifest = self._archive(instrument, observation, report, settle_s=settle_s)
                if converting:
                    report.add(converting.result())
                convert = partial(self._convert, instrument, observation)
                converting = converter.submit(convert, manifest, before) if manifest else None
            if converting:
                report.add(converting.result())
        report.files += [result for path in paths for log in logs_below(path) if (result := self._announced(log))]
        return report

    def take(self, instrument: Instrument, observation: RawObservation, *, settle_s: float = 0.0) -> Report:
        """Archive one observation and bring its L0 products up to date, as `ingest` does."""
        report, before = Report(), _fingerprint(observation)
        manifest = self._archive(instrument, observation, report, settle_s=settle_s)
        if manifest is not None:
            report.add(self._convert(instrument, observation, manifest, before))
        return report

    def described(self, instrument: Instrument, observation: RawObservation) -> RawManifest:
        """As of `RawArchive.described`."""
        return self._raw(instrument, 0.0).described(observation)

    def convert(
        self, instrument: Instrument, manifest: RawManifest, delivered: Mapping[str, Path] = NOWHERE
    ) -> list[ProductResult]:
        """Bring the L0 products of an observation up to date with its archived files.

        `delivered` says where those lie that are not kept, by name.
        """
        return self.maker(instrument).make(manifest, delivered)

    def _announced(self, log: Path) -> FileResult | None:
        """Keep what an exposure log has announced; nothing is said of one that has not changed."""
        status = log.stat()
        seen = self._ledger.file(str(log))
        if seen is not None and (seen.size, seen.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return None
        try:
            new = exposures.take(self.settings.root, log, self.settings.observatory.day_obs_offset_hours)
        except (OSError, HvenError) as error:
            _log.error("an exposure log cannot be read", log=str(log), error=str(error))
            return FileResult(str(log), _LOG, FileState.FAILED, status.st_size, reason=str(error))
        _log.info("announced", log=str(log), lines=new)
        self._ledger.record([Seen(str(log), status.st_size, status.st_mtime_ns, _LOG, FileState.ARCHIVED)])
        return FileResult(str(log), _LOG, FileState.ARCHIVED, status.st_size)

    def _closed(self, paths: Sequence[Path]) -> list[FileResult]:
        """Folders that cannot be looked into: what lies in them is neither archived nor known."""
        closed = {str(f): why_closed(f) for path in paths for f in closed_folders(path.resolve())}
        if self._ledger.note_closed(closed) and closed:
            _log.error("folders that the archive cannot read", folders=sorted(closed))
        return [FileResult(path, "", FileState.FAILED, reason=why) for path, why in closed.items()]

    def _observations(self, paths: Sequence[Path], report: Report) -> Iterator[tuple[Instrument, RawObservation]]:
        for path in paths:
            known = not path.is_file() or any(logs_below(path))
            for instrument in self.instruments:
                try:
                    for observation in instrument.recognise(path.resolve()):
                        known = True
                        yield instrument, observation
                except Exception as error:  # noqa: BLE001 - one folder never stops the rest, and one instrument neither
                    report.errors.append(_failed(str(path), error))
            if not known:
                report.files.append(self._unknown(path))

    def _unknown(self, path: Path) -> FileResult:
        names = ", ".join(i.name for i in self.instruments)
        reason = f"no instrument of this site ({names}) takes a file of this name by itself"
        return FileResult(str(path), "", FileState.UNKNOWN, path.stat().st_size, reason=reason)

    def _archive(
        self, instrument: Instrument, observation: RawObservation, report: Report, *, settle_s: float
    ) -> RawManifest | None:
        """Take the raw files in; what they are, once all of them are there."""
        try:
            files, manifest = self._raw(instrument, settle_s).take(observation)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - one observation never stops the rest
            report.errors.append(_failed(observation.observation, error))
            return None
        report.files += files
        unready = {FileState.WAITING, FileState.LATE, FileState.FAILED}
        return None if any(f.state in unready for f in files) else manifest

    def _convert(
        self, instrument: Instrument, observation: RawObservation, manifest: RawManifest, fingerprint: str
    ) -> Report:
        """Bring the products of an observation up to date; raw files that they do not give back are kept after all."""
        try:
            products = self.convert(instrument, manifest, {f.name: f.path for f in observation.files})
            unproven = {name for p in products if p.error for name in p.files}
            if unproven and not instrument.keep_raw:
                self._raw(instrument, 0.0).keep(observation, unproven)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - one observation never stops the rest
            return Report(errors=[_failed(manifest.observation, error)])
        wrong = "; ".join(p.error for p in products if p.error)
        self._ledger.finish(instrument.name, manifest.observation, fingerprint, error=wrong)
        return Report(products=products)

    def _raw(self, instrument: Instrument, settle_s: float) -> RawArchive:
        return RawArchive(
            self.settings.root,
            instrument,
            self._ledger,
            self.settings.observatory.day_obs_offset_hours,
            settle_s,
            check=self._check,
            progress=lambda name: self.progress("archive", name),
            acl=self._acl(instrument, owner="rwx"),
        )

    def _acl(self, instrument: Instrument, *, owner: str) -> str:
        return run_acl(self.registry, raw_run(instrument.name), self.settings.server, owner=owner)

    def maker(self, instrument: Instrument) -> ProductMaker:
        """What makes L0 products of an instrument."""
        return ProductMaker(
            self.settings.root,
            instrument,
            self.registry,
            self.settings.site,
            check=self._check,
            progress=lambda name: self.progress("convert", name),
            acl=self._acl(instrument, owner="r-x"),
        )

    def _refuse(self, path: Path) -> None:
        if not path.exists():
            raise NotFoundError(f"there is no file or folder {path}")
        archive = (self.settings.root / "L0").resolve()
        if path.resolve().is_relative_to(archive):
            raise ConfigurationError(f"{path} lies in the archive already")

    def _check(self) -> None:
        if self._stop.is_set():
            raise CancelledError("ingest was stopped")


def _failed(what: str, error: Exception) -> str:
    _log.error("it could not be ingested", what=what, **words(error))
    return f"{what}: {told(error)}"


def _fingerprint(observation: RawObservation) -> str:
    """Digest of names, sizes and times of all files: changes when there is anything new to do."""
    files = []
    for file in observation.files:
        try:
            status = file.path.stat()
        except FileNotFoundError:
            continue
        files.append((str(file.path), status.st_size, status.st_mtime_ns))
    return digest_json([sorted(files), observation.complete])
