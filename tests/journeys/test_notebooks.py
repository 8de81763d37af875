"""The notebooks run from top to bottom, on a simulated night and on genuine files."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted(p.name for p in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
ON_REAL_FILES = NOTEBOOKS[:4]  # of PANOSETI

pytestmark = [
    pytest.mark.journey,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the notebook client's event loop
]


def execute(path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that the cells put out."""
    monkeypatch.setenv("HVEN_ROOT", str(root / "data"))
    monkeypatch.setenv("HVEN_STATE", str(root / "state"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(root)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    return [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_on_a_simulated_night(name, repository, night, monkeypatch):
    assert execute(repository / "notebooks" / name, night, monkeypatch)


@pytest.mark.parametrize("name", ON_REAL_FILES)
def test_notebook_runs_on_genuine_files(name, repository, real_night, monkeypatch):
    assert execute(repository / "notebooks" / name, real_night, monkeypatch)


def test_notebooks_are_kept_without_output(repository):
    for name in NOTEBOOKS:
        notebook = nbformat.read(repository / "notebooks" / name, as_version=4)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
