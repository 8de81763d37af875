from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from tiny_instrument import FRAME, INSTRUMENT, TinyFormat, make_frames, make_run

from hven.archive import raw_manifest
from hven.archive.ingest import Archive
from hven.archive.ledger import Ledger
from hven.archive.results import FileState, Report
from hven.core.errors import ConfigurationError, NotFoundError
from hven.model.origin import LISTED_FILES
from hven.model.quantum import QuantumState
from hven.store.index import iter_products
from hven.store.read import open_product
from hven.store.records import read_provenance

OBSERVATION = Path("L0/tiny/20251021/night")


def states(report: Report) -> Counter[str]:
    return Counter(str(f.state) for f in report.files)


def test_a_run_becomes_raw_files_and_one_product_a_detector(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny")
    report = archive.ingest([tmp_path / "in"])

    assert (report.exit_code, states(report)) == (0, {"archived": 7})
    assert [p.rows for p in report.products] == [200, 200]
    raw = archive.settings.root / OBSERVATION / "raw"
    for name in ("cam1.0.raw", "cam1.1.raw", "cam2.0.raw", "cam2.1.raw"):
        assert (raw / name).read_bytes() == (run / name).read_bytes()
    found = archive.registry.find()
    assert sorted(found, key=lambda p: p.id) == sorted(iter_products(archive.settings.root), key=lambda p: p.id)
    data = open_product(archive.settings.root / found[0].path, chunks=None)
    encoded = b"".join(INSTRUMENT.formats["tiny.frames"].encode(data))
    assert encoded == (run / "cam1.0.raw").read_bytes() + (run / "cam1.1.raw").read_bytes()
    assert data.attrs["gain"] == 2.5
    assert read_provenance(archive.settings.root / found[0].path).notes["raw_bytes"] == len(encoded)


def test_the_same_bytes_again_are_a_no_op(archive: Archive, tmp_path: Path):
    make_run(tmp_path / "in" / "night.tiny")
    archive.ingest([tmp_path / "in"])
    before = {p: p.stat().st_mtime_ns for p in archive.settings.root.rglob("*")}
    report = archive.ingest([tmp_path / "in"])

    assert (states(report), [p.reused for p in report.products]) == ({"known": 7}, [True, True])
    assert {p: p.stat().st_mtime_ns for p in archive.settings.root.rglob("*")} == before


def test_a_copy_elsewhere_with_the_same_bytes_is_known_without_the_ledger(archive: Archive, tmp_path: Path):
    make_run(tmp_path / "in" / "night.tiny")
    make_run(tmp_path / "again" / "night.tiny")
    archive.ingest([tmp_path / "in"])

    assert states(archive.ingest([tmp_path / "again"])) == {"known": 7}


def test_other_bytes_under_the_same_name_go_to_quarantine(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny")
    archive.ingest([run])
    (run / "cam1.0.raw").write_bytes(make_frames(100, seed=99))
    report = archive.ingest([run])

    assert (report.exit_code, states(report)) == (3, {"known": 6, "quarantined": 1})
    (record,) = (archive.settings.root / "quarantine").rglob("*.json")
    content = json.loads(record.read_text())
    assert content["sha256"] == hashlib.sha256((run / "cam1.0.raw").read_bytes()).hexdigest()
    assert "other bytes" in content["reason"]
    assert (archive.settings.root / OBSERVATION / "raw/cam1.0.raw").read_bytes() == make_frames(100, seed=10)


def test_a_manifest_that_is_none_stops_its_own_observation_only_and_is_left(archive: Archive, tmp_path: Path):
    make_run(tmp_path / "in" / "night.tiny")
    archive.ingest([tmp_path / "in"])
    manifest = archive.settings.root / OBSERVATION / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_text("{")
    make_run(tmp_path / "in" / "night.tiny", files=3)
    make_run(tmp_path / "in" / "later.tiny")

    report = archive.ingest([tmp_path / "in"])

    (error,) = report.errors
    assert "night" in error
    assert f"{manifest} is no manifest of raw files" in error
    assert report.exit_code != 0
    assert manifest.read_text() == "{"
    assert {f.observation for f in report.files if f.state is FileState.ARCHIVED} == {"later"}


def test_a_file_that_was_named_and_that_nobody_knows_is_said_to_be_so_and_does_not_stop_the_rest(archive, tmp_path):
    run, stranger = make_run(tmp_path / "in" / "night.tiny", files=1), tmp_path / "in" / "shopping.txt"
    stranger.write_text("bread")

    report = archive.ingest([stranger, run])

    assert (report.exit_code, states(report)) == (3, {"archived": 5, "unknown": 1})
    (unknown,) = (f for f in report.files if f.state is FileState.UNKNOWN)
    assert (unknown.path, unknown.bytes) == (str(stranger), 5)
    assert "(tiny)" in unknown.reason
    assert archive.ingest([tmp_path / "in"]).exit_code == 0  # what lies beside the data is nobody's concern


def test_a_file_under_a_name_in_another_style_is_the_same_file(archive: Archive, tmp_path: Path):
    archive.instruments = (replace(archive.instruments[0], canonical_name=lambda name: name.removesuffix(".old")),)
    run = make_run(tmp_path / "in" / "night.tiny", files=1)
    (run / "cam1.0.raw.old").write_bytes((run / "cam1.0.raw").read_bytes())
    (run / "cam2.0.raw.old").write_bytes(b"other")

    report = archive.ingest([run])

    assert states(report) == {"archived": 5, "known": 1, "quarantined": 1}
    assert sorted(p.rows for p in report.products) == [100, 100]
    reason = next(f.reason for f in report.files if f.state is FileState.QUARANTINED)
    assert "archived under the name cam2.0.raw " in reason


def _too_large(*_names):
    raise OverflowError("too large")


class BreakingFormat(TinyFormat):
    def read(self, paths, start, stop):
        return _too_large() if "broken" in str(paths[0]) else super().read(paths, start, stop)


BREAKING = {
    "recognise": lambda path: _too_large() if "broken" in path.name else INSTRUMENT.recognise(path),
    "redact": lambda name, content: _too_large() if b"broken" in content else INSTRUMENT.redact(name, content),
    "formats": {"tiny.frames": BreakingFormat()},
}


@pytest.mark.parametrize("part", BREAKING)
def test_what_nobody_expected_of_one_observation_is_told_and_does_not_stop_the_others(archive, tmp_path, part):
    archive.instruments = (replace(INSTRUMENT, **{part: BREAKING[part]}),)
    broken, whole = (make_run(tmp_path / "in" / f"{name}.tiny", files=1) for name in ("broken", "whole"))
    (broken / "config.json").write_text('{"broken": true}')

    report = archive.ingest([broken, whole])

    said = [*report.errors, *(f"{p.dataset} {p.error}" for p in report.products if p.error)]
    assert all("broken" in line and "OverflowError: too large" in line for line in said)
    assert said
    assert report.exit_code
    assert sum("observation=whole" in p.dataset and bool(p.id) for p in report.products) == 2
    failed = archive.registry.quanta(state=QuantumState.FAILED)
    assert {str(r.data_id["observation"]) for r in failed} == ({"broken"} if part == "formats" else set())
    assert all("OverflowError" in r.error for r in failed)


def test_a_conversion_that_failed_and_was_made_good_counts_as_done(archive, tmp_path):
    archive.instruments = (replace(INSTRUMENT, formats=BREAKING["formats"]),)
    run = make_run(tmp_path / "in" / "broken.tiny", files=1)
    archive.ingest([run])
    assert [r.state for r in archive.registry.quanta()] == [QuantumState.FAILED] * 2

    archive.instruments = (INSTRUMENT,)
    assert archive.ingest([run]).exit_code == 0

    assert [(r.state, r.step) for r in archive.registry.quanta()] == [(QuantumState.DONE, "tiny.frames")] * 2


def test_a_configuration_nested_too_deeply_goes_to_quarantine(archive: Archive, tmp_path: Path):
    def redact(_name, content):
        if b"[[" in content:
            raise RecursionError
        return content

    archive.instruments = (replace(archive.instruments[0], redact=redact),)
    run = make_run(tmp_path / "in" / "night.tiny", files=1)
    (run / "config.json").write_text("[[")

    report = archive.ingest([run])

    assert (report.exit_code, states(report)) == (3, {"archived": 4, "quarantined": 1})
    assert [p.rows for p in report.products] == [100, 100]


def test_a_broken_file_goes_to_quarantine_and_does_not_stop_the_rest(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", files=1)
    broken = bytearray((run / "cam1.0.raw").read_bytes())
    broken[50 * FRAME.itemsize] = 0
    (run / "cam1.0.raw").write_bytes(broken)
    report = archive.ingest([run])

    assert (report.exit_code, states(report)) == (3, {"archived": 4, "quarantined": 1})
    assert [p.rows for p in report.products] == [100]
    assert "frame 50" in next(f.reason for f in report.files if f.state is FileState.QUARANTINED)
    assert (run / "cam1.0.raw").read_bytes() == broken
    assert not (archive.settings.root / OBSERVATION / "raw/cam1.0.raw").exists()


def test_a_cut_last_frame_is_normal_and_flagged(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", files=1)
    with (run / "cam1.0.raw").open("ab") as file:
        file.write(b"TINY and a part")
    report = archive.ingest([run])

    assert report.exit_code == 0
    assert [(p.rows, p.flags) for p in report.products] == [(100, ("partial",)), (100, ())]
    archived = archive.settings.root / OBSERVATION / "raw/cam1.0.raw"
    assert archived.read_bytes() == (run / "cam1.0.raw").read_bytes()


def test_a_late_file_makes_a_new_version(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny")
    first = archive.ingest([run]).products
    (run / "cam1.2.raw").write_bytes(make_frames(50, seed=5))
    second = archive.ingest([run]).products

    assert [(p.rows, p.reused) for p in second] == [(250, False), (200, True)]
    assert len(list(iter_products(archive.settings.root))) == 3
    assert [p.id for p in archive.registry.find()] == [p.id for p in second]
    assert (archive.settings.root / first[0].path).exists()


def test_no_secret_is_anywhere_below_root_or_state(archive: Archive, tmp_path: Path, settings):
    run = make_run(tmp_path / "in" / "night.tiny")
    archive.ingest([run])

    searched = 0
    for path in (*settings.root.rglob("*"), *settings.state.rglob("*")):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path
            searched += 1
    assert searched > 20
    raw = settings.root / OBSERVATION / "raw"
    assert b"password=***" in (raw / "log.txt").read_bytes()
    manifest = raw_manifest.load(raw.parent)
    assert manifest is not None
    log = next(f for f in manifest.files if f.name == "log.txt")
    assert log.original_sha256 == hashlib.sha256((run / "log.txt").read_bytes()).hexdigest()
    assert log.sha256 == hashlib.sha256((raw / "log.txt").read_bytes()).hexdigest()


def test_provenance_names_every_raw_file_with_its_digest(archive: Archive, tmp_path: Path):
    make_run(tmp_path / "in" / "night.tiny")
    product = archive.ingest([tmp_path / "in"]).products[0]
    record = read_provenance(archive.settings.root / product.path)

    assert [i.slot for i in record.inputs] == ["cam1.0.raw", "cam1.1.raw", "config.json"]
    assert record.inputs[0].digest == hashlib.sha256(make_frames(100, seed=10)).hexdigest()
    assert record.run == "tiny/raw/all"


def test_who_opens_the_zarr_alone_learns_what_it_is_and_of_which_files(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", files=3)
    archive.ingest([tmp_path / "in"])
    product = next(p for p in archive.registry.find() if p.ref.data_id["detector"] == 2)

    own = xr.open_zarr(archive.settings.root / product.path / "data.zarr", consolidated=False).attrs

    files = [run / f"cam2.{number}.raw" for number in range(3)]
    assert own["source_files"] == [f.name for f in files]
    assert own["source_file_bytes"] == [4400] * 3
    assert own["source_file_sha256"] == [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
    assert (own["processing_level"], own["schema_version"], own["run_id"]) == ("L0", "1.0", "night")


def test_a_dataset_of_very_many_files_lists_the_first_and_counts_all(archive: Archive, tmp_path: Path):
    make_run(tmp_path / "in" / "night.tiny", files=LISTED_FILES + 4, frames=1)
    archive.ingest([tmp_path / "in"])
    folder = archive.settings.root / archive.registry.find()[0].path

    own = open_product(folder, chunks=None).attrs

    assert own["source_file_count"] == LISTED_FILES + 4 == own["files"]
    assert own["source_files"] == [f"cam1.{n}.raw" for n in range(LISTED_FILES)]
    assert (folder / "data.zarr" / "zarr.json").stat().st_size < 1 << 16


def test_equal_frames_of_other_runs_and_files_have_equal_digests(archive: Archive, tmp_path: Path):
    one = make_run(tmp_path / "in" / "one.tiny", files=1)
    two = make_run(tmp_path / "in" / "two.tiny", files=1)
    for camera in (1, 2):
        (two / f"cam{camera}.0.raw").rename(two / f"cam{camera}.7.raw")

    archive.ingest([one, two])

    found = archive.registry.find()
    named = {open_product(archive.settings.root / p.path).attrs["source_files"][0] for p in found}
    assert (len(found), len({p.digest for p in found}), len(named)) == (4, 2, 4)


def test_files_that_may_still_grow_are_left_alone_until_the_run_is_complete(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", complete=False)
    assert states(archive.ingest([run], settle_s=3600)) == {"waiting": 6}
    assert list(iter_products(archive.settings.root)) == []

    (run / "complete").touch()
    assert states(archive.ingest([run], settle_s=3600)) == {"archived": 7}


def test_files_that_have_settled_are_taken(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", complete=False)
    for path in run.iterdir():
        os.utime(path, (1, 1))

    assert states(archive.ingest([run], settle_s=60)) == {"archived": 6}


def test_an_unchanged_observation_is_not_looked_at_again(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny")
    archive.ingest([run], retry=False)
    assert archive.ingest([run], retry=False).files == []

    (run / "cam1.2.raw").write_bytes(make_frames(1))
    assert len(archive.ingest([run], retry=False).files) == 8


@pytest.mark.parametrize("lost", ["manifest", "ledger", "registry"])
def test_what_was_lost_is_made_good(archive: Archive, tmp_path: Path, lost: str):
    run = make_run(tmp_path / "in" / "night.tiny")
    first = archive.ingest([run])
    manifest = archive.settings.root / OBSERVATION / "manifest.json"
    before = manifest.read_bytes()
    if lost == "manifest":
        manifest.unlink()
    elif lost == "ledger":
        with Ledger(archive.settings.platform_url)._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM ingest_files")
    else:
        with archive.registry.database.write() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").all():
                if name != "schema_version":
                    connection.exec_driver_sql(f'DELETE FROM "{name}"')  # noqa: S608 - names from the database itself
    second = archive.ingest([run])

    assert states(second) == {"known": 7}
    assert [p.id for p in second.products] == [p.id for p in first.products]
    assert manifest.read_bytes() == before
    assert len(archive.registry.find()) == 2


def test_a_name_that_leaves_the_folder_and_a_link_are_quarantined(archive: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", files=1)
    (run / "cam3.0.raw").symlink_to(run / "cam1.0.raw")
    report = archive.ingest([run])

    assert states(report)["quarantined"] == 1
    assert "symbolic link" in next(f.reason for f in report.files if f.state is FileState.QUARANTINED)


def test_the_archive_does_not_eat_itself(archive: Archive, tmp_path: Path):
    make_run(tmp_path / "in" / "night.tiny")
    archive.ingest([tmp_path / "in"])

    with pytest.raises(ConfigurationError, match="archive"):
        archive.ingest([archive.settings.root / "L0"])
    with pytest.raises(NotFoundError):
        archive.ingest([tmp_path / "nowhere"])
