from __future__ import annotations

import pytest

from hven import instruments
from hven.archive.ingest import Archive
from hven.core.settings import EngineSettings, Settings
from hven.observatory import connect


def settings_in(folder):
    (folder / "data").mkdir(parents=True)
    (folder / "state").mkdir()
    return Settings(root=folder / "data", state=folder / "state", engine=EngineSettings(kind="inprocess"))


@pytest.fixture
def obs(tmp_path):
    """An observatory without data."""
    with connect(settings_in(tmp_path / "site")) as opened:
        yield opened


@pytest.fixture(scope="session")
def night(tmp_path_factory):
    """An observatory with a small simulated night, calibrated."""
    folder = tmp_path_factory.mktemp("night")
    panoseti = instruments.load("panoseti")
    panoseti.simulate(folder / "raw", night=20251021, seed=1, scale=0.02)
    settings = settings_in(folder / "site")
    with connect(settings) as opened:
        archive = Archive(settings, opened.registry, [panoseti])
        report = archive.ingest([folder / "raw"], settle_s=0.0)
        archive.close()
        assert report.exit_code == 0
        opened.process("panoseti/calibrate", shared=True).raise_for_failures()
        yield opened
