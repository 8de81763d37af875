"""The logs that an instrument left with an observation can be read on its page."""

from __future__ import annotations

import shutil

import pytest
import tiny_instrument
from tiny_instrument import make_run

from hven.archive.ingest import Archive
from hven.core.settings import Settings
from hven.registry.direct import DirectRegistry
from hven.views import observation_log


@pytest.fixture
def site(tmp_path):
    """Data root, and a raw product of a run whose log is longer than what is shown."""
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state")
    settings.state.mkdir()
    run = make_run(tmp_path / "in" / "night.tiny")
    lines = "".join(f"line {n:06d}\n" for n in range(4000))
    (run / "log.txt").write_text(f"{lines}<b>login password=hunter2</b>\nended\n")
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [tiny_instrument.INSTRUMENT])
        archive.ingest([run])
        archive.close()
        yield settings.root, registry.find()[0]


def test_the_end_of_each_log_is_shown_as_text_without_secrets(site):
    text = observation_log.shown(*site)

    assert "log.txt" in text
    assert "the end" in text
    assert "ended" in text
    assert "line 000001" not in text
    assert "\nline 003999\n" in text
    assert "&lt;b&gt;login password=***" in text
    assert "hunter2" not in text
    assert "<b>" not in text


def test_an_observation_without_logs_says_so(site):
    root, product = site
    shutil.rmtree(root / "L0")

    assert "None was left with this observation." in observation_log.shown(root, product)


def test_a_log_that_is_gone_is_told(site):
    root, product = site
    next((root / "L0").rglob("log.txt")).unlink()

    assert "cannot be read" in observation_log.shown(root, product)
