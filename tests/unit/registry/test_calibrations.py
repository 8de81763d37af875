from __future__ import annotations

import pytest
import sqlalchemy as sa
from small_products import NIGHT, product

from hven.core.clock import NS
from hven.core.errors import AmbiguousNameError, CalibrationMissingError, ConfigurationError, ConflictError
from hven.model.collection import Collection, CollectionKind, Validity
from hven.registry import schema
from hven.registry.database import versions
from hven.registry.direct import DirectRegistry

DAY = 86400 * NS
CALIB = "panoseti/calib/gains"


@pytest.fixture
def gains(registry):
    made = product("L1/panoseti.gains", observation="flat.1")
    registry.register([made], inputs={})
    registry.certify(CALIB, Validity(made.id, NIGHT, NIGHT + DAY))
    return made


def test_a_calibration_is_found_for_data_of_another_night(registry, gains):
    wanted = product("L1/panoseti.gains", observation="crab.2", day_obs=20251022).ref

    assert registry.calibration(wanted, NIGHT + DAY // 2) == gains


@pytest.mark.parametrize(("time_ns", "valid"), [(-1, False), (0, True), (DAY - 1, True), (DAY, False)])
def test_validity_is_half_open(registry, gains, time_ns, valid):
    if valid:
        assert registry.calibration(gains.ref, NIGHT + time_ns, collection=CALIB) == gains
    else:
        with pytest.raises(CalibrationMissingError, match=r"no calibration L1/panoseti\.gains"):
            registry.calibration(gains.ref, NIGHT + time_ns, collection=CALIB)


def test_another_detector_has_no_calibration(registry, gains):
    with pytest.raises(CalibrationMissingError):
        registry.calibration(product("L1/panoseti.gains", detector=2).ref, NIGHT)


@pytest.mark.parametrize(("begin", "end"), [(-DAY, 1), (0, DAY), (DAY - 1, 2 * DAY), (DAY // 4, DAY // 2)])
def test_overlaps_are_refused_and_name_the_other(registry, gains, begin, end):
    other = product("L1/panoseti.gains", observation="flat.2")
    registry.register([other], inputs={})

    with pytest.raises(ConflictError, match=gains.id):
        registry.certify(CALIB, Validity(other.id, NIGHT + begin, NIGHT + end))


def test_ranges_may_touch(registry, gains):
    other = product("L1/panoseti.gains", observation="flat.2")
    registry.register([other], inputs={})

    registry.certify(CALIB, Validity(other.id, NIGHT + DAY, NIGHT + 2 * DAY))

    assert registry.calibration(gains.ref, NIGHT + DAY) == other


def test_an_empty_range_is_refused(registry, gains):
    with pytest.raises(ConfigurationError, match="is empty"):
        registry.certify(CALIB, Validity(gains.id, NIGHT, NIGHT))


def test_two_collections_that_disagree_are_an_error_until_a_chain_orders_them(registry, gains):
    better = product("L1/panoseti.gains", observation="flat.2")
    registry.register([better], inputs={})
    registry.certify("panoseti/calib/better", Validity(better.id, NIGHT, NIGHT + DAY))

    with pytest.raises(AmbiguousNameError, match=better.id):
        registry.calibration(gains.ref, NIGHT)

    registry.define(Collection("best", CollectionKind.CHAINED, children=("panoseti/calib/better", CALIB)))
    assert registry.calibration(gains.ref, NIGHT, collection="best") == better


def test_an_older_registry_keeps_what_it_holds_without_knowing_by_whom(database_url, registry, gains):
    with registry.database.write() as connection:
        schema.certification.drop(connection)
        connection.execute(sa.update(versions).values(version=5).where(versions.c.name == schema.NAME))

    with DirectRegistry(database_url, registry.root) as opened:
        (entry,) = opened.certifications()

    assert (entry.validity.product_id, entry.who, entry.dataset_type) == (gains.id, "", "L1/panoseti.gains")
