"""A small night that pages can show."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "support"))

METRICS = {
    "img16": {"partial_frames": (0.03, "1"), "host_lag": (1.2, "ms"), "frames": (2600.0, "1")},
    "ph1024": {"partial_frames": (0.001, "1")},
}


@pytest.fixture(scope="session")
def night(tmp_path_factory):
    """Observatory with one night of one observation, two detectors."""
    import small_night

    observatory = small_night.make(tmp_path_factory.mktemp("night"), metrics=METRICS)
    yield observatory
    observatory.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Observatory without data."""
    import small_night

    observatory = small_night.make(tmp_path_factory.mktemp("empty"), observations=())
    yield observatory
    observatory.close()
