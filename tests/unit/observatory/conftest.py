from __future__ import annotations

import pytest
import strict_gain

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


def archive_night(folder, obs):
    """Simulate a small night and take it in."""
    panoseti = instruments.load("panoseti")
    panoseti.simulate(folder / "raw", night=20251021, seed=1, scale=0.02)
    archive = Archive(obs.settings, obs.registry, [panoseti])
    report = archive.ingest([folder / "raw"], settle_s=0.0)
    archive.close()
    assert report.exit_code == 0


@pytest.fixture(scope="session")
def night(tmp_path_factory):
    """An observatory with a small simulated night, calibrated."""
    folder = tmp_path_factory.mktemp("night")
    with connect(settings_in(folder / "site")) as opened:
        archive_night(folder, opened)
        opened.process("panoseti/calibrate", shared=True).raise_for_failures()
        yield opened


@pytest.fixture
def strict_night(tmp_path):
    """An observatory with a small simulated night, whose pipelines do nothing without certified gains."""
    with connect(settings_in(tmp_path / "site")) as opened:
        archive_night(tmp_path, opened)
        opened.instruments = {"panoseti": strict_gain.instrument(tmp_path / "strict")}
        yield opened
