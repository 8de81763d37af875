"""A sealed night, delivered by a real copier and archived by the archive's own account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hven.archive.seal import SEAL, Night, finished, is_sealed, nights, reopen, seal
from hven.core.clock import day_obs_begin, parse_utc
from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.instruments.panoseti.simulator import Run, write_run

DAY_NS = 86400 * 10**9


@pytest.fixture(scope="module")
def run_and_late(tmp_path_factory):
    """A run folder as the instrument left it, and a file of it that was held up."""
    folder = tmp_path_factory.mktemp("raw")
    began = parse_utc("2025-10-22T05:02:00Z")
    write_run(folder / "runs", Run("crab", began, (10.7, 41.3), movie_s=0.5, events_s=20.0), seed=1)
    late = next((folder / "runs").glob("*05:02*/*ph1024*module_3*"))
    return late.parent, late.rename(folder / late.name)


def deliver(site, accounts, source):
    """As a copier does it; the files are readable by the copier only where they come from."""
    handed = site.root.parent / "handed"
    shutil.copytree(source, handed / source.name)
    shutil.chown(handed, accounts.cora.uid)
    target = site.root / "incoming" / "hvt-cora"
    done = accounts.cora.run("rsync", "-rt", f"{handed / source.name}", f"{target}/")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(handed)
    return target / source.name


def ingest(site, accounts):
    done = site.run(accounts.archive, "ingest", site.root / "incoming", "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def write_night(site, accounts):
    """Something like an archived night, quickly."""
    folder = site.root / "L0/panoseti/20251021"
    script = (
        f"umask 007; mkdir -p {folder}/run/raw {folder}/run/type/all/0198a000-0000-7000-8000-000000000000;"
        f"cd {folder}/run; echo a > raw/a.pff; chmod 444 raw/a.pff; echo m > manifest.json; echo c > type/all/current;"
        "cd type/all/0*; echo d > data; chmod 444 data; chmod 555 ."
    )
    assert accounts.archive.can("sh", "-c", script)
    return Night(site.root, "panoseti", 20251021, "hvt-archive")


@pytest.fixture
def night(server_site, accounts):
    return write_night(server_site, accounts)


def everything(folder):
    return {
        str(path.relative_to(folder)): (path.lstat().st_uid, path.lstat().st_mode, path.is_file() and path.read_text())
        for path in sorted(folder.rglob("*"))
    }


CHANGES = {
    "add a file": "touch {n}/run/raw/b.pff",
    "add a folder": "mkdir {n}/run2",
    "change a file": "echo x >> {n}/run/raw/a.pff",
    "delete a file": "rm -f {n}/run/raw/a.pff",
    "rename a file": "mv {n}/run/raw/a.pff {n}/run/raw/b.pff",
    "open a file": "chmod u+w {n}/run/raw/a.pff",
    "open a folder": "chmod u+w {n}/run",
    "open its list": "setfacl -m u:hvt-archive:rwx {n}",
    "replace the manifest": "cd {n}/run && echo y > x && mv -f x manifest.json",
    "replace what is current": "echo y > {n}/run/type/all/current",
    "delete the seal": "rm -f {n}/sealed.json",
    "move the night away": "mv {n} {n}2",
    "move the night out": "mv {n} {n}/../../moved",
    "move the instrument away": "mv {n}/.. {n}/../../moved",
    "put another in its place": "mv {n} {n}2 && mkdir {n}",
    "delete the night": "rm -rf {n}",
    "link into it": "ln -s /etc {n}/run/link",
    "link out of it": "ln {n}/run/raw/a.pff /tmp/hvt-link",
}


@pytest.mark.parametrize("who", ["archive", "cora", "batch", "ada"])
def test_nobody_changes_a_sealed_night(night, accounts, who):
    made = seal(night)
    before = everything(night.folder)

    for change, command in CHANGES.items():
        assert not getattr(accounts, who).can("sh", "-c", command.format(n=night.folder)), change
    assert everything(night.folder) == before
    assert (made.files, made.bytes) == (4, 8)
    assert json.loads((night.folder / SEAL).read_text())["day_obs"] == 20251021


def test_sealed_files_are_roots_and_still_readable(night, accounts):
    seal(night)

    assert {path.stat().st_uid for path in night.folder.rglob("*")} == {0}
    assert not any(path.stat().st_mode & 0o222 for path in [night.folder, *night.folder.rglob("*")])
    assert accounts.ada.run("cat", night.folder / "run/raw/a.pff").stdout == "a\n"


def test_closed_products_stay_closed(night, accounts):
    product = next((night.folder / "run/type/all").glob("0*"))
    accounts.archive.run("setfacl", "-m", "g:hvt-operators:r-x,o::---", product)
    seal(night)

    assert accounts.olga.can("cat", product / "data")
    assert not accounts.ada.can("cat", product / "data")


def test_a_reopened_night_opens_for_nobody_else(night, accounts):
    raw = night.folder / "run" / "raw"
    accounts.archive.run("setfacl", "-m", "g:hvt-operators:r-x,o::---", raw)
    seal(night)
    reopen(night)

    assert accounts.archive.can("touch", raw / "b.pff")
    assert accounts.olga.can("ls", raw)
    assert not accounts.ada.can("ls", raw)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "run" / "link").symlink_to("/etc/passwd"), "is a link"),
        (lambda folder: os.mkfifo(folder / "run" / "pipe"), "is no file"),
        (lambda folder: os.chown(folder / "run/raw/a.pff", 12345, -1), "belongs to user 12345"),
        (lambda folder: os.link(folder / "run/raw/a.pff", folder / "run/raw/b.pff"), "has a second name"),
    ],
)
def test_the_sealer_refuses_what_is_not_the_archives(night, spoil, said):
    spoil(night.folder)
    before = everything(night.folder)

    with pytest.raises(AccessDeniedError, match=said):
        seal(night)
    assert everything(night.folder) == before
    assert not is_sealed(night.folder)


def test_the_sealer_never_follows_a_night_that_is_a_link(server_site, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    night = Night(server_site.root, "panoseti", 20251021, "hvt-archive")
    night.folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DatasetNotFoundError):
        seal(night)
    assert list(nights(server_site.root, "hvt-archive")) == []


def test_the_sealer_refuses_a_place_that_others_can_change(night, accounts):
    os.chown(night.folder.parent, accounts.archive.uid, -1)

    with pytest.raises(AccessDeniedError, match="could be moved away"):
        seal(night)


def test_a_night_that_is_being_written_stays_open(night, accounts):
    accounts.archive.run("mkdir", night.folder / "run" / ".part-0198a000.host")

    with pytest.raises(ConflictError, match="is being written"):
        seal(night)


def test_nights_are_finished_some_days_after_their_end(night):
    end = day_obs_begin(20251021, -20) + DAY_NS
    ask = lambda at: list(finished([night], offset_hours=-20, after_days=3, at_ns=at))  # noqa: E731 - asked thrice

    assert ask(end + 3 * DAY_NS - 1) == []
    assert ask(end + 3 * DAY_NS) == [night]
    seal(night)
    assert ask(end + 3 * DAY_NS) == []


def test_a_reopened_night_takes_more_and_loses_nothing(night, accounts):
    seal(night)
    reopen(night)
    raw = night.folder / "run" / "raw"

    assert accounts.archive.can("sh", "-c", f"echo b > {raw}/b.pff && mkdir {night.folder}/run2")
    assert accounts.archive.can("sh", "-c", f"cd {night.folder}/run && echo n > .part && mv -f .part manifest.json")
    for command in ("rm -f {r}/a.pff", "mv {r}/a.pff {r}/c.pff", "echo x >> {r}/a.pff", "rm -rf {r}/../type/all/0*"):
        assert not accounts.archive.can("sh", "-c", command.format(r=raw)), command
    assert not accounts.ada.can("touch", raw / "c.pff")
    assert seal(night).files == 5
    assert not accounts.archive.can("touch", raw / "c.pff")


def test_only_a_sealed_night_is_reopened(night):
    with pytest.raises(ConflictError, match="is not sealed"):
        reopen(night)


def test_a_late_file_waits_until_the_night_is_reopened(server_site, accounts, run_and_late):
    run, late = run_and_late
    folder = deliver(server_site, accounts, run)
    first, code = ingest(server_site, accounts)
    assert (code, {f["state"] for f in first["files"]}) == (0, {"archived"}), first
    (night,) = nights(server_site.root, "hvt-archive")
    assert as_root(server_site, "seal", night.day_obs)[1] == 0

    shutil.copy(late, folder)
    second, code = ingest(server_site, accounts)
    states = {Path(f["path"]).name: f["state"] for f in second["files"]}
    assert (code, states.pop(late.name), set(states.values())) == (3, "late", {"known"})
    reason = next(f["reason"] for f in second["files"] if f["state"] == "late")
    assert f"hven seal --reopen {night.day_obs}" in reason

    assert as_root(server_site, "seal", "--reopen", night.day_obs)[1] == 0
    third, code = ingest(server_site, accounts)
    assert {Path(f["path"]).name: f["state"] for f in third["files"]}[late.name] == "archived"
    assert (code, third["errors"]) == (0, [])
    assert as_root(server_site, "seal", "--finished", "--json")[1] == 0
    assert is_sealed(night.folder)


def as_root(site, *words):
    done = subprocess.run(
        [site.installation.hven, *map(str, words)],
        env={"HVEN_SITE": str(site.file), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr, done.returncode
