"""Why a product that should exist does not: the first broken link of the chain that leads to it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hven.calibration.declared import load_calibrations
from hven.core.clock import format_utc
from hven.model.annotation import bad, mark_of
from hven.model.data_id import Level, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.model.task import Slot
from hven.pipeline.bind import BoundStep, bind
from hven.pipeline.calibrations import why_spoilt
from hven.pipeline.graph import build_graph
from hven.pipeline.load import load_pipeline, pipeline_names
from hven.pipeline.runner import lives

if TYPE_CHECKING:
    from hven.observatory.view import View


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: what it is about, whether it holds, and what is the matter.

    Parameters
    ----------
    command
        What would make it; empty where no command would, or it is there.
    """

    about: str
    ok: bool
    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain from a product back to its raw files; `broken` is the first link that does not hold."""

    asked: str
    links: tuple[Link, ...]

    @property
    def broken(self) -> Link | None:
        """Link that is the cause; None where the product is there."""
        return _cause(self.links)

    def __str__(self) -> str:
        """The cause, then the chain."""
        cause = self.broken
        head = f"{self.asked}: {cause.about}: {cause.text}" if cause else f"{self.asked}: {self.links[0].text}"
        chain = "\n".join(f"  {'✔' if link.ok else '✖'} {link.about}: {link.text}" for link in self.links)
        return f"{head}\n{chain}"


def _cause(links: Sequence[Link]) -> Link | None:
    return next((link for link in reversed(links) if not link.ok), None)


def explain(obs: View, declared: DatasetType, query: DataQuery) -> Explanation:
    """Follow the chain back from a dataset type until a link holds."""
    asked = f"{declared.type_name}"
    if query.values:
        asked += f" with {DataQuery(query.values)}"
    return Explanation(asked, tuple(_Chain(obs, obs.instruments[declared.instrument], query).follow(declared)))


class _Chain:
    def __init__(self, obs: View, instrument: Instrument, query: DataQuery) -> None:
        self.obs = obs
        self.instrument = instrument
        self.query = query
        self.marks = bad(obs.registry.annotations())
        self.types: Mapping[TypeName, DatasetType] = {t.type_name: t for t in instrument.dataset_types}

    def follow(self, declared: DatasetType) -> Iterator[Link]:
        """Links from a dataset type back to what broke."""
        query = self._for(declared)
        found = self.obs.registry.find(declared.type_name, query)
        about = str(declared.type_name)
        if found:
            yield self._there(about, found)
        elif declared.level == Level.L0:
            yield self._raw(about, query)
        else:
            yield from self._made(about, declared, query)

    def _there(self, about: str, found: list[Product]) -> Link:
        """What is there, as far as people have not marked it bad."""
        reasons = list(filter(None, map(self._left_out, found)))
        count = f"there: {len(found)} dataset{'s' if len(found) > 1 else ''}"
        if not reasons:
            return Link(about, True, count)
        text = f"{count}, {len(reasons)} of them left out: {reasons[0]}"
        return Link(about, len(reasons) < len(found), text)

    def _left_out(self, product: Product) -> str:
        """Why a product is not used; empty where it is."""
        if str(product.ref.type) in {c.type for c in load_calibrations(self.instrument).values()}:
            return why_spoilt(self.obs.registry, self.marks, product).removeprefix("is ")
        return str(mark_of(self.marks, product) or "")

    def _for(self, declared: DatasetType) -> DataQuery:
        return DataQuery({k: v for k, v in self.query.values.items() if k in declared.keys})

    def _made(self, about: str, declared: DatasetType, query: DataQuery) -> Iterator[Link]:
        maker = self._maker(declared.type_name)
        if maker is None:
            yield Link(about, False, "no pipeline makes it; it has to be saved or certified by a person")
            return
        pipeline, step = maker
        records = self.obs.registry.quanta(output=about, query=query)
        last = records[0] if records else None
        if last is not None and last.state not in {QuantumState.BLOCKED, QuantumState.NOT_RUN}:
            yield Link(about, False, _ended(last))
            return
        inputs = list(self._inputs(step))
        cause = _cause(inputs)
        command = self._command(about, pipeline, query) if cause is None or cause.command else ""
        yield Link(about, False, _not_made(last, command, ready=cause is None), command)
        yield from inputs

    def _command(self, about: str, pipeline: str, query: DataQuery) -> str:
        """What would make datasets of a type that fit a query."""
        known = load_calibrations(self.instrument)
        calibration = next((name for name, c in known.items() if about in {c.type, c.table}), "")
        if calibration:
            return f"hven calib take {self.instrument.name}/{calibration}{_options(query)} --shared"
        return f"hven process {pipeline}{_options(query)} --shared"

    def _inputs(self, step: BoundStep) -> Iterator[Link]:
        """Links of the required inputs that are missing; of all of them where nothing is."""
        chains = []
        for slot in step.task.inputs:
            if slot.optional or slot.name not in step.inputs:
                continue
            if slot.calibration:
                chains.append(self._calibration(step, slot))
            else:
                options = [self._refused(step, slot, t) or list(self.follow(t)) for t in step.inputs[slot.name]]
                chains.append(max(options, key=lambda chain: (chain[0].ok, bool(chain[0].command))))
        broken = [chain for chain in chains if not all(link.ok for link in chain)]
        for chain in broken[:1] or chains:
            yield from chain

    def _refused(self, step: BoundStep, slot: Slot, declared: DatasetType) -> list[Link]:
        """Whether all that is there has a flag that the slot refuses; empty where it has not."""
        found = self.obs.registry.find(declared.type_name, self._for(declared)) if slot.refuses else []
        if not found or any(slot.takes(product.flags) for product in found):
            return []
        flags = ", ".join(sorted(slot.refuses.intersection(*(product.flags for product in found))))
        return [
            Link(str(declared.type_name), False, f"there, but {step.task.name} makes nothing of data that are {flags}")
        ]

    def _calibration(self, step: BoundStep, slot: Slot) -> list[Link]:
        """Whether calibrations are valid for the data from which the step would make what was asked for."""
        about = " or ".join(str(t.type_name) for t in step.inputs[slot.name])
        query = DataQuery({"instrument": (self.instrument.name,), **self.query.values})
        quanta = build_graph([step], self.obs.registry, query)
        missing = sorted({" ".join(quantum.missing.split()) for quantum in quanta if quantum.missing})
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            return [Link(about, False, f"calibration missing: {missing[0]}{more}")]
        return [Link(about, True, "calibrations are valid")] if quanta else []

    def _maker(self, type_name: TypeName) -> tuple[str, BoundStep] | None:
        """The smallest pipeline that makes a type, and its step; None where there is none."""
        pipelines = [load_pipeline(self.instrument, name) for name in pipeline_names(self.instrument)]
        for pipeline in sorted(pipelines, key=lambda p: len(p.steps)):
            for step in bind(pipeline, self.instrument):
                if type_name in {t.type_name for t in step.outputs.values()}:
                    return pipeline.name, step
        return None

    def _raw(self, about: str, query: DataQuery) -> Link:
        refused = list(_quarantined(self.obs.root, self.instrument.name, query))
        if refused:
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            return Link(about, False, f"quarantined: {refused[0]}{more}")
        if failed := self.obs.registry.quanta(output=about, query=query, state=QuantumState.FAILED):
            return Link(about, False, _ended(failed[0]))
        if _archived(self.obs.root, self.instrument.name, query):
            return Link(about, False, "raw files are archived, but hold no such data or are not converted yet")
        try:
            waiting = _incoming(self.obs.root, self.instrument, query)
        except PermissionError:
            return Link(about, False, "no raw file is archived; what waits in incoming/ is for the archive only")
        if waiting:
            return Link(about, False, f"not ingested: {waiting} waits in incoming/; `hven ingest` takes it in")
        return Link(about, False, "no raw file has arrived")


def _ended(record: QuantumRecord) -> str:
    when = format_utc(record.ended_ns)
    match record.state:
        case QuantumState.FAILED:
            return f"task {record.task} failed at {when} with {record.error} ({record.data_id})"
        case QuantumState.RUNNING:
            return _running(record)
        case QuantumState.NO_WORK:
            return f"task {record.task} ran at {when} and found nothing to make"
        case _:
            return f"expired: it was made at {when} by {record.run} and has been deleted since"


def _running(record: QuantumRecord) -> str:
    since = f"in {record.run} since {format_utc(record.started_ns)}"
    host, _, pid = record.runner.rpartition(":")[0].partition(":")
    match lives(record.runner):
        case True:
            return f"task {record.task} is running {since}"
        case False:
            return (
                f"task {record.task} was running {since}, but its process {pid} has died; "
                "run it again, it goes on from what is done"
            )
        case None:
            return (
                f"task {record.task} is running {since} on {host or 'a host'}, whose processes are not seen from here"
            )


def _not_made(last: QuantumRecord | None, command: str, *, ready: bool) -> str:
    if last is not None and last.state == QuantumState.BLOCKED and not ready:
        return f"blocked: {' '.join(last.error.split()) or 'an input is missing'}"
    return f"not run: `{command}` would make it" if command else "not run: what it is made from is missing"


_OPTIONS = {"day_obs": "--day-obs", "observation": "--observation", "detector": "--detector"}


def _options(query: DataQuery) -> str:
    """Options of the command line that choose the same data."""
    words, others = [], []
    for key, values in query.values.items():
        if key in _OPTIONS:
            words += [f" {_OPTIONS[key]} {shlex.quote(str(value))}" for value in values]
        else:
            others.append(f"{key} in ({', '.join(map(json.dumps, values))},)")
    where = f" --where {shlex.quote(' and '.join(others))}" if others else ""
    return "".join(words) + where


def _quarantined(root: Path, instrument: str, query: DataQuery) -> Iterator[str]:
    for folder in _observations(root / "quarantine" / instrument, query):
        for file in sorted(folder.glob("*.json")):
            record = json.loads(file.read_text())
            yield f"{record['path']}: {_without_path(record['reason'], record['path'])}"


def _without_path(reason: str, path: str) -> str:
    """A reason that does not begin with the file which it is about, in whatever folder it was read."""
    named, _, rest = reason.partition(": ")
    return rest if rest and Path(named).name == Path(path).name else reason


def _archived(root: Path, instrument: str, query: DataQuery) -> bool:
    return any((folder / "raw").is_dir() for folder in _observations(root / Level.L0 / instrument, query))


def _observations(folder: Path, query: DataQuery) -> Iterator[Path]:
    """Folders `<day_obs>/<observation>` that fit a query."""
    for found in sorted(folder.glob("*/*")):
        names = {"day_obs": unquote(found.parent.name), "observation": unquote(found.name)}
        if all(name in map(str, query.values.get(key, (name,))) for key, name in names.items()):
            yield found


def _incoming(root: Path, instrument: Instrument, query: DataQuery) -> str:
    """Observation in `incoming/` that was asked for, or any."""
    folder = root / "incoming"
    names = query.values.get("observation")
    found = instrument.recognise(folder) if folder.is_dir() else iter(())
    return next((o.observation for o in found if not names or o.observation in names), "")
