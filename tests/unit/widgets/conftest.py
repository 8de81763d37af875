from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from hven.core.settings import BatchSettings, EngineSettings, Settings
from hven.observatory import connect

PROGRAM = str(Path(sys.executable).with_name("hven"))


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
    """A running batch service."""
    service = subprocess.Popen([PROGRAM, "batch"], stderr=subprocess.DEVNULL)
    yield
    service.send_signal(signal.SIGTERM)
    assert service.wait(timeout=60) == 0


@pytest.fixture
def ended():
    """Wait until a followed job has ended; the state that the view shows."""

    def wait(view):
        until = time.monotonic() + 60
        while not view.follower.join(0.1) and view.follower.is_alive():
            assert time.monotonic() < until, view.head.value
        return view.head.value

    return wait
