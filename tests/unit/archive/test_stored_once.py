"""Instruments whose raw files are not kept: the L0 product gives them back, or they are kept after all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_plugin
from tiny_instrument import INSTRUMENT, TinyFormat, make_frames, make_run

from hven.archive import raw_manifest
from hven.archive.completeness.auditor import Auditor
from hven.archive.completeness.catchup import Catchup
from hven.archive.completeness.depth import Depth
from hven.archive.completeness.model import Kind, Place
from hven.archive.completeness.store import CompletenessStore
from hven.archive.ingest import Archive
from hven.archive.restore import restore
from hven.core.errors import ChecksumError
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.store.staging import unlock

FOLDER = Path("L0/tiny/20251021/night")


@pytest.fixture
def once(settings) -> Iterator[Archive]:
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [replace(INSTRUMENT, keep_raw=False)])
        yield archive
        archive.close()


def kept(archive: Archive) -> dict[str, bool]:
    manifest = raw_manifest.load(archive.settings.root / FOLDER)
    assert manifest is not None
    for file in manifest.files:
        assert file.kept == (archive.settings.root / FOLDER / "raw" / file.name).exists()
    return {file.name: file.kept for file in manifest.files if file.role == "data"}


def test_data_files_are_stored_once_and_come_back_bit_for_bit(once: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny")
    report = once.ingest([run])

    assert (report.exit_code, [p.rows for p in report.products]) == (0, [200, 200])
    assert set(kept(once).values()) == {False}
    manifest = raw_manifest.load(once.settings.root / FOLDER)
    record = next(f for f in manifest.files if f.name == "cam1.1.raw")
    product = min(once.registry.find(), key=lambda p: p.ref.data_id["detector"])
    restore(once.settings.root, product.ref, record, tmp_path / "back", manifest=manifest, form=TinyFormat())
    assert (tmp_path / "back").read_bytes() == (run / "cam1.1.raw").read_bytes()
    assert once.ingest([run]).exit_code == 0
    wrong = record.model_copy(update={"rows": 99})
    with pytest.raises(ChecksumError, match=r"cam1\.1\.raw"):
        restore(once.settings.root, product.ref, wrong, tmp_path / "wrong", manifest=manifest, form=TinyFormat())


def test_an_audit_misses_nothing_of_it(once: Archive, tmp_path: Path, monkeypatch):
    once.ingest([make_run(tmp_path / "in" / "night.tiny")])
    plugin = tiny_plugin.installed(tmp_path / "plugin", monkeypatch, tiny_plugin.RAW)
    with plugin, closing(Database(once.settings.platform_url)) as database:
        auditor = Auditor(once.settings, once.registry, CompletenessStore(database), young_s=0)
        found = auditor.audit(Place("tiny", 20251021), Depth.BYTES)
        assert {f.kind for f in found} <= {Kind.UNANNOUNCED}
        (once.settings.root / FOLDER / "raw" / "config.json").chmod(0o600)
        (once.settings.root / FOLDER / "raw" / "config.json").unlink()
        assert Kind.MISSING in {f.kind for f in auditor.audit(Place("tiny", 20251021), Depth.BYTES)}
        assert {line.whole for line in auditor.store.lines(Place("tiny", 20251021))} == {True}


def test_what_is_stored_once_and_lost_is_named_and_not_taken_for_whole(once: Archive, tmp_path: Path, monkeypatch):
    once.ingest([make_run(tmp_path / "in" / "night.tiny")])
    product = min(once.registry.find(), key=lambda p: p.ref.data_id["detector"])
    unlock(once.settings.root / product.path)
    shutil.rmtree(once.settings.root / product.path)
    plugin = tiny_plugin.installed(tmp_path / "plugin", monkeypatch, tiny_plugin.RAW)
    with plugin, closing(Database(once.settings.platform_url)) as database:
        auditor = Auditor(once.settings, once.registry, CompletenessStore(database), young_s=0)
        (left,) = Catchup(auditor, once, []).heal(Place("tiny", 20251021)).left
        assert (left.finding.kind, "stored in it alone" in left.text) == (Kind.GONE, True)
        assert [line.whole for line in auditor.store.lines(Place("tiny", 20251021))] == [False, True]


def test_a_late_file_is_added_though_those_before_it_are_delivered_no_more(once: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny")
    once.ingest([run])
    for delivered in run.glob("cam*"):
        delivered.unlink()
    (run / "cam1.2.raw").write_bytes(make_frames(50, seed=5))

    report = once.ingest([run])

    assert [(p.rows, p.reused, p.error) for p in report.products] == [(250, False, ""), (200, True, "")]
    assert not kept(once)["cam1.2.raw"]
    assert not list((once.settings.root / FOLDER).glob(".part-*"))


def test_a_torn_file_is_kept(once: Archive, tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", files=1)
    with (run / "cam1.0.raw").open("ab") as file:
        file.write(b"TINY and a part")

    assert once.ingest([run]).exit_code == 0
    assert kept(once) == {"cam1.0.raw": True, "cam2.0.raw": False}


def test_what_the_product_does_not_give_back_is_kept(once: Archive, tmp_path: Path, monkeypatch):
    encode = TinyFormat.encode
    monkeypatch.setattr(TinyFormat, "encode", lambda self, rows: (b"x" + p[1:] for p in encode(self, rows)))
    report = once.ingest([make_run(tmp_path / "in" / "night.tiny", files=1)])

    assert report.exit_code == 3
    assert all("other bytes" in p.error for p in report.products)
    assert set(kept(once).values()) == {True}
