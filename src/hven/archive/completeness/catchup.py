"""Catch up: heal a night from where its files came, and say what could not be healed."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from hven import instruments
from hven.archive.completeness.asked import Maker, asked_for, job_of
from hven.archive.completeness.auditor import Auditor
from hven.archive.completeness.depth import Depth
from hven.archive.completeness.facts import Facts, gather
from hven.archive.completeness.heal_manifest import ManifestHealer
from hven.archive.completeness.heal_products import ProductHealer
from hven.archive.completeness.heal_raw import RawHealer
from hven.archive.completeness.model import Finding, Kind, Place
from hven.archive.completeness.raw_audit import LIES_AT
from hven.archive.completeness.source import Source
from hven.archive.ingest import Archive
from hven.archive.raw_manifest import RawRecord
from hven.archive.results import FileState
from hven.core.clock import day_obs
from hven.core.errors import AccessDeniedError, DatasetNotFoundError, HvenError
from hven.core.settings import Settings
from hven.model.data_id import Level
from hven.model.instrument import Instrument, RawFile, RawObservation

_FROM_SOURCE = {Kind.MISSING, Kind.TRUNCATED, Kind.ALTERED}
_NEW = {Kind.NOT_ARCHIVED, Kind.SHORT}
_ORDER = (
    Kind.BAD_MANIFEST,
    Kind.RENAMED,
    *_FROM_SOURCE,
    *_NEW,
    Kind.GONE,
    Kind.DAMAGED,
    Kind.UNREGISTERED,
    Kind.NOT_CONVERTED,
)
"""Raw files first: products are made of them."""

_LEFT = {
    Kind.OTHER_BYTES: "nobody here knows which of the two is right; the delivered file is in the archive",
    Kind.UNANNOUNCED: "it is archived; the instrument's log does not name it",
    Kind.UNKNOWN: "nobody knows whose it is; it is left as it is",
    Kind.UNREADABLE: "the disk or the rights of this account do not give it back",
}
_NEXT = "it stands still; run it again, or look at it"
_TAKEN = {FileState.ARCHIVED, FileState.KNOWN}


_Key = tuple[Kind, str]


class Outcome(NamedTuple):
    """What became of something amiss."""

    finding: Finding
    text: str


@dataclass(slots=True)
class CatchupReport:
    """What was healed, what jobs have been asked for and is not there yet, and what could not be healed."""

    healed: list[Outcome] = field(default_factory=list)
    asked: list[Outcome] = field(default_factory=list)
    left: list[Outcome] = field(default_factory=list)


class _Offer(NamedTuple):
    source: Source
    observation: RawObservation
    file: RawFile


class Catchup:
    """Heals nights.

    Parameters
    ----------
    auditor
        Finds what is amiss.
    archive
        Takes new files, exactly as ingest does.
    sources
        Where files came from, in the order in which they are asked; they are asked only when something is missing.
    maker
        Has lost products of L1 and L2 computed again; without it these are left.
    progress
        Called with what is being done.
    """

    def __init__(
        self,
        auditor: Auditor,
        archive: Archive,
        sources: Sequence[Source],
        *,
        maker: Maker | None = None,
        progress: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.auditor = auditor
        self.archive = archive
        self.sources = sources
        self.maker = maker
        self.progress = progress
        self._offered: dict[str, list[_Offer]] = {}

    def heal(self, place: Place, depth: Depth = Depth.LISTING) -> CatchupReport:
        """Look at a night, heal what can be healed, look again.

        Parameters
        ----------
        place
            Which night.
        depth
            How closely it is looked at.

        Raises
        ------
        AccessDeniedError
            On a machine of many users when this is neither the archive's account nor root.
        """
        _must_be_archives(self.auditor.settings)
        asked = self.auditor.store.findings(place, kinds={Kind.ASKED})  # the next look forgets those that are there
        before = self.auditor.audit(place, depth)
        before += [f for f in asked if _key(f) not in {_key(other) for other in before}]
        if not before:
            return CatchupReport()
        done, why = self._try_all(place, before)
        after = {_key(f): f for f in self.auditor.audit(place, depth)}
        awaited = {f.path for f in after.values() if f.kind == Kind.ASKED}
        over = [f for f in before if _key(f) not in after and f.path not in awaited]
        healed = [Outcome(f, done.get(_key(f)) or _came(f)) for f in over]
        report = CatchupReport(healed)
        for key, finding in after.items():
            if finding.kind == Kind.ASKED:
                self._await(report, finding)
            else:
                report.left.append(Outcome(finding, why.get(key) or _LEFT.get(finding.kind, _NEXT)))
        return report

    def _await(self, report: CatchupReport, finding: Finding) -> None:
        """Say how far the job is of which a product was asked."""
        job = job_of(finding)
        state, may_come = self.maker.state(job) if self.maker else ("", True)
        told = f"asked for, job {job}{f' ({state})' if state else ''}"
        if may_come:
            report.asked.append(Outcome(finding, told))
        else:
            report.left.append(Outcome(finding, f"{told}, which has not made it: `hven jobs show {job}`"))

    def _try_all(self, place: Place, found: Iterable[Finding]) -> tuple[dict[_Key, str], dict[_Key, str]]:
        """What was done about each finding, and why nothing could be done about others."""
        done: dict[_Key, str] = {}
        why: dict[_Key, str] = {}
        for finding in sorted((f for f in found if f.kind in _ORDER), key=lambda f: _ORDER.index(f.kind)):
            self.progress(f"{finding.kind}: {finding.path}")
            try:
                done[_key(finding)] = self._try(place, finding)
            except HvenError as error:
                why[_key(finding)] = str(error)
            except OSError as error:
                told = f"{error.strerror}: {error.filename}"
                why[_key(finding)] = f"{told}; {who_may(self.auditor.settings, finding.path)}"
        return done, why

    def _try(self, place: Place, finding: Finding) -> str:
        instrument = instruments.load(place.instrument)
        facts = gather(self.auditor.settings.root, self.auditor.registry, place)
        if finding.kind == Kind.RENAMED or finding.kind in _FROM_SOURCE:
            return self._mend_raw(instrument, facts, finding)
        if finding.kind == Kind.BAD_MANIFEST:
            return self._describe(instrument, facts, finding)
        if finding.kind in _NEW:
            return self._take(instrument, facts, finding)
        return self._mend_product(ProductHealer(self.archive, self.auditor.registry, instrument, facts), finding)

    def _mend_product(self, healer: ProductHealer, finding: Finding) -> str:
        if finding.kind == Kind.UNREGISTERED:
            return healer.register(PurePosixPath(finding.path))
        if finding.kind == Kind.NOT_CONVERTED:
            return healer.convert(finding.observation)
        product = next(p for p in healer.facts.products if str(p.path) == finding.path)
        if finding.kind == Kind.DAMAGED:
            return healer.mend(product)
        if self.maker is None or product.ref.type.level == Level.L0:
            return healer.make_again(product)
        job = self.maker.ask(product)
        self.auditor.store.note(asked_for(finding, product, job))
        return f"asked for, job {job}"

    def _mend_raw(self, instrument: Instrument, facts: Facts, finding: Finding) -> str:
        manifest = facts.manifests[finding.observation]
        if manifest is None:
            raise DatasetNotFoundError("there is no raw manifest that can be trusted")
        name = Path(finding.path).relative_to(facts.raw(finding.observation)).as_posix()
        record = next(r for r in manifest.files if r.name == name)
        healer = RawHealer(facts.root, instrument, manifest)
        if finding.kind == Kind.RENAMED:
            return healer.rename_back(record, finding.detail.removeprefix(LIES_AT))
        return healer.restore(record, self._candidates(instrument, facts.place, finding.observation, record))

    def _describe(self, instrument: Instrument, facts: Facts, finding: Finding) -> str:
        """Write a raw manifest again, by the first source that has the observation."""
        offers = self._offers(instrument, facts.place)
        for offer in offers:
            if offer.observation.observation == finding.observation:
                observation = _brought(offer.source, offer.observation, offer.observation.files)
                return ManifestHealer(self.archive, instrument, facts).rebuild(observation, offer.source.name)
        raise DatasetNotFoundError("no source has anything of it: bring manifest.json back from a backup")

    def _candidates(self, instrument: Instrument, place: Place, observation: str, record: RawRecord) -> list[Path]:
        found: list[Path] = []
        for offer in self._offers(instrument, place):
            if (offer.observation.observation, offer.file.name) == (observation, record.name):
                found += offer.source.fetch([offer.file.path]).values()
        return found

    def _take(self, instrument: Instrument, facts: Facts, finding: Finding) -> str:
        """Archive what a source has of an observation and the archive has not, exactly as ingest does."""
        manifest = facts.manifests.get(finding.observation)
        known = {r.name for r in manifest.files} if manifest else set()
        of_it = [o for o in self._offers(instrument, facts.place) if o.observation.observation == finding.observation]
        new = [offer for offer in of_it if offer.file.name not in known]
        problems = []
        for source, observation in {(o.source, o.observation) for o in new}:
            files = [o.file for o in new if (o.source, o.observation) == (source, observation)]
            problems += self._ingest(instrument, source, observation, files)
        if problems:
            raise DatasetNotFoundError(problems[0])
        if not new:
            raise DatasetNotFoundError("no source has more of it" if of_it else "no source has anything of it")
        return f"archived {len(new)} files from {', '.join(sorted({o.source.name for o in new}))}"

    def _ingest(
        self, instrument: Instrument, source: Source, observation: RawObservation, files: Sequence[RawFile]
    ) -> list[str]:
        brought = _brought(source, observation, files)
        settle_s = self.auditor.settings.ingest.settle_s
        report = self.archive.take(instrument, brought, settle_s=settle_s)
        names = {str(f.path): f.name for f in brought.files}
        bad = [f"{source.name}: {names[f.path]}: {f.reason}" for f in report.files if f.state not in _TAKEN]
        return bad + report.errors + [p.error for p in report.products if p.error]

    def _offers(self, instrument: Instrument, place: Place) -> list[_Offer]:
        """Everything that the sources have of a night; asked once for each instrument."""
        if instrument.name not in self._offered:
            self._offered[instrument.name] = [
                _Offer(source, observation, file)
                for source in self.sources
                for observation in source.observations(instrument)
                for file in observation.files
            ]
        hours = self.auditor.settings.observatory.day_obs_offset_hours
        offered = self._offered[instrument.name]
        return [offer for offer in offered if day_obs(offer.observation.start_ns, hours) == place.day_obs]


def _brought(source: Source, observation: RawObservation, files: Sequence[RawFile]) -> RawObservation:
    """Some files of an observation where they can be read, each with the place it came from."""
    here = source.fetch([file.path for file in files])
    there = tuple(replace(f, path=here[f.path], origin=source.origin(f.path)) for f in files if f.path in here)
    return replace(observation, files=there)


def _must_be_archives(settings: Settings) -> None:
    server = settings.server
    if server is not None and os.geteuid() and getpass.getuser() != server.archive_account:
        raise AccessDeniedError(
            "nights are healed by the archive's account", hint=f"sudo -u {server.archive_account} hven catchup"
        )


def who_may(settings: Settings, path: str) -> str:
    """Who may do what was refused: raw data and L0 are the archive's, L1 and L2 the batch service's.

    Examples
    --------
    >>> from hven.core.settings import ServerSettings
    >>> settings = Settings(root=Path(), state=Path(), server=ServerSettings())
    >>> who_may(settings, "L0/panoseti/20251021/crab/raw/a.pff")
    "the archive's own account may do it, and root in a sealed night"
    >>> who_may(settings, "L1/panoseti/20251021/crab/panoseti.img16/detector=1/018f")[:36]
    'shared products belong to hven-batch'
    """
    if Path(path).parts[0] == Level.L0:
        return "the archive's own account may do it, and root in a sealed night"
    account = settings.server.batch_account if settings.server else "the account of the batch service"
    return f"shared products belong to {account}: root may do it, or move the folder away, and a job makes it again"


def _came(finding: Finding) -> str:
    return f"job {job_of(finding)} made it again" if finding.kind == Kind.ASKED else "came with another"


def _key(finding: Finding) -> _Key:
    return finding.kind, finding.path
