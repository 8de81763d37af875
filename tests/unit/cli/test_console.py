"""Text from outside appears as it is, whole, in whatever a command prints."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from hven.archive.results import FileResult, FileState, Report
from hven.cli.console import bar, output, table, working
from hven.cli.ingest import _show as show

NASTY = "[run] of [/red] and [bold] :smile:"


def test_a_table_shows_text_from_outside_as_it_is(capsys):
    shown = table("name", NASTY)
    shown.add_row(NASTY, "x" * 180)

    output().print(shown)

    said = capsys.readouterr().out
    assert said.count(NASTY) == 2
    assert "x" * 180 in said


def test_a_line_that_goes_into_a_pipe_is_as_long_as_what_it_says(capsys):
    shown = table("file", "reason")
    shown.add_row("y" * 200, f"{'z' * 200}: broken")

    output().print(shown)

    assert f"{'y' * 200}  {'z' * 200}: broken" in capsys.readouterr().out


def test_what_is_longer_than_the_terminal_goes_on_in_the_next_line(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = table("name")
    shown.add_row("y" * 200)

    output().print(shown)

    said = capsys.readouterr().out
    assert said.count("y") == 200
    assert max(map(len, said.splitlines())) <= 80


def test_progress_shows_text_from_outside_as_it_is(monkeypatch):
    told = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=told, force_terminal=True, width=100))

    with working(NASTY) as tell:
        tell(f"more {NASTY}")
    with bar() as shown:
        shown.add_task(NASTY, total=2)

    assert told.getvalue().count(NASTY) >= 2


@pytest.mark.parametrize("folder", ["a[b]c", "x[/red]"])
def test_ingest_names_files_and_reasons_whole(capsys, folder):
    path = f"/data/{folder}/start_2025-10-22T04_00_00Z.dp_ph1024.bpp_2.module_254.seqno_0.pff"
    reason = f"{path}: frame 3, byte 7620: no image marker"

    show(Report([FileResult(path, "", FileState.QUARANTINED, reason=reason)], errors=[reason]), as_json=False)

    lines = capsys.readouterr().out.split()
    assert lines.count(path) == 1
    assert lines.count(f"{path}:") == 2


def test_no_command_makes_a_console_of_its_own(repository):
    commands = (repository / "src" / "hven" / "cli").glob("*.py")

    assert [f.name for f in commands if "Console(" in f.read_text() or "Table(" in f.read_text()] == ["console.py"]
