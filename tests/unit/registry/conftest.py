from __future__ import annotations

import pytest

from hven.registry.direct import DirectRegistry


@pytest.fixture
def registry(database_url, tmp_path):
    with DirectRegistry(database_url, tmp_path / "data") as opened:
        yield opened
