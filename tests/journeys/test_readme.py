"""The README's Python runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.journey


def test_python_of_the_readme_runs(repository, night, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    monkeypatch.setenv("HVEN_ROOT", str(night / "data"))
    monkeypatch.setenv("HVEN_STATE", str(night / "state"))
    monkeypatch.setenv("MPLBACKEND", "agg")

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=night)
