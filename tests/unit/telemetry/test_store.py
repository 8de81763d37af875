"""The store of telemetry: what is read, what is shown, what survives."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from hven.core.clock import NS, parse_utc
from hven.core.errors import ConfigurationError, ConflictError, FormatError, SchemaError, UnknownNameError
from hven.model.telemetry import Field, Kind, Source, Topic
from hven.telemetry import cells, segments
from hven.telemetry.annex import files, keep_file
from hven.telemetry.intake import take_file
from hven.telemetry.readers import read_samples
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import FILE_FIELDS

MIDNIGHT = parse_utc("2025-10-22")
FAST = Topic(name="fast", kind=Kind.TELEMETRY, doc="Fast.", fields=(Field(name="v", units="V", doc="Voltage."),))
MAST = Topic(
    name="mast", kind=Kind.TELEMETRY, doc="Mast.", cadence_s=1,
    fields=(Field(name="t", units="degC", doc="Temperature."), Field(name="state", dtype="str", doc="State.")),
)  # fmt: skip
ANNEX = Topic(name="annex", kind=Kind.FILES, doc="Files.", fields=FILE_FIELDS, keys=("sha256", "file"))


@pytest.fixture
def store(tmp_path):
    return TelemetryStore(tmp_path)


def ns(dataset):
    return dataset["time"].to_numpy().view(np.int64)


def mast(times, state="ok"):
    return pd.DataFrame({"time": times, "t": np.arange(len(times), dtype=float), "state": state})


def test_ranges_are_half_open_and_go_over_midnight(store):
    times = MIDNIGHT + np.arange(-3, 3) * NS
    store.append(MAST, mast(times))

    found = store.read("mast", ["t"], int(times[1]), int(times[4]))

    np.testing.assert_array_equal(ns(found), times[1:4])
    assert (found["t"].attrs["units"], found["time"].attrs["scale"]) == ("degC", "utc")
    assert sorted(p.name for p in (store.folder / "mast").iterdir() if p.is_dir()) == ["2025-10-21", "2025-10-22"]
    assert pd.read_parquet(next((store.folder / "mast").rglob("*.parquet")))["time"].dt.tz is not None
    assert len(store.read("mast", [], 0, 1)["t"]) == 0


def test_many_small_portions_leave_few_files(store):
    for second in range(60):
        store.append(MAST, mast([MIDNIGHT + second * NS]))

    assert len(segments.segments(store.folder / "mast" / "2025-10-22")) <= 6
    assert store.read("mast")["time"].size == 60
    assert store.latest("mast")[0].time_ns == MIDNIGHT + 59 * NS


def test_readers_see_everything_up_to_some_moment_while_samples_come(store):
    times = MIDNIGHT + np.arange(150) * NS

    def write():
        for time in times:
            store.append(MAST, mast([time]))

    store.append(MAST, mast(times[:1]))
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen = [0]
        while not writing.done():
            found = ns(store.read("mast"))
            np.testing.assert_array_equal(found, times[: len(found)])
            seen.append(len(found))
        writing.result()

    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_late_samples_and_conflicts_are_told(store):
    store.append(MAST, mast(MIDNIGHT + np.array([0, 10, 20]) * NS))

    told = store.append("mast", mast(MIDNIGHT + np.array([5, 10, 20, 30]) * NS).assign(t=[0, 1, -7, 3]))

    assert (told.new, told.late, told.duplicates, told.conflicts) == (2, 1, 1, 1)
    assert store.read("mast")["t"].to_numpy().tolist() == [0, 0, 1, 2, 3]


def test_what_a_killed_writer_leaves_is_read_once_and_cleared_away(store):
    store.append(MAST, mast(MIDNIGHT + np.arange(4) * NS))
    day = store.folder / "mast" / "2025-10-22"
    (old,) = segments.segments(day)
    kept = shutil.copy(old.path, day.parent / "kept")
    store.append(MAST, mast(MIDNIGHT + np.arange(4, 6) * NS))
    shutil.copy(kept, old.path)
    (day / ".part-dead.parquet").write_bytes(b"half")

    assert store.read("mast")["time"].size == 6
    assert store.append(MAST, mast(MIDNIGHT + np.arange(7) * NS)).new == 1
    assert [s.rows for s in segments.segments(day)] == [7]
    assert list(day.glob(".part-*")) == []


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        ({"time": [1], "x": [2.0]}, UnknownNameError),
        ({"t": [2.0]}, SchemaError),
        ({"time": [1.5], "t": [2.0]}, SchemaError),
        ({"time": [-1], "t": [2.0]}, SchemaError),
        ({"time": [1], "t": ["warm"]}, SchemaError),
    ],
)
def test_samples_that_do_not_fit_are_refused(store, samples, error):
    with pytest.raises(error):
        store.append(MAST, pd.DataFrame(samples))

    assert store.topics() == []


def test_a_declaration_may_grow_but_not_change(store):
    store.append(MAST, mast([MIDNIGHT]))
    more = MAST.model_copy(update={"fields": (*MAST.fields, Field(name="rain", dtype="bool", doc="Whether it rains."))})
    other = MAST.model_copy(update={"fields": (Field(name="t", units="K", doc="Temperature."), MAST.fields[1])})

    store.append(more, mast([MIDNIGHT + NS]).assign(rain=True))

    assert store.read("mast", ["rain"])["rain"].to_numpy().tolist() == [False, True]
    with pytest.raises(ConflictError, match="t, rain had other units"):
        store.append(other, mast([MIDNIGHT + 2 * NS]))


@pytest.fixture(scope="module")
def long_series(tmp_path_factory):
    """Three segments with cells, with a hole and a spike in it."""
    store = TelemetryStore(tmp_path_factory.mktemp("fast"))
    rng = np.random.default_rng(3)
    times = MIDNIGHT + (np.arange(240_000) * 0.1 * NS).astype(np.int64)
    table = pd.DataFrame({"time": times, "v": rng.normal(size=240_000)})
    table.loc[155_000, "v"] = 99.0
    table.loc[1000:3000, "v"] = np.nan
    table = table.drop(index=range(60_000, 90_000))
    for start in range(0, len(table), 70_000):
        store.append(FAST, table.iloc[start : start + 70_000])
    return store, table


@pytest.mark.parametrize("raw_rows", [1 << 21, 0], ids=["samples", "cells"])
def test_an_overview_shows_extremes_means_and_holes(long_series, monkeypatch, raw_rows):
    store, table = long_series
    monkeypatch.setattr(cells, "RAW_ROWS", raw_rows)
    begin, end = MIDNIGHT, MIDNIGHT + 24_000 * NS

    found = store.overview("fast", "v", begin, end, points=24)

    bins = ((table["time"] - begin) // (1000 * NS)).to_numpy()
    grouped = table["v"].groupby(bins)
    expected = pd.DataFrame({"min": grouped.min(), "max": grouped.max(), "mean": grouped.mean()}).reindex(range(24))
    if raw_rows:
        np.testing.assert_allclose(found["mean"], expected["mean"])
        np.testing.assert_array_equal(found["max"], expected["max"])
    assert np.isnan(found["mean"].to_numpy()[6:9]).all()
    assert int(np.nanargmax(found["max"].to_numpy())) == 15
    assert found["max"].max() == 99.0
    assert int(found["count"].sum()) == table["v"].notna().sum()


RACK = Topic(
    name="rack", kind=Kind.TELEMETRY, doc="Sensors.", keys=("sensor", "channel"),
    fields=(
        Field(name="sensor", dtype="str", doc="Name."), Field(name="channel", dtype="int64", units="1", doc="Of it."),
        Field(name="v", units="V", doc="Voltage."),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """Three sensors of unlike cadence in one topic, in two segments; one has a spike and a hole."""
    store, rng = TelemetryStore(tmp_path_factory.mktemp("rack")), np.random.default_rng(4)
    parts = []
    for sensor, channel, step in (("a", 1, 0.1), ("a", 2, 0.2), ("b", 1, 40.0)):
        times = MIDNIGHT + (np.arange(0, 16_000, step) * NS).astype(np.int64)
        values = rng.normal(size=len(times)) + 10 * channel
        parts.append(pd.DataFrame({"time": times, "sensor": sensor, "channel": channel, "v": values}))
    parts[0].loc[105_000, "v"] = 99.0
    parts[0] = parts[0].drop(index=range(40_000, 80_000))
    table = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    for half in np.array_split(np.arange(len(table)), 2):
        store.append(RACK, table.iloc[half])
    return store, table


@pytest.mark.parametrize(
    "select", [{"sensor": "a", "channel": "1"}, {"sensor": "a", "channel": "2"}, {"sensor": "b", "channel": "1"}, {}],
    ids=["spike", "even", "sparse", "all"],
)  # fmt: skip
def test_an_overview_of_one_of_several_things_is_of_that_one(rack, monkeypatch, select):
    store, table = rack
    monkeypatch.setattr(cells, "RAW_ROWS", 0)
    monkeypatch.setattr(cells, "_fold_samples", None)
    own = table[
        [all(str(row[k]) == v for k, v in select.items()) for row in table[["sensor", "channel"]].to_dict("records")]
    ]

    found = store.overview("rack", "v", MIDNIGHT, MIDNIGHT + 16_000 * NS, points=16, select=select)

    assert int(found["count"].sum()) == len(own)
    assert (float(found["min"].min()), float(found["max"].max())) == (own["v"].min(), own["v"].max())
    total = float((found["mean"].fillna(0) * found["count"]).sum())
    np.testing.assert_allclose(total, own["v"].sum(), rtol=1e-9)
    if select == {"sensor": "a", "channel": "1"}:
        assert np.isnan(found["mean"].to_numpy()[5:7]).all()
        assert int(np.nanargmax(found["max"].to_numpy())) == 10


def test_keys_that_never_come_again_have_no_cells(store, monkeypatch):
    monkeypatch.setattr(cells, "FEWEST_ROWS", 100)
    rows = pd.DataFrame(
        {"time": MIDNIGHT + np.arange(200) * NS, "sensor": list(map(str, range(200))), "channel": 1, "v": 1.0}
    )
    store.append(RACK, rows)

    assert list(store.folder.rglob(f"*{segments.CELLS}")) == []


def test_genuine_shutter_and_photodiode_records_are_read(store, real_data, tmp_path):
    profile = real_data / "telemetry" / "MC_O_30211212_000310_shutterMotionProfileOpen.json"
    diode = real_data / "telemetry" / "Photodiode_Readings_20211212_000310.txt"
    if not profile.exists():
        pytest.skip("no shutter record among the genuine data")
    shutter = Topic(
        name="shutter", kind=Kind.TELEMETRY, doc="Blade.", fields=(Field(name="position", units="mm", doc="Place."),),
        source=Source(format="json", samples="motionProfile.encodeSamples", time="time.tai", scale="tai"),
    )  # fmt: skip
    photodiode = Topic(
        name="photodiode", kind=Kind.TELEMETRY, doc="Light.",
        fields=(Field(name="current", units="A", doc="Current."),),
        source=Source(format="csv", header=("time", "current"), separator=" ", time_form="elapsed"),
    )  # fmt: skip
    begin = parse_utc("2021-12-12T00:03:10")

    assert take_file(store, shutter, profile).new > 50
    assert take_file(store, photodiode, diode, begin_ns=begin).new > 80
    assert take_file(store, shutter, profile).new == 0

    moved, light = store.read("shutter"), store.read("photodiode")
    assert str(moved["time"].to_numpy()[0]) == "2025-05-27T01:38:35.975000000"
    assert moved["position"].to_numpy()[0] == 750.0419187950024
    assert (np.diff(moved["position"].to_numpy()) < 0.5).all()
    assert (ns(light)[1] - begin) == 16_700_000
    assert light["current"].to_numpy()[20] == 1.36442e-9
    with pytest.raises(FormatError, match="was not told"):
        read_samples(photodiode, diode)


def test_files_of_the_annex_are_kept_whole_and_found_by_time(store, tmp_path):
    file = tmp_path / "profile.bin"
    file.write_bytes(b"a profile")

    assert keep_file(store, ANNEX, file, MIDNIGHT).new == 1
    assert keep_file(store, ANNEX, file, MIDNIGHT).duplicates == 1
    (kept,) = files(store, "annex", MIDNIGHT, MIDNIGHT + 1)
    assert kept.read_bytes() == b"a profile"
    assert kept.stat().st_mode & 0o222 == 0
    assert files(store, "annex", 0, MIDNIGHT) == []
    with pytest.raises(ConfigurationError):
        keep_file(store, MAST, file, MIDNIGHT)
