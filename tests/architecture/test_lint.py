"""The linters are tests: one command says whether the project is in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
CHECKS = {
    "ruff check": [BIN / "ruff", "check", "--quiet"],
    "ruff format": [BIN / "ruff", "format", "--check", "--quiet"],
    "mypy": [BIN / "mypy"],
    "import-linter": [BIN / "lint-imports"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_linter_finds_nothing(name, repository):
    found = subprocess.run(CHECKS[name], cwd=repository, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout + found.stderr
