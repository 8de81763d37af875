from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from demo_products import EVENTS, EVENTS_REF, FRAMES, FRAMES_REF, make_events, make_frames, provenance

from hven.core.errors import ChecksumError, ConflictError, DataError, DatasetNotFoundError, SchemaError
from hven.store.current import read_current, set_current
from hven.store.index import iter_products, read_product
from hven.store.manifest import check_files
from hven.store.paths import data_id_folder
from hven.store.publish import stage
from hven.store.read import open_product
from hven.store.records import read_manifest, read_provenance
from hven.store.staging import clean_staging, unlock
from hven.store.write import write_dataset


def test_what_is_published_can_be_indexed_from_disk_alone(publish, tmp_path: Path):
    made = [publish(FRAMES_REF, FRAMES, make_frames(10)), publish(EVENTS_REF, EVENTS, make_events())]
    made += [publish(EVENTS_REF, EVENTS, make_events(3), user="ada")]

    assert sorted(iter_products(tmp_path), key=lambda p: p.id) == sorted(made, key=lambda p: p.id)
    assert read_product(tmp_path, made[0].path) == made[0]


def test_nothing_is_visible_before_publication(tmp_path: Path):
    with stage(tmp_path, EVENTS_REF) as staging:
        write_dataset(staging.path, EVENTS, make_events())
        assert list(iter_products(tmp_path)) == []
    assert list((tmp_path / data_id_folder(EVENTS_REF)).iterdir()) == []


def test_an_error_while_writing_leaves_nothing(tmp_path: Path):
    with pytest.raises(SchemaError), stage(tmp_path, EVENTS_REF) as staging:
        write_dataset(staging.path, EVENTS, make_events().drop_vars("size"))

    assert list((tmp_path / data_id_folder(EVENTS_REF)).iterdir()) == []


def test_the_manifest_holds_every_file_and_finds_every_change(publish, tmp_path: Path):
    folder = tmp_path / publish(FRAMES_REF, FRAMES, make_frames(10)).path
    manifest = read_manifest(folder)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}

    assert {f.path for f in manifest.files} == files - {"manifest.json"}
    check_files(folder, manifest)
    unlock(folder)
    chunk = next(p for p in folder.glob("data.zarr/images/c/**/0") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    (folder / "data.zarr" / "gain" / "zarr.json").unlink()
    (folder / "more").touch()
    with pytest.raises(ChecksumError, match=r"gain/zarr.json is missing.*more does not belong.*images.*has changed"):
        check_files(folder, manifest)


def test_a_product_is_read_only(publish, tmp_path: Path):
    folder = tmp_path / publish(FRAMES_REF, FRAMES, make_frames(10)).path

    for path in (folder, *folder.rglob("*")):
        assert not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_flags_and_provenance_are_kept(tmp_path: Path):
    with stage(tmp_path, EVENTS_REF) as staging:
        write_dataset(staging.path, EVENTS, make_events())
        product = staging.publish(provenance(staging, EVENTS), EVENTS, flags=["partial"])

    assert product.flags == ("partial",)
    assert read_provenance(tmp_path / product.path).flags == ("partial",)
    assert read_provenance(tmp_path / product.path).id == product.id


def test_the_provenance_of_something_else_is_refused(tmp_path: Path):
    with stage(tmp_path, EVENTS_REF) as staging:
        write_dataset(staging.path, EVENTS, make_events())
        other = provenance(staging, EVENTS).model_copy(update={"id": "another"})
        with pytest.raises(SchemaError, match="another"):
            staging.publish(other, EVENTS)


def test_a_version_is_published_once(publish, tmp_path: Path):
    product = publish(EVENTS_REF, EVENTS, make_events())
    with stage(tmp_path, EVENTS_REF, version=product.id) as staging:
        write_dataset(staging.path, EVENTS, make_events())
        with pytest.raises(ConflictError):
            staging.publish(provenance(staging, EVENTS), EVENTS)


def test_the_time_span_is_half_open(publish):
    events = make_events()
    product = publish(EVENTS_REF, EVENTS, events)
    times = events["time"].values.view("i8")

    assert (product.begin_ns, product.end_ns) == (times[0], times[-1] + 1)


def test_current_is_what_was_set_last(publish, tmp_path: Path):
    assert read_current(tmp_path, EVENTS_REF) is None
    for rows in (3, 4):
        product = publish(EVENTS_REF, EVENTS, make_events(rows))
        set_current(tmp_path, product)
        assert read_current(tmp_path, EVENTS_REF) == product.path
    assert read_current(tmp_path, EVENTS_REF, user="ada") is None


@pytest.mark.parametrize("content", [b"../../../etc\n", b"", b"\xff\xfe"])
def test_a_pointer_that_was_tampered_with_leads_nowhere_until_it_is_set_again(publish, tmp_path: Path, content):
    product = publish(EVENTS_REF, EVENTS, make_events())
    set_current(tmp_path, product)
    (tmp_path / product.path.parent / "current").write_bytes(content)

    with pytest.raises(DataError, match=str(product.path.parent / "current")):
        read_current(tmp_path, EVENTS_REF)

    set_current(tmp_path, product)
    assert read_current(tmp_path, EVENTS_REF) == product.path


def test_a_path_without_product_is_an_error(tmp_path: Path):
    with pytest.raises(DatasetNotFoundError):
        read_product(tmp_path, data_id_folder(EVENTS_REF) / "0198c0de-0000-7000-8000-000000000000")


WRITER = """
import sys
from pathlib import Path
sys.path.append(sys.argv[2])
from demo_products import *
from hven.store.publish import stage
from hven.store.write import write_dataset
with stage(Path(sys.argv[1]), EVENTS_REF) as staging:
    write_dataset(staging.path, EVENTS, make_events())
    print("written", flush=True)
    sys.stdin.read()
"""


def test_only_what_a_dead_writer_left_is_swept(tmp_path: Path):
    support = Path(__file__).parents[2] / "support"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), str(support)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    try:
        assert writer.stdout.readline() == b"written\n"
        assert clean_staging(tmp_path) == []
        os.kill(writer.pid, signal.SIGKILL)
    finally:
        writer.kill()
        writer.wait()
        writer.stdin.close()
        writer.stdout.close()

    assert list(iter_products(tmp_path)) == []
    assert len(clean_staging(tmp_path)) == 1
    assert list((tmp_path / data_id_folder(EVENTS_REF)).iterdir()) == []


def test_another_hosts_writer_is_left_alone_for_a_week(tmp_path: Path):
    part = tmp_path / "L0" / ".part-0198c0de-0000-7000-8000-000000000000.elsewhere"
    part.mkdir(parents=True)
    assert clean_staging(tmp_path) == []

    os.utime(part, (0, 0))
    assert clean_staging(tmp_path) == [part]


def test_readers_keep_the_version_they_opened(publish, tmp_path: Path):
    first = publish(FRAMES_REF, FRAMES, make_frames(10))
    set_current(tmp_path, first)
    path = read_current(tmp_path, FRAMES_REF)
    assert path is not None
    opened = open_product(tmp_path / path)
    set_current(tmp_path, publish(FRAMES_REF, FRAMES, make_frames(20)))

    assert opened["images"].compute().sizes["time"] == 10


def test_records_are_plain_json(publish, tmp_path: Path):
    product = publish(EVENTS_REF, EVENTS, make_events())

    manifest = json.loads((tmp_path / product.path / "manifest.json").read_text())
    assert manifest["content_digest"] == product.digest
    assert json.loads((tmp_path / product.path / "provenance.json").read_text())["run"] == product.run
