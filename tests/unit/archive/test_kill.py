from __future__ import annotations

from pathlib import Path

from ingest_kills import check_kills

STEP = 29
"""Of some 200 changes of the filesystem; the soak test takes them all."""


def test_killed_at_any_point_nothing_is_half_visible_and_the_next_run_finishes(tmp_path: Path):
    assert check_kills(tmp_path, STEP) >= 5
