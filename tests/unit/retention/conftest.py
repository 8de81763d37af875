from __future__ import annotations

import pytest
import tiny
import tiny_plugin

from hven.core.settings import EngineSettings, ServerSettings, Settings
from hven.observatory import connect


@pytest.fixture
def settings(tmp_path):
    """Of a site with a quota of 1 GB."""
    for name in ("data", "state"):
        (tmp_path / name).mkdir()
    return Settings(
        root=tmp_path / "data",
        state=tmp_path / "state",
        instruments=("tiny",),
        engine=EngineSettings(kind="inprocess"),
        server=ServerSettings(user_quota_gb=1.0),
    )


@pytest.fixture
def obs(settings, tmp_path, monkeypatch):
    """A site with frames of one detector."""
    with tiny_plugin.installed(tmp_path / "plugin", monkeypatch), connect(settings) as opened:
        opened.user = "ada"
        tiny.publish_frames(opened.root, opened.registry, 1, tiny.frames(300, 1))
        yield opened


@pytest.fixture
def full(obs):
    """Fill the space of somebody up to the quota with a file that takes no room on the disk."""

    def fill(size=2 * 10**9):
        file = obs.root / "users" / obs.user / "big"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            stream.truncate(size)
        return file

    return fill
