"""What must hold after ingest was killed with signal 9, wherever that was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import tiny_instrument
from tiny_instrument import make_run

from hven.archive import raw_manifest
from hven.archive.ingest import Archive
from hven.core.settings import Settings
from hven.registry.direct import DirectRegistry
from hven.store.index import iter_products
from hven.store.manifest import check_files
from hven.store.paths import PART
from hven.store.records import read_manifest
from hven.store.verified_copy import sha256_of

SCRIPT = Path(__file__).with_name("killed_ingest.py")
OBSERVATION = Path("L0/tiny/20251021/night")


def check_everything_visible_is_whole(root: Path, run: Path) -> None:
    for product in iter_products(root):
        check_files(root / product.path, read_manifest(root / product.path))
    raw = root / OBSERVATION / "raw"
    for path in raw.rglob("*"):
        if path.is_file() and not path.name.startswith(PART) and path.suffix == ".raw":
            assert path.read_bytes() == (run / path.name).read_bytes()
    manifest = raw_manifest.load(raw.parent)
    for file in manifest.files if manifest else ():
        assert sha256_of(raw / file.name) == file.sha256


def finish(folder: Path, run: Path) -> dict[str, str]:
    settings = Settings(root=folder / "data", state=folder / "state")
    settings.state.mkdir(parents=True, exist_ok=True)
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [tiny_instrument.INSTRUMENT])
        report = archive.ingest([run])
        archive.close()
        found = registry.find()
    assert report.exit_code == 0
    assert len(report.files) == 5
    assert sorted(p.id for p in found) == sorted(p.id for p in iter_products(settings.root))
    assert not list(settings.root.rglob(f"{PART}*"))
    return {str(p.ref): p.digest for p in found}


def check_kills(folder: Path, step: int) -> int:
    """Kill ingest at every `step`-th change of the filesystem, let the next run finish each; gives the kills."""
    run = make_run(folder / "in" / "night.tiny", frames=300, files=1)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(run), str(folder / "kills"), str(step)],
        env={"PYTHONPATH": str(SCRIPT.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    attempts = [json.loads(line) for line in done.stdout.splitlines()]
    assert attempts[-1]["status"] == 0
    expected = finish(Path(attempts[-1]["root"]), run)
    for attempt in attempts[:-1]:
        root = Path(attempt["root"])
        check_everything_visible_is_whole(root / "data", run)
        assert finish(root, run) == expected
        check_everything_visible_is_whole(root / "data", run)
    return len(attempts) - 1
