"""A simulated night, taken in and processed once for all journeys by the platform's own commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import run
from filelock import FileLock

SCALE = "0.2"


def build(root: Path, raw: Path) -> None:
    (root / "data").mkdir(parents=True)
    run("ingest", raw, root=root)
    run("process", "panoseti/nightly", "--shared", root=root)


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: object) -> Path:
    """Build something once for all test processes of a run."""
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with FileLock(f"{root}.lock"):
        if not (root / "ready").exists():
            make(root)
            (root / "ready").touch()
    return root


@pytest.fixture(scope="session")
def night(tmp_path_factory):
    """Folder with `data/` and `state/` of an observatory that has processed a simulated night."""

    def make(root: Path) -> None:
        root.mkdir()
        run("simulate", root / "raw", "--scale", SCALE, root=root)
        build(root, root / "raw")

    return once(tmp_path_factory, "simulated-night", make)


@pytest.fixture(scope="session")
def real_night(tmp_path_factory, real_data):
    """The same for genuine files."""
    return once(tmp_path_factory, "real-night", lambda root: build(root, real_data / "panoseti" / "loose"))
