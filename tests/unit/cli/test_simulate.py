"""`hven simulate`."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from hven.cli.main import app
from hven.core.errors import ConflictError


def test_a_small_night_is_written_once(tmp_path):
    arguments = ["simulate", str(tmp_path), "--night", "20251022", "--seed", "3", "--scale", "0.01", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert len(said["observations"]) == 3
    assert all(size > 0 for size in said["observations"].values())
    assert (tmp_path / "truth" / "20251022" / "night.json").is_file()
    assert isinstance(CliRunner().invoke(app, arguments).exception, ConflictError)
