from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from small_products import NIGHT, publish

from hven.core.errors import ConfigurationError, ConflictError, UnknownNameError
from hven.observatory.export import export


@pytest.fixture
def wide():
    """Every kind of variable."""
    rng = np.random.default_rng(1)
    kinds = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
    columns = {f"v_{k}": ("time", rng.integers(0, 2, 4).astype(k), {"units": "adu"}) for k in kinds}
    images = {f"i_{k}": (("time", "y"), rng.integers(0, 2, (4, 3)).astype(k)) for k in kinds if k != "int8"}
    times = np.datetime64(NIGHT + 123_456_789, "ns") + np.arange(4)
    return xr.Dataset({**columns, **images, "name": ("time", ["a", "bé", "", "dddd"]), "scalar": 7.5}, {"time": times})


@pytest.fixture
def made(obs):
    product = publish(obs.root)
    obs.registry.register([product], inputs={})
    return product


def test_fits_holds_every_variable_and_exact_times(obs, made, wide, tmp_path):
    from astropy.io import fits

    file = export(obs.root, made, wide, "fits", tmp_path / "x.fits")

    with fits.open(file) as opened:
        table = opened["TIME"].data
        assert table["time"].tolist() == wide.time.values.view("int64").tolist()
        assert opened["TIME"].header["TIMESYS"] == "UTC"
        assert opened["TIME"].columns["v_float32"].unit == "adu"
        for name, variable in wide.variables.items():
            if name.startswith("v_"):
                assert table[name].tolist() == variable.values.tolist()
            if name.startswith("i_"):
                np.testing.assert_array_equal(opened[name.upper()].data, variable.values.astype(float))
        assert [bytes(name).decode() for name in table["name"]] == ["a", "bé", "", "dddd"]
        assert opened["SCALAR"].data.tolist() == [7.5]
        record = json.loads(opened["PROVENANCE"].data["provenance"][0])
        assert record["id"] == opened[0].header["HVEN ID"] == made.id
        assert json.loads(opened[0].header["HVEN DATA_ID"]) == dict(made.ref.data_id)


def test_parquet_holds_a_table_with_units_and_provenance(obs, made, wide, tmp_path):
    table = wide[[n for n in wide if wide[n].dims == ("time",)]]

    file = export(obs.root, made, table, "parquet", tmp_path / "x.parquet")

    read = pq.read_table(file)
    assert read["time"].cast("int64").to_pylist() == wide.time.values.view("int64").tolist()
    assert read["name"].to_pylist() == ["a", "bé", "", "dddd"]
    assert read.schema.field("v_int8").metadata == {b"units": b"adu"}
    assert json.loads(read.schema.metadata[b"hven"])["id"] == made.id


def test_parquet_refuses_images(obs, made, wide, tmp_path):
    with pytest.raises(ConfigurationError, match="i_bool"):
        export(obs.root, made, wide, "parquet", tmp_path / "x.parquet")


def test_zarr_reads_back_the_same(obs, made, wide, tmp_path):
    file = export(obs.root, made, wide.drop_vars("name").chunk(time=2), "zarr", tmp_path / "x.zarr")

    read = xr.open_zarr(file, consolidated=False, chunks=None)
    xr.testing.assert_equal(read, wide.drop_vars("name"))
    assert read.attrs["hven_id"] == made.id


@pytest.mark.filterwarnings("error")
def test_zarr_holds_lazy_text(obs, made, wide, tmp_path):
    text = wide[["name"]].assign_coords(place=("time", ["x", "", "yé", "z"]))
    lazy = text.assign({n: text[n].astype(object).chunk(time=2) for n in ("name", "place")})

    file = export(obs.root, made, lazy, "zarr", tmp_path / "x.zarr")

    read = xr.open_zarr(file, consolidated=False, chunks=None)
    assert read["name"].values.tolist() == ["a", "bé", "", "dddd"]
    assert read["place"].values.tolist() == ["x", "", "yé", "z"]
    assert set(read.coords) == {"time", "place"}


def test_get_names_the_file_after_the_dataset(obs, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    file = obs.get("panoseti.ph1024", "L1", file_format="parquet")

    assert file.name == "panoseti.ph1024_L1_20251021_crab.20251022T040000Z_1.parquet"
    with pytest.raises(ConflictError, match="is there already"):
        obs.get("panoseti.ph1024", "L1", file_format="parquet")
    with pytest.raises(UnknownNameError, match="fits, parquet, zarr"):
        obs.get("panoseti.ph1024", "L1", file_format="csv")
