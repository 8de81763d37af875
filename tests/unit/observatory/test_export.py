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


@pytest.fixture
def described(wide):
    """With attributes as L0 products have them, names longer than a FITS card among them."""
    names = [f"start_2025-10-22T05_00_00Z.dp_img16.bpp_2.module_254.seqno_{n}{'0' * 40}é.pff" for n in range(300)]
    sizes, digests = [2**40 + n for n in range(300)], [f"{n:064x}" for n in range(300)]
    run = "obs_Palomar.start_2025-10-22T05-00-00Z.runtype_a-very-long-name-indeed.pffd" + "x" * 40
    return wide.assign_attrs(processing_level="L0", schema_version="1.0", run_id=run, source_file_count=300,
                             source_files=names, source_file_bytes=sizes, source_file_sha256=digests)  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_fits_says_level_and_run_and_lists_raw_files(obs, made, described, tmp_path):
    from astropy.io import fits

    file = export(obs.root, made, described, "fits", tmp_path / "x.fits")

    with fits.open(file) as opened:
        opened.verify("exception")
        for name in ("processing_level", "schema_version", "run_id", "source_file_count"):
            assert opened[0].header[f"HVEN {name.upper()}"] == described.attrs[name]
        rows = opened["SOURCE_FILES"].data
        found = [(bytes(r["name"]).decode(), int(r["bytes"]), str(r["sha256"])) for r in rows]
    columns = (described.attrs[n] for n in ("source_files", "source_file_bytes", "source_file_sha256"))
    assert found == list(zip(*columns, strict=True))


def test_fits_without_raw_files_has_no_table_of_them(obs, made, wide, tmp_path):
    from astropy.io import fits

    with fits.open(export(obs.root, made, wide, "fits", tmp_path / "x.fits")) as opened:
        assert "SOURCE_FILES" not in opened


def test_zarr_and_parquet_hold_lists_among_the_attributes_as_they_are(obs, made, described, tmp_path):
    table = described[[n for n in described if described[n].dims == ("time",)]]

    packed = export(obs.root, made, table, "parquet", tmp_path / "x.parquet")
    folder = export(obs.root, made, described.drop_vars("name"), "zarr", tmp_path / "x.zarr")

    assert json.loads(pq.read_schema(packed).metadata[b"hven"])["attrs"] == described.attrs
    assert described.attrs.items() <= xr.open_zarr(folder, consolidated=False).attrs.items()


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
