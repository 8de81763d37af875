"""`hven simulate`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from hven.cli.main import app, main
from hven.core.errors import ConflictError, InfrastructureError


def test_a_small_night_is_written_once(tmp_path):
    arguments = ["simulate", str(tmp_path), "--night", "20251022", "--seed", "3", "--scale", "0.01", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert len(said["observations"]) == 3
    assert all(size > 0 for size in said["observations"].values())
    assert (tmp_path / "truth" / "20251022" / "night.json").is_file()
    assert isinstance(CliRunner().invoke(app, arguments).exception, ConflictError)


@pytest.mark.parametrize("command", [["simulate"], ["telemetry", "simulate"]])
def test_a_seed_that_is_none_is_refused_before_anything_is_written(tmp_path, command):
    done = CliRunner().invoke(app, [*command, str(tmp_path / "night"), "--seed", "-1"])

    assert done.exit_code == 2
    assert not (tmp_path / "night").exists()


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["simulate", "{folder}/file"], "{folder}/file"),
        (["registry", "catalogs", "--folder", "{folder}/file/x"], "{folder}/file"),
    ],
)
def test_what_the_system_refuses_is_one_line_that_names_the_path(tmp_path, monkeypatch, capsys, words, place):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("hven.cli.main.only_one_for_algebra", lambda: None)
    monkeypatch.setattr("sys.argv", ["hven", *(word.format(folder=tmp_path) for word in words)])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr().err
    assert ended.value.code == InfrastructureError.exit_code
    assert said.startswith(f"hven: {place.format(folder=tmp_path)}")
    assert said.count("\n") == 1
