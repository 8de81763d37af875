"""Certify calibrations for a range of time, and look them up."""

from __future__ import annotations

from hven.core.clock import parse_utc
from hven.core.errors import CalibrationMissingError
from hven.model.annotation import bad
from hven.model.collection import Validity
from hven.model.data_id import DatasetRef
from hven.model.product import Product
from hven.pipeline.calibrations import why_spoilt
from hven.registry.protocol import Registry


def certify(
    registry: Registry,
    product_id: str,
    begin: str | int,
    end: str | int,
    collection: str,
    *,
    who: str = "",
    why: str = "",
) -> Validity:
    """Make a product the calibration for data taken in `[begin, end)`.

    Parameters
    ----------
    registry
        Keeps it.
    product_id
        Product.
    begin, end
        ISO 8601 text in UTC, or UTC nanoseconds since 1970.
    collection
        CALIBRATION collection; made if it does not exist.
    who, why
        Who does it, and for which reason; kept in the books.

    Raises
    ------
    ConflictError
        When the range overlaps another of the same type and detector; it names the other.
    ConfigurationError
        When the range is empty or a time cannot be read.
    """
    validity = Validity(product_id, to_ns(begin), to_ns(end))
    registry.certify(collection, validity, who=who, why=why)
    return validity


def lookup(registry: Registry, ref: DatasetRef, at: str | int, collection: str = "") -> Product:
    """Calibration valid at a time.

    Parameters
    ----------
    registry
        Knows them.
    ref
        Dataset type and what it is for, e.g. the detector.
    at
        ISO 8601 text in UTC, or UTC nanoseconds since 1970.
    collection
        CALIBRATION or CHAINED collection; by default all of the instrument's.

    Raises
    ------
    CalibrationMissingError
        When there is none, or it is ruled out by what somebody has marked bad.
    """
    found = registry.calibration(ref, to_ns(at), collection=collection)
    if reason := why_spoilt(registry, bad(registry.annotations()), found):
        hint = "`hven calib take` makes another; `hven qc retract` takes a mark back."
        raise CalibrationMissingError(f"calibration {found.id} {reason}", hint=hint)
    return found


def to_ns(value: str | int) -> int:
    """UTC nanoseconds of a time; ConfigurationError for a text that is none."""
    return parse_utc(value) if isinstance(value, str) else value
