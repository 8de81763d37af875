"""Ingest killed at each of its changes of the filesystem, some 400, about 4 minutes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))
from ingest_kills import check_kills

pytestmark = pytest.mark.soak


def test_ingest_killed_at_each_change_finishes_the_next_time(tmp_path: Path):
    assert check_kills(tmp_path, 1) > 100
