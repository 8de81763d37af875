"""From a calibration set to certified products and a verdict: what a control system commands each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hven.calibration.declared import find_calibration
from hven.calibration.select import Selection, select
from hven.calibration.verify import Verdict, build, verify
from hven.calibration.workshop import Workshop
from hven.core.clock import NS, format_utc
from hven.core.errors import ConfigurationError, ConflictError
from hven.model.collection import Validity
from hven.model.metric import Status, worst
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.registry.rows import scope

_DAY_NS = 86400 * NS


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a calibration set.

    Parameters
    ----------
    selection
        What was used, held out and left out.
    verdicts
        One for each product that was made.
    certified
        Validity of each product that was accepted.
    collection
        Where they are certified.
    """

    selection: Selection
    verdicts: tuple[Verdict, ...]
    certified: tuple[Validity, ...]
    collection: str

    @property
    def status(self) -> Status:
        """Worst of the verdicts; `missing` where nothing was made."""
        return worst([verdict.status for verdict in self.verdicts])


def take(
    workshop: Workshop,
    name: str,
    query: DataQuery,
    *,
    begin_ns: int | None = None,
    end_ns: int | None = None,
    supersede: bool = False,
) -> Taken:
    """Prepare, choose, build, verify and certify a calibration.

    A detector whose calibration is bad, or cannot be made or verified, has none certified; the others have.

    Parameters
    ----------
    workshop
        Where, and in whose name.
    name
        Of the calibration, e.g. ``panoseti/flat``.
    query
        Chooses the calibration set.
    begin_ns, end_ns
        For data of which time it is certified, `[begin, end)`: from the begin of the set and for the declared number of
        days unless given.
    supersede
        Let what is certified for that time lose it to this, instead of refusing.

    Raises
    ------
    ConflictError
        When something is certified for a part of that time and is not to be superseded; nothing was made.
    DatasetNotFoundError, ConfigurationError
        As of `hven.calibration.select.select`.
    """
    calibration = find_calibration(workshop.instrument, name)
    if calibration.prepare:
        workshop.process(calibration.prepare, query, "")
    selection = select(workshop, calibration, query)
    begin = min(p.begin_ns for p in selection.build) if begin_ns is None else begin_ns
    end = begin + round(calibration.valid_days * _DAY_NS) if end_ns is None else end_ns
    collection = workshop.certified_in(calibration.name)
    if not supersede:
        _must_be_free(workshop, collection, selection.build, (begin, end))
    products = build(workshop, calibration, selection.build)
    verdicts = verify(workshop, calibration, products, selection.held_out) if products else []
    certified = []
    for verdict in verdicts:
        if verdict.accepted:
            certified.append(Validity(verdict.product.id, begin, end))
            why = f"verified {verdict.status} by {verdict.table.id if verdict.table else ''}: {verdict.why}"
            workshop.registry.certify(collection, certified[-1], who=workshop.user, why=why, supersede=supersede)
    return Taken(selection, tuple(verdicts), tuple(certified), collection)


def _must_be_free(workshop: Workshop, collection: str, chosen: Sequence[Product], span: tuple[int, int]) -> None:
    """Refuse before hours of work what would be refused after them."""
    begin, end = span
    if begin >= end:
        raise ConfigurationError(f"[{format_utc(begin)}, {format_utc(end)}) is empty", hint="Let begin be before end.")
    scopes = {scope(product.ref) for product in chosen}
    for one in workshop.registry.certifications(collection=collection):
        there = one.validity
        if one.scope in scopes and there.begin_ns < end and there.end_ns > begin:
            raise ConflictError(
                f"{collection} already holds {there.product_id} ({one.scope}) for "
                f"[{format_utc(there.begin_ns)}, {format_utc(there.end_ns)})",
                hint="Choose another range, or supersede it.",
            )
