"""Instruments come through entry points only."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hven.core.errors import UnknownNameError
from hven.instruments import available, load


def test_the_installed_instrument_is_found():
    assert "panoseti" in available()
    instrument = load("panoseti")
    raw = {t.name for t in instrument.dataset_types if t.level == "L0"}
    assert raw == set(instrument.formats)
    assert (instrument.resources / "pipelines").is_dir()


def test_an_unknown_instrument_is_named_with_those_known():
    with pytest.raises(UnknownNameError, match="panoseti"):
        load("panosetti")


def test_naming_an_instrument_loads_no_heavy_library():
    code = (
        "import sys, hven.instruments as i; i.load('panoseti'); print({'numba', 'xarray', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
