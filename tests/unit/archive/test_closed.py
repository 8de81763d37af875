"""What a copier delivered with rights that keep the archive's own account out is told, and taken in once mended."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from commands import run as run_hven

from hven.archive.ledger import Ledger


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two run folders as the instrument left them."""
    folder = tmp_path_factory.mktemp("raw")
    run_hven("simulate", folder / "runs", "--scale", "0.02", root=folder)
    return sorted((folder / "runs").glob("*.pffd"))[:2]


def delivered(site, accounts, runs):
    """Folders in `incoming/`, with the modes that a careless `rsync -a` brings along."""
    target = site.root / "incoming" / "hvt-cora"
    for run in runs:
        handed = site.root.parent / run.name
        shutil.copytree(run, handed)
        shutil.chown(handed, accounts.cora.uid)
        assert accounts.cora.can("rsync", "-rt", handed, f"{target}/")
    return [target / run.name for run in runs]


def ingest(site, accounts):
    done = site.run(accounts.archive, "ingest", site.root / "incoming", "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def failed_in_ledger(site, path):
    ledger = Ledger(site.settings.platform_url)
    try:
        seen = ledger.file(str(path))
    finally:
        ledger.close()
    return seen.reason if seen is not None and seen.state == "failed" else ""


@pytest.mark.parametrize("part", ["run folder", "file", "folder above"])
def test_what_the_archive_cannot_read_is_named_with_what_mends_it(server_site, accounts, runs, part):
    first, second = delivered(server_site, accounts, runs)
    data = next(p for p in sorted(first.glob("*.pff")) if "module" in p.name)
    closed = {"run folder": first, "file": data, "folder above": first.parent / "night"}[part]
    if part == "folder above":
        accounts.cora.run("mkdir", closed)
        accounts.cora.run("mv", first, closed)
    assert accounts.cora.can("chmod", "go=", closed)

    found, code = ingest(server_site, accounts)

    (failed,) = [f for f in found["files"] if f["state"] == "failed"]
    assert (code, failed["path"]) == (7, str(closed))
    command = failed["reason"].split("`")[1]
    assert command == f"setfacl -R -m u:hvt-archive:rX {closed}"
    assert failed_in_ledger(server_site, closed) == failed["reason"]
    taken = {Path(f["path"]).parent for f in found["files"] if f["state"] == "archived"}
    assert second in taken

    assert accounts.cora.can(*shlex.split(command))
    again, code = ingest(server_site, accounts)
    assert (code, [f for f in again["files"] if f["state"] == "failed"], again["errors"]) == (0, [], [])
    assert failed_in_ledger(server_site, closed) == ""
    assert {Path(f["path"]).name for f in again["files"] if f["state"] == "archived"} >= {data.name}
