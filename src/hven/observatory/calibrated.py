"""Calibrations of an observatory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hven.calibration.certify import certify, lookup
from hven.model.data_id import DataId, DatasetRef
from hven.model.product import Product
from hven.observatory.versions import Versions

if TYPE_CHECKING:
    from hven.observatory.calib import CalibrationDesk


class Calibrated(Versions):
    """Certifying calibrations and looking them up; see `Observatory`."""

    @cached_property
    def calib(self) -> CalibrationDesk:
        """Making calibrations: `declared`, `take`, `build`, `verify`, `certify`, `certifications`, `stale` and others.

        Examples
        --------
        ::

            taken = obs.calib.take("panoseti/flat", day_obs=20251021, shared=True)
            taken.status, [v.why for v in taken.verdicts]       # what was made, and how good it is
            obs.calib.certifications()                                    # what is valid when, by whom and why
            obs.calib.redo(obs.calib.stale())                   # make again what took another calibration
        """
        from hven.observatory.calib import CalibrationDesk

        return CalibrationDesk(self)

    def certify(self, product: Product | str, begin: str | int, end: str | int, collection: str) -> None:
        """Make a product the calibration for data taken in `[begin, end)`.

        Parameters
        ----------
        product
            Record or id.
        begin, end
            ISO 8601 text in UTC, or UTC nanoseconds since 1970.
        collection
            CALIBRATION collection, e.g. ``panoseti/calib/gains``; made if it does not exist.

        Raises
        ------
        ConflictError
            When the range overlaps another of the same type and detector; it names the other.
        """
        product_id = product if isinstance(product, str) else product.id
        certify(self.registry, product_id, begin, end, collection, who=self.user)

    def calibration(
        self, dataset_type: str, at: str | int, level: str | None = None, *, collection: str = "", **data_id: Any
    ) -> Product:
        """Calibration valid at a time; CalibrationMissingError where none is, or that one is ruled out by a mark."""
        declared = self.dataset_type(dataset_type, level)
        ref = DatasetRef(declared.type_name, DataId({"instrument": declared.instrument, **data_id}))
        return lookup(self.registry, ref, at, collection)
