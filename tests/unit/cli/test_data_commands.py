"""The commands that find, show, explain, export and process, on a real small observatory."""

from __future__ import annotations

import json

import pytest
from small_products import publish, ref
from typer.testing import CliRunner

from hven.cli.main import app
from hven.core.errors import AmbiguousNameError, DataError, DatasetNotFoundError, QuantumError, UnknownNameError
from hven.core.settings import Settings
from hven.model.quantum import QuantumState
from hven.observatory import connect


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Folder with a site file; an L1 product is there."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "site.yaml"
    file.write_text(f"root: {tmp_path}/data\nstate: {tmp_path}/state\nengine: {{kind: inprocess}}\n")
    monkeypatch.setenv("HVEN_SITE", str(file))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def made(site):
    settings = Settings(root=site / "data", state=site / "state")
    with connect(settings) as obs:
        raw = publish(obs.root, "L0/panoseti.ph1024", run="panoseti/raw/all")
        product = publish(obs.root, inputs=[raw])
        obs.registry.register([raw, product], inputs={product.id: [raw.id]})
    return product


def run(*words):
    done = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_find_lists_products_for_people_and_machines(made):
    table = run("find", "panoseti.ph1024", "--level", "L1", "--day-obs", 20251021, "--detector", 1)
    rows = json.loads(run("find", "panoseti.ph1024", "--where", "level == 'L1'", "--json"))

    assert made.id in table
    assert "1 product\n" in table
    assert [(r["id"], r["begin"]) for r in rows] == [(made.id, "2025-10-22T04:00:00.000000000Z")]


def test_find_of_nothing_is_no_error(made):
    assert "0 products" in run("find", "panoseti.ph1024", "--detector", 77)
    assert json.loads(run("find", "panoseti.ph1024", "--detector", 77, "--json")) == []


def test_show_prints_provenance(made):
    record = json.loads(run("show", made.id, "--json"))

    assert record["id"] == made.id
    assert record["inputs"][0]["dataset_type"] == "L0/panoseti.ph1024"
    assert record["outputs"] == []
    assert "frames.calibrate" in run("show", made.id)


def test_describe_lists_types_and_variables(site):
    assert "L1/panoseti.ph1024" in [t["type"] for t in json.loads(run("describe", "--json"))]
    described = json.loads(run("describe", "panoseti.ph1024", "--level", "L1", "--json"))
    assert {"variable": "signal", "units": "adu"}.items() <= {
        k: v for row in described["variables"] if row["variable"] == "signal" for k, v in row.items()
    }.items()
    assert "signal" in run("describe", "L1/panoseti.ph1024")


def test_the_page_of_dataset_types_is_current(repository):
    assert (repository / "docs" / "dataset-types.md").read_text() == run("describe", "--markdown")


def test_explain_names_the_broken_link(made):
    found = json.loads(run("explain", "panoseti.showers", "--detector", 1, "--json"))

    assert found["broken"]["text"].startswith("not run")
    assert "not run" in run("explain", "panoseti.showers", "--detector", 1)


def test_get_writes_a_file(made, site):
    out = run("get", "panoseti.ph1024", "--level", "L1", "--format", "zarr", "-o", site / "x.zarr")

    assert out.strip() == str(site / "x.zarr")
    assert (site / "x.zarr" / "zarr.json").exists()


def test_errors_travel_with_their_hint(made):
    with pytest.raises(AmbiguousNameError, match="levels L0, L1"):
        run("get", "panoseti.ph1024")


def test_process_reports_quanta_and_fails_with_them(made):
    done = CliRunner().invoke(app, ["process", "panoseti/calibrate", "--json"])

    report = json.loads(done.stdout)
    states = {q["step"]: q["state"] for q in report["quanta"]}
    assert states["ph1024.pedestals"] == QuantumState.FAILED  # the small product has none of the declared variables
    assert states["ph1024.signal"] == QuantumState.BLOCKED
    assert isinstance(done.exception, QuantumError)


def test_process_of_what_no_data_fit_is_an_error_as_for_a_job(made):
    chosen = ("panoseti/showers", "--observation", "nope")
    errors = [CliRunner().invoke(app, [verb, *chosen]).exception for verb in ("process", "submit")]

    for error in errors:
        assert isinstance(error, DatasetNotFoundError)
        assert error.message == "no data fit panoseti/showers with observation=nope"
        assert "`hven explain`" in error.hint


def test_process_takes_options_of_steps(made):
    with pytest.raises(Exception, match="changes no option"):
        run("process", "panoseti/calibrate", "--config", "nonsense")
    with pytest.raises(Exception, match=r"ph1024\.pedestals"):
        run("process", "panoseti/calibrate", "--config", "ph1024.pedestals:nothing=3")


def test_calib_certifies_and_looks_up(made, site):
    run("calib", "certify", made.id, "panoseti/calib/x", "--begin", "2025-10-21", "--end", "2025-10-23")

    found = json.loads(run("calib", "lookup", "L1/panoseti.ph1024", "--at", "2025-10-22", "--detector", 1, "--json"))

    assert found == {"id": made.id, "dataset": str(ref()), "path": str(made.path)}


def test_registry_rebuild_counts_what_it_found(made, site):
    for file in (site / "state").glob("registry.sqlite*"):
        file.unlink()

    assert json.loads(run("registry", "rebuild", "--json")) == {"products": 2, "edits": 0, "quanta": 0, "problems": []}
    assert made.id in run("find", "--level", "L1")


def test_registry_rebuild_fails_with_what_it_left_out(made, site):
    other = publish(site / "data", detector=2)
    (site / "data" / other.path / "manifest.json").chmod(0o644)
    (site / "data" / other.path / "manifest.json").write_text("{")

    done = CliRunner().invoke(app, ["registry", "rebuild"])

    assert isinstance(done.exception, DataError)
    assert "everything else is in the index" in str(done.exception)
    assert f"left out: {other.path}/manifest.json cannot be read" in done.stdout
    assert made.id in run("find", "--level", "L1")


def test_registry_catalogs_writes_them(site):
    run("registry", "catalogs", "--folder", site / "catalogs")

    assert {f.name for f in (site / "catalogs").iterdir()} == {"main.yaml", "magis.yaml", "panoseti.yaml"}


def test_collections_are_listed_shown_and_closed(made):
    name = made.run
    assert {c["name"] for c in json.loads(run("collection", "list", "--json"))} >= {name, "panoseti/defaults"}

    assert f"{name} is operators, was collaboration" in run("collection", "access", name, "operators")

    shown = json.loads(run("collection", "show", name, "--json"))
    assert (shown["access"], shown["products"], shown["wrong_folders"]) == ("operators", 1, [])
    assert f"{name}  RUN  operators  1 products" in run("collection", "show", name)
    assert "operators" in run("collection", "list")


@pytest.mark.parametrize("words", [("nothing", "public"), ("panoseti/raw/all", "secret")])
def test_a_class_or_collection_that_does_not_exist_is_named_with_those_that_do(made, words):
    with pytest.raises(UnknownNameError) as error:
        run("collection", "access", *words)
    assert "Known: " in error.value.hint


def test_words_of_people_are_listed_as_they_are(made):
    run("hold", "add", made.id, "--reason", "for [run] of [/red]")

    assert "for [run] of [/red]" in run("hold", "list")


def test_find_shows_no_time_of_a_product_without_times(made, site):
    with connect() as obs:
        timeless = publish(obs.root, detector=5, numbers=())
        obs.registry.register([timeless], inputs={})

    assert "1970" not in run("find", "panoseti.ph1024")
    assert [r["begin"] for r in json.loads(run("find", "--detector", 5, "--json"))] == [None]


def test_find_at_a_level_that_does_not_exist_is_no_empty_list(made):
    with pytest.raises(UnknownNameError, match="Known: L0, L1, L2"):
        run("find", "--level", "L9")
