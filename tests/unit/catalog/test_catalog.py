from __future__ import annotations

import os
import subprocess
import sys

import intake
import pytest
from small_products import publish

from hven import instruments
from hven.catalog.make import catalog_files, make_catalog, write_catalogs
from hven.core.errors import ConfigurationError, DatasetNotFoundError, SettingsError, UnknownNameError

NAME = "L1/panoseti.ph1024"
GIVEN = {"day_obs": 20251021, "observation": "crab.20251022T040000Z", "detector": 1}


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("HVEN_ROOT", str(folder))
    return folder


@pytest.fixture
def entry(repository, root):
    return intake.open_catalog(repository / "catalogs" / "main.yaml")["panoseti"][NAME]


def test_catalogs_in_the_repository_are_current(repository):
    expected = catalog_files({name: instruments.load(name) for name in instruments.available()})

    written = {file.name: file.read_text() for file in (repository / "catalogs").glob("*.yaml")}

    assert written == expected, "run `hven registry catalogs`"


def test_an_entry_opens_the_current_version(entry, root):
    publish(root)
    current = publish(root)

    opened = entry(**GIVEN).read()

    assert opened.attrs["hven_id"] == current.id
    assert opened.chunks["time"] == (3,)
    assert opened["a"].values.tolist() == [0, 1, 2]


def test_parameters_may_be_given_in_any_place(entry, root, repository):
    publish(root)
    catalog = intake.open_catalog(repository / "catalogs" / "panoseti.yaml")

    assert entry.read(**GIVEN).identical(entry(**GIVEN).read())
    assert catalog(**GIVEN)[NAME].read().identical(entry(**GIVEN).read())


def test_an_unknown_parameter_is_answered_with_those_there_are(entry):
    with pytest.raises(UnknownNameError, match="Known: day_obs, detector, instrument, observation"):
        entry(**GIVEN, exposure=3).read()


def test_a_missing_parameter_is_answered_with_its_values(entry, root):
    publish(root)
    publish(root, detector=254)

    with pytest.raises(ConfigurationError, match="detector may be: 1, 254"):
        entry(day_obs=20251021, observation=GIVEN["observation"]).read()


def test_a_wrong_value_is_answered_with_those_there_are(entry, root):
    publish(root)
    publish(root, detector=7, observation="other")

    with pytest.raises(DatasetNotFoundError, match=r"detector may be: 1\."):
        entry(**{**GIVEN, "detector": 7}).read()


def test_an_instrument_lists_its_entries(repository, root):
    assert NAME in list(intake.open_catalog(repository / "catalogs" / "main.yaml")["panoseti"])


def test_an_unknown_entry_is_answered_with_those_there_are(repository, root):
    with pytest.raises(UnknownNameError, match=NAME):
        intake.open_catalog(repository / "catalogs" / "main.yaml")["panoseti"]["ph1024"]


@pytest.mark.parametrize("given", [{}, GIVEN])
def test_a_catalog_made_in_python_answers_an_unknown_name_with_those_there_are(root, given):
    catalog = make_catalog(instruments.load("panoseti").dataset_types, root=str(root))(**given)

    with pytest.raises(UnknownNameError, match=r"unknown catalog entry 'L1/panoseti\.ph124'") as told:
        catalog["L1/panoseti.ph124"]
    assert told.value.hint.startswith(f"Did you mean '{NAME}'? Known: L0/panoseti.")
    assert isinstance(told.value, KeyError)
    assert not hasattr(catalog, "ph124")
    assert NAME in catalog
    assert "L1/panoseti.ph124" not in catalog


def test_entries_of_an_instrument_that_were_read_answer_as_it_does(repository, root):
    entries = intake.open_catalog(repository / "catalogs" / "main.yaml")["panoseti"].read()

    with pytest.raises(UnknownNameError, match=NAME):
        entries["ph1024"]


def test_available_lists_datasets_without_a_registry(entry, root):
    publish(root, detector=3)
    publish(root, detector=3)
    publish(root, detector=20)
    publish(root, "L0/panoseti.ph1024", run="panoseti/raw/all")

    assert [d["detector"] for d in entry.available()] == [3, 20]


def test_without_a_data_root_the_error_says_what_to_set(entry, monkeypatch, repository):
    monkeypatch.delenv("HVEN_ROOT")
    catalog = intake.open_catalog(repository / "catalogs" / "main.yaml")

    with pytest.raises(SettingsError, match="Set HVEN_ROOT"):
        catalog["panoseti"][NAME](**GIVEN).read()


def test_a_process_that_knows_only_the_root_opens_a_product(repository, root):
    product = publish(root)
    code = f"""
import intake
cat = intake.open_catalog("catalogs/main.yaml")
print(cat["panoseti"]["{NAME}"](**{GIVEN}).read().attrs["hven_id"])
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HVEN")} | {"HVEN_ROOT": str(root)}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == product.id


def test_a_catalog_made_in_python_knows_its_root(root, monkeypatch):
    product = publish(root)
    monkeypatch.delenv("HVEN_ROOT")

    catalog = make_catalog(instruments.load("panoseti").dataset_types, root=str(root))

    assert catalog[NAME](**GIVEN).read().attrs["hven_id"] == product.id


def test_files_are_written_where_asked(tmp_path):
    written = write_catalogs(tmp_path / "new", {"panoseti": instruments.load("panoseti")})

    assert {f.name for f in written} == {"main.yaml", "panoseti.yaml"}
    assert NAME in list(intake.open_catalog(tmp_path / "new" / "panoseti.yaml"))


def test_parameters_given_to_an_instrument_go_to_its_entries(root, repository):
    publish(root)
    catalog = intake.open_catalog(repository / "catalogs" / "main.yaml")

    for entry in (catalog["panoseti"](**GIVEN)[NAME], catalog(**GIVEN)["panoseti"][NAME]):
        assert entry.read().sizes["time"] == 3
    for entry in (catalog["panoseti"](foo=1)[NAME], catalog(foo=1)["panoseti"][NAME]):
        with pytest.raises(UnknownNameError, match="Known: day_obs, detector, instrument, observation"):
            entry.read(**GIVEN)


def test_an_entry_stays_of_its_type(entry, root, repository):
    publish(root)
    publish(root, "L0/panoseti.ph1024", run="panoseti/raw/all")
    catalog = intake.open_catalog(repository / "catalogs" / "panoseti.yaml")
    other = {"dataset_type": "L0/panoseti.ph1024"}

    for attempt in (
        lambda: entry(**other, **GIVEN),
        lambda: entry(**GIVEN).read(**other),
        lambda: entry(keys=["day_obs"]),
        lambda: catalog(**other)[NAME],
    ):
        with pytest.raises(UnknownNameError, match=r"unknown parameter of L1/panoseti\.ph1024"):
            attempt()


def test_a_dataset_opened_through_the_catalog_tells_where_it_comes_from(repository, root):
    publish(root)
    code = f"""
import intake
entry = intake.open_catalog("catalogs/main.yaml")["panoseti"]["{NAME}"]
print(entry(**{GIVEN}).read().hven.data_id["detector"])
"""
    environment = {**os.environ, "HVEN_ROOT": str(root)}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "1\n"
