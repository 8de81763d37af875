"""The tiny instrument, installed as a package of its own would be: found by its entry point in every process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import tiny

from hven import instruments

_MODULE = "from pathlib import Path\nimport tiny\nINSTRUMENT = tiny.instrument(Path(__file__).parent)\n"

RAW = """
from dataclasses import replace
from pathlib import Path
import tiny, tiny_instrument
made = tiny.instrument(Path(__file__).parent)
types = (tiny_instrument.FRAMES, *made.dataset_types[1:])
INSTRUMENT = replace(tiny_instrument.INSTRUMENT, dataset_types=types, resources=made.resources)
"""
"""Module of the tiny instrument that reads raw files, too."""

_PLUGIN = """
from pathlib import Path
import tiny
from hven.model.instrument import Instrument
nothing = lambda *_: iter(())
INSTRUMENT = Instrument("tiny", "Tiny", tiny.TYPES, {}, nothing, nothing, nothing, Path(__file__).parent)
"""


@contextmanager
def installed(folder, monkeypatch, module=_MODULE):
    """Install into a folder that is taken off the path again; gives the instrument."""
    package = folder / "hven_tiny-0.1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hven-tiny\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text("[hven.instruments]\ntiny = tiny_plugin_module:INSTRUMENT\n")
    (folder / "tiny_plugin_module.py").write_text(module)
    support = Path(__file__).parent
    for path in (support, folder):
        monkeypatch.syspath_prepend(path)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{support}")
    instruments.load.cache_clear()
    yield instruments.load("tiny")
    instruments.load.cache_clear()
    sys.modules.pop("tiny_plugin_module", None)


def install_for_everybody(installation):
    """The tiny instrument, in the installed environment like one of somebody else's packages."""
    folder = installation.prefix / "tiny-plugin"
    package = folder / "hven_tiny-0.1.dist-info"
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hven-tiny\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text("[hven.instruments]\ntiny = tiny_plugin_module:INSTRUMENT\n")
    (folder / "tiny_plugin_module.py").write_text(_PLUGIN)
    shutil.copy(Path(__file__).with_name("tiny.py"), folder)
    tiny.instrument(folder)
    packages = subprocess.run(
        [str(installation.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    Path(packages.stdout.strip(), "hven-tiny.pth").write_text(f"{folder}\n")
