"""A simulated night, taken in and processed once for all journeys by the platform's own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

HVEN = Path(sys.executable).with_name("hven")
SCALE = "0.5"


def run(*words: object, root: Path) -> str:
    """Run `hven` on the observatory in a folder; its output."""
    environ = {**os.environ, "HVEN_ROOT": str(root / "data"), "HVEN_STATE": str(root / "state")}
    done = subprocess.run(
        [HVEN, *map(str, words)], cwd=root, env=environ, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(root: Path, raw: Path) -> None:
    (root / "data").mkdir(parents=True)
    run("ingest", raw, root=root)
    run("process", "panoseti/nightly", root=root)


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: object) -> Path:
    """Build something once for all test processes."""
    root = tmp_path_factory.getbasetemp().parent / name
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
