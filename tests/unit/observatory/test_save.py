"""What cannot be saved is refused with the name of what is wrong, and nothing is left behind."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hven.core.errors import ConfigurationError

ROWS = np.arange(3)


def dataset(values=ROWS, name="signal", attrs=None):
    return xr.Dataset({name: ("time", values, attrs or {})})


def refused(obs, what, name="flat", **more):
    with pytest.raises(ConfigurationError) as refusal:
        obs.save(what, name, detector=1, **more)
    assert refusal.value.hint
    assert not (obs.root / "users").exists()
    return refusal.value


def test_an_array_is_told_how_to_become_a_dataset(obs):
    refusal = refused(obs, dataset()["signal"])

    assert "DataArray" in refusal.message
    assert "to_dataset" in refusal.hint
    assert "ndarray" in refused(obs, ROWS).message


@pytest.mark.parametrize(
    "values",
    [
        ROWS.astype(complex),
        np.zeros(3, [("a", "i4")]),
        ROWS.astype("datetime64[s]"),
        ROWS.astype(np.longdouble),
        ROWS.astype(">f4"),
        pd.Categorical(["a", "b", "a"]),
        pd.array([1, None, 2], dtype="Int64"),
    ],
)
def test_a_type_that_cannot_be_stored_is_refused(obs, values):
    what = dataset(values)

    refusal = refused(obs, what)

    assert "'signal'" in refusal.message
    assert str(what["signal"].dtype) in refusal.message


@pytest.mark.parametrize(
    "values",
    [ROWS.astype(t) for t in ("f2", "f8", "u1", "i8", "?", "M8[ns]", "m8[s]", "U", "O")],
)
def test_types_that_can_be_stored_are(obs, values):
    saved = obs.save(dataset(values), "flat", detector=1)

    assert obs.open("flat", collection=saved.run).sizes == {"time": 3}


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "zarr.json", "a\\b", "a\0b", "x" * 300, 0, ("t", 1)])
def test_a_variable_whose_name_is_no_folder_is_refused(obs, name):
    assert repr(name) in refused(obs, dataset(name=name)).message


@pytest.mark.parametrize("value", [dt.datetime(2025, 1, 1, tzinfo=dt.UTC), b"x", {1, 2}, 1j, {(1, 2): 3}])
def test_an_attribute_that_is_no_json_is_refused(obs, value):
    of_variable = refused(obs, dataset(attrs={"taken": value}))
    of_dataset = refused(obs, dataset().assign_attrs(taken=value))

    assert "'taken' of variable 'signal'" in of_variable.message
    assert "'taken' of the dataset" in of_dataset.message


def test_attributes_of_numpy_are_kept(obs):
    saved = obs.save(dataset(attrs={"gain": np.float32(0.5), "bins": np.arange(2)}), "flat", detector=1)

    kept = obs.open("flat", collection=saved.run)["signal"].attrs
    assert (kept["gain"], list(kept["bins"])) == (0.5, [0, 1])


def test_a_note_that_is_no_json_is_refused(obs):
    assert "'bins'" in refused(obs, dataset(), notes={"bins": object()}).message


@pytest.mark.parametrize("name", ["..", ".", ".hidden", "-x", "my flat!", "é", "a/b", "", "flat\n", "x" * 200])
def test_a_name_that_is_no_word_is_refused(obs, name):
    assert repr(name) in refused(obs, dataset(), name).message


@pytest.mark.parametrize("name", ["my-flat", "my_flat", "flat.v2", "7"])
def test_a_word_is_a_name(obs, name):
    assert obs.save(dataset(), name, detector=1).run == f"u/{obs.user}/{name}"
