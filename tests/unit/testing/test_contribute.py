"""A package of one's own: written by a command, its contract tests pass, and its pipeline is there once installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hven import instruments
from hven.core.errors import ConfigurationError, ConflictError
from hven.model.data_id import TypeName
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline, pipeline_names
from hven.testing.contribute import new_package


@pytest.fixture
def package(tmp_path):
    return new_package("count-bright", tmp_path)


@pytest.fixture
def installed(package, monkeypatch):
    """PANOSETI with the package installed."""
    info = package / "count_bright-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: count-bright\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hven.extensions]\ncount_bright = count_bright:EXTENSION\n")
    monkeypatch.syspath_prepend(package)
    instruments.load.cache_clear()
    yield instruments.load("panoseti")
    instruments.load.cache_clear()
    sys.modules.pop("count_bright", None)


def test_contract_tests_of_a_new_package_pass(package):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", package],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_an_installed_package_adds_its_pipeline_and_dataset_type(installed):
    assert "panoseti/count_bright" in pipeline_names(installed)
    [step] = bind(load_pipeline(installed, "panoseti/count_bright"), installed)

    assert (step.task.name, step.task.version) == ("count_bright.count", "0.1")
    assert step.outputs["counts"].type_name == TypeName.parse("L2/panoseti.count_bright")


def test_what_an_extension_declares_again_is_refused(installed, package):
    pipelines = package / "count_bright" / "pipelines"
    (pipelines / "nightly.yaml").write_text((pipelines / "count_bright.yaml").read_text())

    with pytest.raises(ConfigurationError, match="there is such a pipeline already"):
        load_pipeline(installed, "panoseti/nightly")


def test_names_that_are_taken_or_impossible_are_refused(package):
    with pytest.raises(ConflictError):
        new_package("count-bright", package.parent)
    for name in ("Count", "../up", "a_b", "", "1x"):
        with pytest.raises(ConfigurationError, match="is no name"):
            new_package(name, package.parent)
