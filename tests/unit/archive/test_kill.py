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
from hven.store.read import read_manifest
from hven.store.verified_copy import sha256_of

SCRIPT = Path(__file__).parents[2] / "support" / "killed_ingest.py"
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


def test_killed_at_any_point_nothing_is_half_visible_and_the_next_run_finishes(tmp_path: Path):
    run = make_run(tmp_path / "in" / "night.tiny", frames=300, files=1)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(run), str(tmp_path / "kills")],
        env={"PYTHONPATH": str(SCRIPT.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    attempts = [json.loads(line) for line in done.stdout.splitlines()]
    assert attempts[-1]["status"] == 0
    assert len(attempts) > 10
    expected = finish(Path(attempts[-1]["root"]), run)
    for attempt in attempts[:-1]:
        folder = Path(attempt["root"])
        check_everything_visible_is_whole(folder / "data", run)
        assert finish(folder, run) == expected
        check_everything_visible_is_whole(folder / "data", run)
