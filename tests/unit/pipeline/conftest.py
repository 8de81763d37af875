"""A tiny observatory with two detectors."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hven.cluster.inprocess import InProcess
from hven.core.settings import Settings
from hven.model.query import DataQuery
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.registry.direct import DirectRegistry
from hven.store import codecs

sys.path.append(str(Path(__file__).parents[2] / "support"))
import tiny


@dataclass
class Observatory:
    root: Path
    settings: Settings
    registry: DirectRegistry
    instrument: Any
    runs: int = 0

    def add(self, detector, rows=1000, **kwargs):
        dataset = tiny.frames(rows, seed=detector, shuffled=kwargs.pop("shuffled", False))
        return tiny.publish_frames(self.root, self.registry, detector, dataset, **kwargs)

    def process(self, *, engine=None, name="all", query=None, run="", **kwargs):
        self.runs += 1
        own = engine or InProcess(1)
        try:
            return run_pipeline(
                load_pipeline(self.instrument, name),
                instrument=self.instrument,
                registry=self.registry,
                settings=self.settings,
                engine=own,
                query=query or DataQuery(),
                run=run or f"tiny/runs/all/{self.runs}",
                user="ada",
                **kwargs,
            )
        finally:
            if engine is None:
                own.close()

    def digests(self, report):
        return {(str(p.ref)): p.digest for p in report.products}


@pytest.fixture
def observatory(tmp_path, monkeypatch):
    monkeypatch.setattr(codecs, "MAX_SHARD_ROWS", 256)
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state")
    settings.root.mkdir()
    settings.state.mkdir()
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        yield Observatory(settings.root, settings, registry, tiny.instrument(tmp_path / "tiny"))
