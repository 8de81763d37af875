"""Lines of the ledger: how far each dataset of a night has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache

from hven.archive.completeness.facts import Facts, Unit
from hven.archive.completeness.model import Finding, Kind, Line
from hven.archive.completeness.reach import levels_of
from hven.archive.raw_manifest import RawRecord
from hven.model.data_id import Level
from hven.model.instrument import Instrument

_BROKEN = {Kind.MISSING, Kind.TRUNCATED, Kind.ALTERED, Kind.RENAMED, Kind.UNREADABLE}
_LOST = {Kind.GONE, Kind.DAMAGED}


def lines(facts: Facts, findings: Collection[Finding], instrument: Instrument) -> Iterator[Line]:
    """One line for each dataset that was announced, archived or converted, in order.

    Parameters
    ----------
    facts
        Of the night.
    findings
        What is amiss in it.
    instrument
        Whose pipelines say which levels are to be expected.
    """
    broken = {f.path for f in findings if f.kind in _BROKEN}
    lost = {f.path for f in findings if f.kind in _LOST}
    reached, levels_above = _reached(facts), cache(lambda flags: levels_of(instrument, flags))
    for unit in sorted({*facts.announced, *facts.archived, *facts.raw_products}):
        entry, records = facts.announced.get(unit), facts.archived.get(unit, [])
        product = facts.raw_products.get(unit)
        there = product.id if product and str(product.path) not in lost else ""
        levels = levels_above(product.flags if product else ()).get(unit.dataset_type, ())
        yield Line(
            instrument=facts.place.instrument,
            day_obs=facts.place.day_obs,
            observation=unit.observation,
            dataset_type=unit.dataset_type,
            data_id=unit.data_id,
            announced=entry.frames if entry else None,
            archived=sum(r.rows for r in records) if records else None,
            files=len(records),
            bytes=sum(r.bytes for r in records),
            whole=_is_whole(facts, unit, broken, stored=bool(there)),
            product=there,
            levels=levels,
            done=tuple(level for level in levels if level in reached[unit]),
        )


def _is_whole(facts: Facts, unit: Unit, broken: Collection[str], *, stored: bool) -> bool:
    """Whether every archived file is on the disk, in its place or, where it is not kept, in the L0 product."""
    records = facts.archived.get(unit, [])
    return bool(records) and all(_path(facts, unit, r) not in broken if r.kept else stored for r in records)


def _path(facts: Facts, unit: Unit, record: RawRecord) -> str:
    return (facts.raw(unit.observation) / record.name).as_posix()


def _reached(facts: Facts) -> dict[Unit, set[str]]:
    """Levels of the current products that were made of each dataset; of any version of it with the same content."""
    outputs: dict[str, list[str]] = defaultdict(list)
    for made, inputs in facts.inputs.items():
        for source in inputs:
            outputs[source].append(made)
    level_of = {p.id: str(p.ref.type.level) for p in facts.products if p.id in facts.current}
    reached: dict[Unit, set[str]] = defaultdict(set)
    for unit, product in facts.raw_products.items():
        same = [p.id for p in facts.products if p.ref == product.ref and p.digest == product.digest]
        waiting = list(same)
        seen = set(waiting)
        while waiting:
            for made in outputs[waiting.pop()]:
                if made not in seen:
                    seen.add(made)
                    waiting.append(made)
        reached[unit] = {level_of[i] for i in seen if i in level_of} - {str(Level.L0)}
    return reached
