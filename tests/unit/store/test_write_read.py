from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from demo_products import EVENTS, EVENTS_REF, FRAMES, FRAMES_REF, ROWS, make_events, make_frames, provenance

from hven.core.errors import ChecksumError, DatasetNotFoundError, SchemaError, UnknownNameError
from hven.model.content_digest import digest_dataset
from hven.store import arrays
from hven.store.publish import stage
from hven.store.read import open_product, read_rows, read_rows_at


def same_values(found: xr.Dataset, expected: xr.Dataset) -> None:
    assert set(found.variables) == set(expected.variables)
    assert set(found.coords) == set(expected.coords)
    for name, variable in expected.variables.items():
        values = found[name].values
        assert found[name].dims == variable.dims
        assert values.dtype == variable.dtype or variable.dtype.kind == "O"
        np.testing.assert_array_equal(values.astype(variable.dtype), variable.values)


def test_arrays_come_back_exactly(publish, tmp_path: Path):
    frames = make_frames()
    folder = tmp_path / publish(FRAMES_REF, FRAMES, frames).path

    same_values(open_product(folder), frames)
    same_values(open_product(folder, chunks=None), frames)
    same_values(read_rows(folder, list(frames.variables), 0, ROWS), frames)


def test_tables_come_back_exactly(publish, tmp_path: Path):
    events = make_events()
    folder = tmp_path / publish(EVENTS_REF, EVENTS, events).path

    same_values(open_product(folder), events)
    same_values(open_product(folder, chunks=None), events)
    same_values(read_rows(folder, list(events.variables), 2, 5), events.isel(event=slice(2, 5)))
    same_values(read_rows_at(folder, list(events.variables), [7, 1]), events.isel(event=[7, 1]))
    same_values(open_product(folder, chunks=None).isel(event=slice(6, 2, -2)), events.isel(event=slice(6, 2, -2)))


@pytest.mark.parametrize(
    ("ref", "kind", "make"), [(FRAMES_REF, FRAMES, make_frames), (EVENTS_REF, EVENTS, make_events)]
)
def test_a_dataset_without_rows_can_be_written(publish, tmp_path: Path, ref, kind, make):
    product = publish(ref, kind, make(0))

    assert (product.rows, product.begin_ns, product.end_ns) == (0, 0, 0)
    same_values(open_product(tmp_path / product.path, chunks=None), make(0))


def test_units_and_meanings_are_in_the_product(publish, tmp_path: Path):
    found = open_product(tmp_path / publish(FRAMES_REF, FRAMES, make_frames(10)).path)
    events = open_product(tmp_path / publish(EVENTS_REF, EVENTS, make_events()).path)

    assert found["images"].attrs == {"units": "count", "long_name": "Pixels"}
    assert found["mask"].attrs["flag_meanings"] == "dead hot"
    assert found["time"].attrs["scale"] == "utc"
    assert found.attrs["clock_status"] == "wr-locked"
    assert found.attrs["levels"] == [0, 1, 2]
    assert events["size"].attrs["units"] == "pe"
    assert events.attrs["note"] == "made here"


INHERITED = {"processing_level": "L0", "schema_version": "9", "source_files": ["a"], "source_file_count": 1}


@pytest.mark.parametrize(
    ("ref", "kind", "make"), [(FRAMES_REF, FRAMES, make_frames), (EVENTS_REF, EVENTS, make_events)]
)
def test_a_product_says_its_own_level_and_not_that_of_what_it_was_made_of(publish, tmp_path: Path, ref, kind, make):
    product = publish(ref, kind, make(10).assign_attrs(INHERITED, run_id="crab.1"))
    plain = publish(ref, kind, make(10))

    own = open_product(tmp_path / product.path).attrs

    assert (own["processing_level"], own["schema_version"], own["run_id"]) == (kind.level, "1.0", "crab.1")
    assert not {"source_files", "source_file_count"} & own.keys()
    assert product.digest == plain.digest


def test_attributes_noted_at_the_end_change_neither_level_nor_schema(tmp_path: Path):
    arrays.write_dataset(tmp_path, FRAMES, make_frames(10))
    arrays.update_attrs(tmp_path, {**INHERITED, "noted": 1})

    own = open_product(tmp_path).attrs

    assert (own["processing_level"], own["schema_version"], own["noted"]) == ("L1", "1.0", 1)
    assert "source_files" not in own


def test_dask_chunks_are_whole_shards(publish, tmp_path: Path):
    folder = tmp_path / publish(FRAMES_REF, FRAMES, make_frames()).path

    assert open_product(folder)["images"].chunks == ((65536, ROWS - 65536), (4,), (4,))
    assert open_product(folder, chunks={"time": 1 << 17})["images"].chunks[0] == (ROWS,)


def test_lazy_and_eager_have_the_same_digest(publish, tmp_path: Path):
    for ref, kind, dataset in [(FRAMES_REF, FRAMES, make_frames()), (EVENTS_REF, EVENTS, make_events())]:
        product = publish(ref, kind, dataset)
        folder = tmp_path / product.path

        assert digest_dataset(open_product(folder)) == product.digest
        assert digest_dataset(open_product(folder, chunks=None).chunk({kind.row_dim: 777})) == product.digest
        assert digest_dataset(open_product(folder, chunks=None).load()) == product.digest
        assert digest_dataset(open_product(folder, chunks=None), threads=2) == product.digest


@pytest.mark.parametrize("change", ["value", "attribute", "name", "coordinate"])
def test_a_different_dataset_has_a_different_digest(publish, change: str):
    frames = make_frames(100)
    first = publish(FRAMES_REF, FRAMES, frames).digest
    if change == "value":
        frames["images"][99, 3, 3] += 1
    elif change == "attribute":
        frames.attrs["clock_status"] = "unsynchronised"
    elif change == "name":
        frames["more"] = frames["rate"]
    else:
        frames = frames.set_coords("rate")

    assert publish(FRAMES_REF, FRAMES, frames).digest != first


def test_rows_are_read_by_slice_and_by_index(publish, tmp_path: Path):
    frames = make_frames()
    folder = tmp_path / publish(FRAMES_REF, FRAMES, frames).path
    wanted = [65530, 3, 65540]

    same_values(
        read_rows(folder, ["rate", "time", "mask"], 65530, 65540),
        frames[["rate", "time", "mask"]].isel(time=slice(65530, 65540)),
    )
    same_values(
        read_rows_at(folder, ["images", "packet"], wanted),
        frames[["images", "packet"]].isel(time=wanted).drop_vars("time"),
    )


def test_an_unknown_variable_is_an_error_that_lists_the_known_ones(publish, tmp_path: Path):
    folder = tmp_path / publish(FRAMES_REF, FRAMES, make_frames(10)).path

    with pytest.raises(UnknownNameError, match="images"):
        read_rows(folder, ["image"], 0, 1)


@pytest.mark.parametrize(
    ("ref", "kind", "make"), [(FRAMES_REF, FRAMES, make_frames), (EVENTS_REF, EVENTS, make_events)]
)
def test_a_damaged_product_is_named_with_what_makes_it_good(publish, tmp_path: Path, ref, kind, make):
    folder = tmp_path / publish(ref, kind, make()).path
    damaged, *_ = sorted(folder.glob("data.zarr/images/c/*/*/*" if kind is FRAMES else "data.parquet"))
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])

    with pytest.raises(ChecksumError, match=re.escape(str(folder))) as told:
        read_rows(folder, list(make().variables), 0, 5)

    assert told.value.flavour == "data"
    assert "hven catchup" in told.value.hint


def test_nothing_there_is_an_error(tmp_path: Path):
    with pytest.raises(DatasetNotFoundError):
        open_product(tmp_path)


@pytest.mark.parametrize(("start", "stop"), [(1, 65537), (0, 65535), (65536, 65537), (0, 0x20000)])
def test_only_whole_shards_are_written(tmp_path: Path, start: int, stop: int):
    frames = make_frames(0x20000)
    with stage(tmp_path, FRAMES_REF) as staging:
        arrays.create(staging.path, FRAMES, frames, ROWS)
        with pytest.raises(SchemaError, match="whole shards"):
            arrays.write_rows(staging.path, start, frames.isel(time=slice(start, stop)))


def test_a_shard_that_was_never_written_is_found_out(tmp_path: Path):
    frames = make_frames()
    with stage(tmp_path, FRAMES_REF) as staging:
        shard = arrays.create(staging.path, FRAMES, frames, ROWS)
        arrays.write_rows(staging.path, shard, frames.isel(time=slice(shard, None)))
        with pytest.raises(SchemaError, match="never written"):
            staging.publish(provenance(staging, FRAMES), FRAMES)


def _write_shard(item: tuple[Path, int]) -> None:
    folder, start = item
    arrays.write_rows(folder, start, make_frames().isel(time=slice(start, start + 65536)))


def test_several_processes_write_what_one_would(publish, tmp_path: Path, forked):
    alone = publish(FRAMES_REF, FRAMES, make_frames())
    with stage(tmp_path, FRAMES_REF) as staging:
        arrays.create(staging.path, FRAMES, make_frames(1), ROWS)
        with ProcessPoolExecutor(2, mp_context=forked) as pool:
            list(pool.map(_write_shard, [(staging.path, 65536), (staging.path, 0)]))
        together = staging.publish(provenance(staging, FRAMES), FRAMES)

    assert together.digest == alone.digest
    overviews = [sorted(f for f in _bytes(tmp_path / p.path / "overviews.zarr").items()) for p in (alone, together)]
    assert overviews[0] == overviews[1]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_dataset_that_does_not_fit_is_refused(publish):
    with pytest.raises(SchemaError, match="images"):
        publish(FRAMES_REF, FRAMES, make_frames(10).drop_vars("images"))
    with pytest.raises(SchemaError, match="size"):
        publish(EVENTS_REF, EVENTS, make_events().assign(size=("event", np.arange(9))))


def test_times_before_1970_and_missing_times_survive(publish, tmp_path: Path):
    frames = make_frames(3)
    times = np.array([-(2**62), 2**62 + 1, -(2**63)]).view("datetime64[ns]")
    product = publish(FRAMES_REF, FRAMES, frames.assign_coords(time=("time", times)))

    found = open_product(tmp_path / product.path, chunks=None)["time"].values
    np.testing.assert_array_equal(found.view("i8"), times.view("i8"))
    assert (product.begin_ns, product.end_ns) == (-(2**62), 2**62 + 2)
