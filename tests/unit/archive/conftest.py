from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hven.archive.ingest import Archive
from hven.core.settings import IngestSettings, Settings
from hven.registry.direct import DirectRegistry

SUPPORT = Path(__file__).parents[2] / "support"
sys.path.append(str(SUPPORT))
import tiny_instrument  # noqa: E402 - found through the line above


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "state").mkdir()
    return Settings(root=tmp_path / "data", state=tmp_path / "state", ingest=IngestSettings(poll_s=0.05, settle_s=3600))


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [tiny_instrument.INSTRUMENT])
        yield archive
        archive.close()
