"""The weekly check of a whole observatory from nothing."""

from __future__ import annotations

import pytest

from hven.batch.checks.pipeline_check import Expected, _compare, check
from hven.core.settings import EngineSettings, Settings
from hven.registry.direct import DirectRegistry


@pytest.mark.journey
def test_the_simulated_night_comes_out_as_its_truth_table_says(tmp_path):
    (tmp_path / "data").mkdir()
    site = Settings(root=tmp_path / "data", state=tmp_path / "state", engine=EngineSettings(kind="inprocess"))
    folder = tmp_path / "check"

    found = check(site, folder)

    assert [f.text for f in found if not f.good] == []
    assert len(found) == 12
    assert list(site.root.iterdir()) == []
    own = folder / "panoseti"
    with DirectRegistry(f"sqlite:///{own}/state/registry.sqlite", own / "data") as registry:
        wrong = Expected(type="L2/panoseti.showers", what="rows", lower=1000, upper=2000)
        assert not _compare(own / "data", registry, wrong).good
