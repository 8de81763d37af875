from __future__ import annotations

import pytest
from small_products import product, ref

from hven.calibration.certify import certify, lookup
from hven.core.clock import parse_utc
from hven.core.errors import ConfigurationError, ConflictError
from hven.model.collection import Validity
from hven.registry.direct import DirectRegistry


@pytest.fixture
def registry(tmp_path):
    with DirectRegistry(f"sqlite:///{tmp_path}/r.sqlite", tmp_path) as opened:
        yield opened


def test_times_are_text_or_nanoseconds(registry):
    made = product("L1/panoseti.gain")
    registry.register([made], inputs={})

    valid = certify(registry, made.id, "2025-10-21", parse_utc("2025-10-22T00:00"), "panoseti/calib/gain")

    assert valid == Validity(made.id, parse_utc("2025-10-21"), parse_utc("2025-10-22"))
    assert lookup(registry, ref("L1/panoseti.gain"), "2025-10-21T23:59:59") == made


def test_a_time_that_cannot_be_read_changes_nothing(registry):
    made = product("L1/panoseti.gain")
    registry.register([made], inputs={})

    with pytest.raises(ConfigurationError, match="'tomorrow' is no time"):
        certify(registry, made.id, "2025-10-21", "tomorrow", "panoseti/calib/gain")

    certify(registry, made.id, "2025-10-21", "2025-10-22", "panoseti/calib/gain")
    with pytest.raises(ConflictError, match="overlaps"):
        certify(registry, made.id, "2025-10-21", "2025-10-22", "panoseti/calib/gain")
