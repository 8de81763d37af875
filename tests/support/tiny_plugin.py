"""The tiny instrument, installed as a package of its own would be: found by its entry point in every process."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

from hven import instruments

_MODULE = "from pathlib import Path\nimport tiny\nINSTRUMENT = tiny.instrument(Path(__file__).parent)\n"


@contextmanager
def installed(folder, monkeypatch):
    """Install into a folder that is taken off the path again; gives the instrument."""
    package = folder / "hven_tiny-0.1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hven-tiny\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text("[hven.instruments]\ntiny = tiny_plugin_module:INSTRUMENT\n")
    (folder / "tiny_plugin_module.py").write_text(_MODULE)
    support = Path(__file__).parent
    for path in (support, folder):
        monkeypatch.syspath_prepend(path)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{support}")
    instruments.load.cache_clear()
    yield instruments.load("tiny")
    instruments.load.cache_clear()
    sys.modules.pop("tiny_plugin_module", None)
