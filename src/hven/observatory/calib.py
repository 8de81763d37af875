"""Making calibrations and looking after them; `Observatory.calib`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hven.calibration.certify import to_ns
from hven.calibration.declared import Calibration, find_calibration, load_calibrations
from hven.calibration.select import candidates, select, unfit
from hven.calibration.stale import Stale, find_stale
from hven.calibration.take import Taken, take
from hven.calibration.verify import Verdict, ancestors, build, verify
from hven.calibration.workshop import Workshop
from hven.core.errors import ConfigurationError, DatasetNotFoundError
from hven.model.collection import Certification, Validity
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.observatory.again import make_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from hven.batch.model import Job
    from hven.observatory.processing import Processing
    from hven.pipeline.report import Progress

    Tell = Callable[[Progress], None]


class CalibrationDesk:
    """Build, verify and certify calibrations; `Observatory.calib` makes it.

    Calibrations are one's own, certified in `u/<user>/calib/...` and used by one's own runs, or, with `shared`, the
    observatory's, which takes the right to operate. `where` and data ID keys choose as in `Observatory.find`;
    `progress` is told how far each pipeline is.

    Parameters
    ----------
    obs
        In whose name.
    """

    def __init__(self, obs: Processing) -> None:
        self._obs = obs

    def declared(self) -> dict[str, Calibration]:
        """Calibrations that the instruments declare, by name, e.g. ``panoseti/flat``."""
        return {
            f"{instrument.name}/{name}": calibration
            for instrument in self._obs.instruments.values()
            for name, calibration in load_calibrations(instrument).items()
        }

    def take(
        self,
        name: str,
        *,
        begin: str | int | None = None,
        end: str | int | None = None,
        supersede: bool = False,
        shared: bool = False,
        progress: Tell | None = None,
        where: str = "",
        **data_id: object,
    ) -> Taken:
        """Prepare, choose, build, verify and certify; see `hven.calibration.take.take`."""
        return take(
            self._workshop(name, shared=shared, progress=progress),
            name,
            DataQuery.of(where, **data_id),
            begin_ns=None if begin is None else to_ns(begin),
            end_ns=None if end is None else to_ns(end),
            supersede=supersede,
        )

    def build(
        self, name: str, *, shared: bool = False, progress: Tell | None = None, where: str = "", **data_id: object
    ) -> list[Product]:
        """Make calibrations from the good frames of a query, all but those that are held out.

        Raises
        ------
        DatasetNotFoundError, ConfigurationError
            As of `hven.calibration.select.select`.
        """
        workshop = self._workshop(name, shared=shared, progress=progress)
        calibration = find_calibration(workshop.instrument, name)
        return build(workshop, calibration, select(workshop, calibration, DataQuery.of(where, **data_id)).build)

    def verify(
        self,
        name: str,
        products: Sequence[Product | str],
        *,
        shared: bool = False,
        progress: Tell | None = None,
        where: str = "",
        **data_id: object,
    ) -> list[Verdict]:
        """Compare calibrations with the good frames of a query that they were not made from.

        Raises
        ------
        ConfigurationError
            When no such frames are left, or there is nothing to verify.
        """
        workshop = self._workshop(name, shared=shared, progress=progress)
        calibration = find_calibration(workshop.instrument, name)
        chosen = [self._obs.product(p) if isinstance(p, str) else p for p in products]
        used = set[str]().union(*(ancestors(workshop, product) for product in chosen))
        found = candidates(workshop, calibration, DataQuery.of(where, **data_id))
        bad = unfit(workshop, calibration, found)
        fresh = [p for p in found if p.id not in used | bad.keys()]
        if not chosen or not fresh:
            raise ConfigurationError(
                f"no good {calibration.inputs} that {calibration.name} was not made from fits",
                hint="Choose other observations.",
            )
        return verify(workshop, calibration, chosen, fresh)

    def certify(
        self,
        product: Product | str,
        begin: str | int,
        end: str | int,
        collection: str,
        *,
        why: str = "",
        supersede: bool = False,
    ) -> None:
        """Make a product the calibration for data taken in `[begin, end)`, in the words of whoever does it.

        Raises
        ------
        ConflictError
            When the range overlaps another of the same type and detector, unless that is to be superseded: then it
            loses what overlaps.
        """
        validity = Validity(_id(product), to_ns(begin), to_ns(end))
        self._obs.registry.certify(collection, validity, who=self._obs.user, why=why, supersede=supersede)

    def decertify(
        self, product: Product | str, begin: str | int, end: str | int, collection: str, *, why: str = ""
    ) -> None:
        """Let a product be the calibration for data taken in `[begin, end)` no longer.

        Raises
        ------
        ConflictError
            When it is not certified then.
        """
        self._obs.registry.decertify(
            collection, Validity(_id(product), to_ns(begin), to_ns(end)), who=self._obs.user, why=why
        )

    def certifications(self, *, collection: str = "", history: bool = False) -> list[Certification]:
        """What is certified now, by collection, type, scope and time; or every edit there was, oldest first."""
        return self._obs.registry.certifications(collection=collection, history=history)

    def stale(self, *, own: bool = False) -> list[Stale]:
        """The observatory's products, or one's own, that would be made otherwise today, and why."""
        owner = self._obs.user if own else ""
        registry, root = self._obs.registry, self._obs.root
        return [s for i in self._obs.instruments.values() for s in find_stale(registry, root, i, owner)]

    def redo(self, stale: Sequence[Stale]) -> list[Job]:
        """Submit the pipelines that made stale products, over the same data.

        Calibrations among them are not made again: from which frames a calibration is made is for a person to choose.
        """
        return make_again(self._obs, [one.product for one in stale if not self.is_calibration(one.product)])

    def is_calibration(self, product: Product) -> bool:
        """Whether a product is a declared calibration, or the metrics of one."""
        return str(product.ref.type) in {t for c in self.declared().values() for t in (c.type, c.table)}

    def _workshop(self, name: str, *, shared: bool, progress: Tell | None) -> Workshop:
        obs = self._obs

        def process(pipeline: str, query: DataQuery, collection: str) -> Sequence[Product]:
            chosen: dict[str, Any] = {"where": query.where, "collection": collection, **query.values}
            try:
                return obs.process(pipeline, shared=shared, progress=progress, **chosen).products
            except DatasetNotFoundError:  # what is missing is told by who needs it
                return ()

        owner = "" if shared else obs.user
        return Workshop(obs.root, obs.registry, obs.instrument_of(name), process, obs.user, owner)


def _id(product: Product | str) -> str:
    return product if isinstance(product, str) else product.id
