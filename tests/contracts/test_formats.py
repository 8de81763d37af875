"""Every raw format of the built-in instruments keeps the contract of formats, on simulated runs."""

from __future__ import annotations

import shutil

import pytest

from hven.core.clock import parse_utc
from hven.instruments import load
from hven.instruments.panoseti.simulator import PALOMAR, Faults, Run, write_run
from hven.testing.format import FormatContract

MAGIS = load("magis")
PANOSETI = load("panoseti")
START = parse_utc("2025-10-22T05:00:00Z")
FAULTS = Faults(missing_quabo=0.1, dropped_packets=0.05)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    products = {"movie_product": ("img16", "img8"), "events_product": ("ph1024", "ph256")}
    for number, (images, heights) in enumerate(zip(*products.values(), strict=True)):
        lengths = {"movie_s": 5.0, "events_s": 60.0}
        chosen = {"movie_product": images, "events_product": heights}
        run = Run(f"run{number}", START, (305.6, 40.3), **lengths, **chosen, faults=FAULTS, telescopes=PALOMAR[:1])
        write_run(folder, run, seed=3)
    return folder


class TestPanoseti(FormatContract):
    @pytest.fixture(params=[t for t in PANOSETI.dataset_types if t.level == "L0"], ids=lambda t: t.name)
    def declared(self, request):
        return request.param

    @pytest.fixture
    def form(self, declared):
        return PANOSETI.formats[declared.name]

    @pytest.fixture
    def paths(self, declared, runs, tmp_path):
        observations = PANOSETI.recognise(runs)
        found = next(f for o in observations for f in o.files if f.dataset_type == declared.name)
        return [shutil.copy(found.path, tmp_path / found.path.name)]


class TestMagis(FormatContract):
    @pytest.fixture
    def declared(self):
        return next(t for t in MAGIS.dataset_types if t.level == "L0")

    @pytest.fixture
    def form(self, declared):
        return MAGIS.formats[declared.name]

    @pytest.fixture
    def paths(self, tmp_path):
        MAGIS.simulate(tmp_path, scale=0.03)
        return sorted(tmp_path.glob("*/camera_1.*.drops"))
