"""What a copier delivered with rights that keep the archive's own account out is told, and taken in once mended."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import installation as installing
import pytest

from hven.archive.ledger import Ledger
from hven.core.clock import parse_utc
from hven.instruments.panoseti.simulator import PALOMAR, Run, write_run

PARTS = ["run folder", "file", "folder above"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four run folders as the instrument left them."""
    folder = tmp_path_factory.mktemp("raw")
    for hour in range(5, 9):
        began = parse_utc(f"2025-10-22T0{hour}:00:00Z")
        write_run(folder, Run(f"hour{hour}", began, (10.7, 41.3), movie_s=0.5, telescopes=PALOMAR[:1]), seed=hour)
    return sorted(folder.glob("*.pffd"))


def delivered(site, accounts, runs):
    """Folders in `incoming/`, with the modes that a careless `rsync -a` brings along."""
    target = site.root / "incoming" / "hvt-cora"
    for run in runs:
        handed = site.root.parent / run.name
        shutil.copytree(run, handed)
        shutil.chown(handed, accounts.cora.uid)
        assert accounts.cora.can("rsync", "-rt", handed, f"{target}/")
    return [target / run.name for run in runs]


def close(accounts, runs):
    """Close a run, a file of the next, and the folder above the one after that; what was closed, and its data."""
    folders = dict(zip(PARTS, runs, strict=False))
    data = {part: next(p for p in sorted(run.glob("*.pff")) if "module" in p.name) for part, run in folders.items()}
    above = runs[0].parent / "night"
    accounts.cora.run("mkdir", above)
    accounts.cora.run("mv", folders["folder above"], above)
    closed = {"run folder": folders["run folder"], "file": data["file"], "folder above": above}
    for path in closed.values():
        assert accounts.cora.can("chmod", "go=", path)
    return closed, data


def ingest(site, accounts):
    done = site.run(accounts.archive, "ingest", site.root / "incoming", "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def reasons(site, paths):
    """What the ledger says of what failed."""
    ledger = Ledger(site.settings.platform_url)
    try:
        seen = {path: ledger.file(str(path)) for path in paths}
    finally:
        ledger.close()
    return {path: file.reason if file is not None and file.state == "failed" else "" for path, file in seen.items()}


@pytest.fixture(scope="module")
def story(accounts, installation, runs):
    """Four runs of which three are closed in part, taken in as far as they can be, mended, and taken in."""
    with installing.open_folder("site") as folder:
        site = installing.make_site(folder, accounts, installation)
        *_, untouched = targets = delivered(site, accounts, runs)
        closed, data = close(accounts, targets)
        first, code = ingest(site, accounts)
        told = SimpleNamespace(closed=closed, data=data, untouched=untouched, first=first, code=code)
        told.noted = reasons(site, closed.values())
        told.failed = {Path(f["path"]): f["reason"] for f in first["files"] if f["state"] == "failed"}
        told.mended = [accounts.cora.can(*shlex.split(reason.split("`")[1])) for reason in told.failed.values()]
        told.again, told.code_again = ingest(site, accounts)
        told.noted_again = reasons(site, closed.values())
        yield told


def test_what_the_archive_cannot_read_is_told_and_nothing_else(story):
    assert story.code == 7
    assert set(story.failed) == set(story.closed.values())


@pytest.mark.parametrize("part", PARTS)
def test_what_the_archive_cannot_read_is_named_with_what_mends_it(story, part):
    path = story.closed[part]
    command = story.failed[path].split("`")[1]

    assert command == f"setfacl -R -m u:hvt-archive:rX {path}"
    assert story.noted[path] == story.failed[path]


def test_what_is_open_is_taken_in_meanwhile(story):
    assert story.untouched in {Path(f["path"]).parent for f in story.first["files"] if f["state"] == "archived"}


def test_the_copier_mends_it_with_these_commands(story):
    assert story.mended == [True] * len(PARTS)
    assert (story.code_again, story.again["errors"]) == (0, [])
    assert [f for f in story.again["files"] if f["state"] == "failed"] == []


@pytest.mark.parametrize("part", PARTS)
def test_what_was_closed_is_taken_in_once_mended(story, part):
    assert story.noted_again[story.closed[part]] == ""
    archived = {Path(f["path"]).name for f in story.again["files"] if f["state"] == "archived"}
    assert story.data[part].name in archived
