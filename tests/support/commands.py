"""The platform's commands on an observatory of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HVEN = Path(sys.executable).with_name("hven")


def run(*words: object, root: Path) -> str:
    """Run `hven` on the observatory in a folder; its output."""
    environ = {**os.environ, "HVEN_ROOT": str(root / "data"), "HVEN_STATE": str(root / "state")}
    done = subprocess.run(
        [HVEN, *map(str, words)], cwd=root, env=environ, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
