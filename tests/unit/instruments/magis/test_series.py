"""A simulated series of a gradiometer from raw files to phases, against its truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import hven
from hven.archive.ingest import Archive
from hven.core.errors import DataError
from hven.core.settings import EngineSettings, Settings
from hven.instruments import load
from hven.instruments.magis.series import describe

MAGIS = load("magis")


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("magis")
    table, facts = MAGIS.simulate(folder / "raw", scale=0.4)
    for name in ("data", "state"):
        (folder / name).mkdir()
    engine = EngineSettings(kind="inprocess")
    settings = Settings(root=folder / "data", state=folder / "state", instruments=("magis",), engine=engine)
    with hven.connect(settings) as obs:
        archive = Archive(settings, obs.registry, [MAGIS])
        report = archive.ingest([folder / "raw"])
        archive.close()
        assert not report.errors
        done = obs.process("magis/analyse", shared=True)
        assert not done.failed
        yield obs, pd.read_parquet(table), json.loads(facts.read_text())


@pytest.fixture(scope="module")
def drops(series):
    """Measured and true columns, drop by drop."""
    obs, truth, _ = series
    found = [obs.open_product(p).to_dataframe().reset_index(drop=True).assign(camera=p.ref.data_id["detector"])
             for p in obs.query("magis.drops")]  # fmt: skip
    return pd.concat(found).merge(
        truth, left_on=["camera", "exposure"], right_on=["camera", "drop"], suffixes=("", "_true")
    )


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_every_drop_is_measured_and_good(drops, series):
    assert len(drops) == len(series[1]) > 200
    assert (drops["quality"] == 0).mean() > 0.98


def test_phases_contrasts_and_atoms_are_right_within_their_errors(drops, series):
    off = np.angle(np.exp(1j * (drops["phase"] - drops["phase_true"])))

    assert 0.9 < rms(off / drops["phase_error"]) < 1.1
    assert abs(drops["contrast"].mean() - series[2]["contrast"]) < 0.01
    total = drops["atoms_1"] + drops["atoms_2"]
    assert 0.85 < rms((total - drops["atoms"]) / np.hypot(drops["atoms_1_error"], drops["atoms_2_error"])) < 1.2


def test_the_series_tells_temperature_and_difference(series):
    obs, _, facts = series
    (product,) = obs.query("magis.series")
    rows = obs.open_product(product).to_dataframe().set_index("detector")

    assert rows["temperature"].to_numpy() == pytest.approx(facts["temperature"], rel=0.02)
    off = rows.loc[2, "phase_difference"] - facts["difference"]
    assert abs(off) < 4 * rows.loc[2, "phase_difference_error"] < 0.01
    assert np.isnan(rows.loc[1, "phase_difference"])


def test_a_configuration_that_is_wrong_is_named():
    with pytest.raises(DataError, match=r"series.json: .*atom"):
        describe(1, {"series.json": {"mass_u": 87.9, "cameras": {}}})
    with pytest.raises(DataError, match="does not know camera 3"):
        describe(3, {"series.json": {"atom": "Sr-88", "mass_u": 87.9, "cameras": {}}})
