"""What holds of a whole processed night, simulated or genuine."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from commands import run

import hven
from hven.core.settings import Settings

pytestmark = pytest.mark.journey
PLANTED = b"admin:simulated"


def observatory(root):
    return hven.connect(Settings(root=root / "data", state=root / "state"))


@pytest.fixture
def obs(night):
    with observatory(night) as found:
        yield found


@pytest.fixture
def real(real_night):
    with observatory(real_night) as found:
        yield found


def test_every_product_is_as_its_type_declares_and_knows_where_it_came_from(obs):
    products = obs.query()

    assert {str(p.ref.type.level) for p in products} == {"L0", "L1", "L2"}
    for product in products:
        dataset = obs.open_product(product)
        obs.dataset_type(product.ref.type.name, str(product.ref.type.level)).check(dataset)
        record = dataset.hven.provenance
        assert record.id == product.id
        assert record.inputs
        assert record.software.environment


def test_every_product_says_its_level_its_run_and_only_raw_ones_their_files(obs):
    for product in obs.query():
        own, record = obs.open_product(product).attrs, obs.provenance(product)

        assert own["processing_level"] == product.ref.type.level
        assert own["schema_version"] == record.schema_version
        assert own.get("run_id") == product.ref.data_id.get("observation")
        if product.ref.type.level == "L0":
            raw = obs.root / product.path.parents[2] / "raw"
            expected = [(i.slot, i.digest) for i in record.inputs if i.dataset_type]
            assert list(zip(own["source_files"], own["source_file_sha256"], strict=True)) == expected
            assert own["source_file_bytes"] == [(raw / name).stat().st_size for name in own["source_files"]]
        else:
            assert not {"source_files", "source_file_count"} & own.keys()


def test_attributes_are_such_as_netcdf_holds(obs):
    """Text, numbers and lists of either: xarray writes nothing else."""
    for product in obs.query():
        dataset = obs.open_product(product)
        for attrs in (dataset.attrs, *(v.attrs for v in dataset.variables.values())):
            for name, value in attrs.items():
                held = np.asarray(value)
                assert held.dtype.kind in "Uif", (product.ref, name, value)
                assert held.ndim < 2, (product.ref, name, value)


def test_calibrated_frames_say_what_they_are_and_have_overviews_of_their_own(obs):
    product, *_ = obs.query("panoseti.ph1024", level="L1")
    frames = obs.open_product(product)
    own, seen = frames.attrs, obs.overview(product, "signal")

    assert own["hven_dataset_type"] == "L1/panoseti.ph1024"
    assert "gain_origin" in own  # what the task has noted is there as well
    assert set(obs.dataset_type("panoseti.ph1024", "L1").overviews) <= set(own["hven_overviews"])
    mean = seen["mean"].weighted(seen["count"]).mean("time")
    np.testing.assert_allclose(mean, frames["signal"].mean("time", dtype=float), rtol=1e-4, atol=1e-4)


def test_no_planted_secret_is_in_any_file(night):
    holding = [p for p in (night / "raw").rglob("*") if p.is_file() and PLANTED in p.read_bytes()]
    written = [p for folder in ("data", "state") for p in (night / folder).rglob("*") if p.is_file()]

    assert holding
    assert not [p for p in written if PLANTED in p.read_bytes()]


def test_registry_comes_back_from_the_disk_as_it_was(night, tmp_path):

    before = _dump(night / "state" / "registry.sqlite")
    (tmp_path / "state").mkdir()

    (tmp_path / "data").symlink_to(night / "data")

    run("registry", "rebuild", root=tmp_path)

    assert _dump(tmp_path / "state" / "registry.sqlite") == before


def _dump(file):
    with closing(sqlite3.connect(file)) as connection:
        tables = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        kept = [t for t in tables if not t.startswith("sqlite_")]
        return {t: sorted(map(repr, connection.execute(f"SELECT * FROM {t}"))) for t in kept}  # noqa: S608 - our names


def test_processing_again_makes_nothing_new(night):
    found = json.loads(run("process", "panoseti/nightly", "--json", root=night))

    assert len(found["quanta"]) > 20
    assert all(quantum["reused"] for quantum in found["quanta"] if quantum["state"] == "done")


def test_lone_clocks_and_genuine_numbers(real):
    ph1024 = real.open("panoseti.ph1024", level="L0", detector=254).load()
    partial = (~ph1024.quabo_valid).any("quabo")

    assert ph1024.sizes["time"] == 944
    assert int(partial.sum()) == 6
    assert (int(ph1024.images.min()), int(ph1024.images.max())) == (-179, 2340)
    assert ph1024.attrs["clock_status"] == "subsecond-locked"
    assert ph1024.attrs["clock_tai_offset_s"] == -50
    assert ph1024.attrs["clock_host_lag_median_ns"] / 1e6 == pytest.approx(-131, abs=1)
    calibrated = real.open("panoseti.ph1024", level="L1", detector=254)
    assert (np.diff(calibrated.time.values.astype("i8")) >= 0).all()
    assert calibrated.hven.data_id["day_obs"] == 20251021


@pytest.mark.parametrize(
    ("name", "day_obs", "rows", "status"),
    [
        ("img16", 20220928, 166, "subsecond-locked"),
        ("img16", 20230215, 963, "subsecond-locked"),
        ("ph256", 20250801, 88, "unsynchronised"),
    ],
)
def test_genuine_files_give_their_frames_and_clocks(real, name, day_obs, rows, status):
    dataset = real.open(f"panoseti.{name}", level="L0", day_obs=day_obs)

    assert dataset.sizes["time"] == rows
    assert dataset.attrs["clock_status"] == status
