"""What pages and notebooks ask about what is being taken; reads only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from hven.prompt.pictures import read_picture
from hven.prompt.status import STATUS
from hven.store.paths import live_folder

__all__ = ["instruments", "observations", "picture", "rows", "status"]


def instruments(root: Path) -> list[str]:
    """Instruments whose data have been processed live here."""
    return sorted(p.parent.name for p in (root / "live").glob(f"*/{STATUS}"))


def status(root: Path, instrument: str) -> dict[str, Any]:
    """How live processing of an instrument stands, see `hven.prompt.status.Status.facts`; empty where it never ran."""
    try:
        return dict(json.loads((root / live_folder(instrument) / STATUS).read_text()))
    except FileNotFoundError:
        return {}


def observations(root: Path, instrument: str) -> list[str]:
    """Observations that have been processed live, the last one first."""
    folders = [p for p in (root / live_folder(instrument)).glob("*") if p.is_dir()]
    return [p.name for p in sorted(folders, key=lambda p: p.stat().st_mtime_ns, reverse=True)]


def rows(root: Path, instrument: str, observation: str, table: str) -> pd.DataFrame:
    """Rows of a table so far, of all detectors, with the column `detector`; empty where there are none."""
    paths = sorted((root / live_folder(instrument) / observation).glob(f"{table}.*.parquet"))
    found = [pd.read_parquet(path).assign(detector=int(path.suffixes[-2].removeprefix("."))) for path in paths]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def picture(root: Path, instrument: str, observation: str, name: str) -> dict[int, dict[str, NDArray[Any]]]:
    """The last picture of every detector: its arrays by name."""
    folder = root / live_folder(instrument) / observation
    paths = {int(path.suffixes[-2].removeprefix(".")): path for path in folder.glob(f"{name}.*.npz")}
    return {detector: read_picture(paths[detector]) for detector in sorted(paths)}
