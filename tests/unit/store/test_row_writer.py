from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from demo_products import BEGIN, provenance

from hven.core.errors import SchemaError
from hven.model.data_id import DataId, DatasetRef, Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable
from hven.store import arrays
from hven.store.chunks import stream
from hven.store.publish import stage
from hven.store.read import open_product
from hven.store.row_writer import RowWriter
from hven.store.staging import unlock

MOVIE = DatasetType(
    name="demo.movie",
    level=Level.L0,
    form="array",
    keys=("instrument",),
    variables=(
        Variable("time", ("time",), "datetime64[ns]", "", "UTC time."),
        Variable("images", ("time", "y", "x"), "int16", "adu", "Pixels."),
        Variable("good", ("time",), "bool", "", "Whether it is good."),
        Variable("gain", (), "float64", "1", "Gain."),
    ),
    doc="Frames wide enough to have chunks within shards.",
    overviews=("images",),
)
REF = DatasetRef(MOVIE.type_name, DataId(instrument="demo"))
SHARD, CHUNK = 65536, 4096


def make_movie(rows: int) -> xr.Dataset:
    generator = np.random.default_rng(3)
    return xr.Dataset(
        {
            "good": ("time", generator.random(rows) > 0.5),
            "images": (("time", "y", "x"), generator.normal(0, 90, (rows, 16, 16)).astype("i2")),
            "gain": ((), 1.5),
        },
        {"time": ("time", (BEGIN + np.arange(rows) * 1_000_003).view("datetime64[ns]"), {"scale": "utc"})},
    )


def write(folder: Path, movie: xr.Dataset, step: int) -> None:
    rows = movie.sizes["time"]
    arrays.create(folder, MOVIE, movie, rows)
    fill(folder, movie, step)


def fill(folder: Path, movie: xr.Dataset, step: int) -> None:
    with RowWriter(folder) as writer:
        for start in range(0, movie.sizes["time"], step):
            writer.write(movie.isel(time=slice(start, start + step)))


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("rows", [1, 300, CHUNK, 10_000, SHARD, SHARD + CHUNK + 7])
@pytest.mark.parametrize("step", [CHUNK, 4 * CHUNK])
def test_row_by_row_is_what_shard_by_shard_is(publish, tmp_path: Path, rows: int, step: int):
    movie = make_movie(rows)
    with stage(tmp_path, REF) as staging:
        write(staging.path, movie, step)
        product = staging.publish(provenance(staging, MOVIE), MOVIE)
    other = publish(REF, MOVIE, movie)

    assert product.digest == other.digest
    one, two = (files(tmp_path / p.path / "overviews.zarr") for p in (product, other))
    assert one == two
    np.testing.assert_array_equal(open_product(tmp_path / product.path)["images"], movie["images"])


@pytest.mark.parametrize(("rows", "step"), [(1, 10), (300, 100), (10_000, 1000), (10_000, 8192), (SHARD + 5000, 8192)])
def test_a_stream_is_the_whole_array_in_order(publish, tmp_path: Path, rows: int, step: int):
    movie = make_movie(rows)
    folder = tmp_path / publish(REF, MOVIE, movie).path

    pieces = [piece.copy() for piece in stream(folder, "images", step)]
    assert [len(p) for p in pieces] == [min(step, rows - i) for i in range(0, rows, step)]
    np.testing.assert_array_equal(np.concatenate(pieces), movie["images"])


@pytest.mark.parametrize("length", [1, CHUNK + 256, SHARD + CHUNK])
def test_rows_that_are_not_whole_chunks_of_one_shard_are_refused(tmp_path: Path, length: int):
    movie = make_movie(SHARD + 2 * CHUNK)
    with stage(tmp_path, REF) as staging:
        arrays.create(staging.path, MOVIE, movie, movie.sizes["time"])
        with pytest.raises(SchemaError, match="chunk"):
            fill(staging.path, movie, length)


@pytest.mark.parametrize(("rows", "expected"), [(CHUNK, 1), (CHUNK + 1, CHUNK), (2 * SHARD, CHUNK)])
def test_chunks_are_as_long_as_the_layout_says(tmp_path: Path, rows: int, expected: int):
    with stage(tmp_path, REF) as staging:
        arrays.create(staging.path, MOVIE, make_movie(1), rows)
        writer = RowWriter(staging.path)
        assert writer.chunk_rows == expected


def test_thin_variables_of_many_shards_share_a_file(tmp_path: Path):
    rows = 17 * SHARD + 5
    narrow = replace(MOVIE, variables=tuple(v for v in MOVIE.variables if v.name != "images"), overviews=())
    movie = make_movie(1).drop_vars("images").isel(time=np.zeros(rows, int))
    movie["good"] = ("time", np.random.default_rng(5).random(rows) > 0.5)
    with stage(tmp_path, REF) as staging:
        arrays.create(staging.path, narrow, movie, rows)
        fill(staging.path, movie, SHARD)
        product = staging.publish(provenance(staging, narrow), narrow)
    folder = tmp_path / product.path

    assert len([p for p in (folder / "data.zarr/good/c").iterdir() if p.is_file()]) == 2
    np.testing.assert_array_equal(open_product(folder, chunks=None)["good"], movie["good"])
    np.testing.assert_array_equal(np.concatenate([p.copy() for p in stream(folder, "good", SHARD)]), movie["good"])


def test_a_shard_without_its_end_is_found_out(tmp_path: Path):
    movie = make_movie(SHARD + CHUNK)
    with stage(tmp_path, REF) as staging:
        arrays.create(staging.path, MOVIE, movie, SHARD + CHUNK)
        with pytest.raises(SchemaError, match="never written"):
            fill(staging.path, movie.isel(time=slice(0, SHARD)), SHARD)
        with pytest.raises(SchemaError, match="never written"):
            staging.publish(provenance(staging, MOVIE), MOVIE)
        with pytest.raises(SchemaError, match="never written"):
            list(stream(staging.path, "images", SHARD))


def test_a_broken_index_and_a_broken_chunk_are_found_out(publish, tmp_path: Path):
    folder = tmp_path / publish(REF, MOVIE, make_movie(3 * CHUNK)).path
    unlock(folder)
    (shard,) = (p for p in (folder / "data.zarr/images/c").rglob("*") if p.is_file())
    content = shard.read_bytes()

    shard.write_bytes(content[:-10] + bytes([content[-10] ^ 1]) + content[-9:])
    with pytest.raises(ValueError, match="checksum"):
        list(stream(folder, "images", CHUNK))
    shard.write_bytes(b"\xff" * 64 + content[64:])
    with pytest.raises((RuntimeError, ValueError)):
        list(stream(folder, "images", CHUNK))
