"""A run beside what the present release made."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hven.core.settings import Settings
from hven.observatory import Observatory
from hven.registry.direct import DirectRegistry

WHERE = {"instrument": "panoseti", "day_obs": 20251021, "observation": "a"}


def metrics(**values):
    rows = len(values)
    begin = np.zeros(rows, "datetime64[ns]")
    columns = {
        "metric": np.array(list(values), object), "unit": np.array(["ns"] * rows, object), "begin": begin, "end": begin,
        "grain": np.array(["observation"] * rows, object), "value": np.array(list(values.values()), float),
    }  # fmt: skip
    return xr.Dataset({name: ("row", column) for name, column in columns.items()})


@pytest.fixture
def people(tmp_path):
    """Bert, whose products are those of the release, and Ada, who changes something."""
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state")
    settings.root.mkdir()
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        yield [Observatory(settings, registry, user=name) for name in ("bert", "ada")]


def test_products_are_equal_different_or_new_and_metrics_that_differ_are_listed(people):
    bert, ada = people
    bert.save(metrics(noise=1.0, rate=5.0, gone=2.0, never=np.nan), "qc", detector=1, **WHERE)
    bert.save(metrics(noise=1.0), "qc", detector=2, **WHERE)
    ada.save(metrics(noise=1.5, rate=5.0, never=np.nan), "qc", detector=1, **WHERE)
    ada.save(metrics(noise=1.0), "qc", detector=2, **WHERE)
    ada.save(metrics(noise=1.0), "qc", detector=3, **WHERE)

    found = ada.compare("u/ada/qc", against="u/bert/qc")

    assert [[p.ref.data_id["detector"] for p in some] for some in (found.equal, found.different, found.new)] == [
        [2], [1], [3],
    ]  # fmt: skip
    rows = found.metrics.set_index("metric")
    assert sorted(rows.index) == ["gone", "noise"]
    assert rows.loc["noise", ["before", "after", "change", "unit"]].tolist() == [1.0, 1.5, 0.5, "ns"]
    assert rows.loc["gone", "before"] == 2.0
    assert np.isnan(rows.loc["gone", "after"])
