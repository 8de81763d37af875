from __future__ import annotations

import time
from contextlib import closing

import batch_here
import pytest
import yaml

from hven.core.settings import BatchSettings, EngineSettings, Settings
from hven.observatory import connect
from hven.registry.database import Database


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of an observatory of tiny telescopes without data."""
    from tiny_plugin import installed

    (tmp_path / "data").mkdir()
    settings = Settings(
        root=tmp_path / "data",
        state=tmp_path / "state",
        instruments=("tiny",),
        engine=EngineSettings(kind="inprocess"),
        batch=BatchSettings(slots=1, lease_s=5),
    )
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    monkeypatch.setenv("HVEN_SITE", str(file))
    with installed(tmp_path / "plugin", monkeypatch):
        yield settings


@pytest.fixture
def empty(settings):
    with connect(settings) as obs:
        yield obs


@pytest.fixture
def obs(empty):
    """Frames of two detectors, not processed."""
    import tiny

    for detector in (1, 2):
        tiny.publish_frames(empty.root, empty.registry, detector, tiny.frames(200, detector))
    return empty


@pytest.fixture
def batch(settings):
    """The batch service at work in this process."""
    with closing(Database(settings.platform_url)) as database, batch_here.at_work(batch_here.make(settings, database)):
        yield


@pytest.fixture
def ended():
    """Wait until a followed job has ended; the state that the view shows."""

    def wait(view):
        until = time.monotonic() + 60
        while not view.follower.join(0.1) and view.follower.is_alive():
            assert time.monotonic() < until, view.head.value
        return view.head.value

    return wait
