"""Formats and small raw files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hven.instruments import load
from hven.model.instrument import Instrument


@pytest.fixture(scope="session")
def panoseti() -> Instrument:
    return load("panoseti")


@pytest.fixture(scope="session")
def genuine(real_data):
    """Genuine files by year of recording."""
    found = {p.name[6:10]: p for p in (real_data / "panoseti" / "loose").glob("*.pff")}
    return {"2022": found["2022"], "2023": found["2023"], **_both_2025(real_data)}


def _both_2025(real_data: Path) -> dict[str, Path]:
    folder = real_data / "panoseti" / "loose"
    return {k: next(folder.glob(f"start_2025*dp_{k}.*")) for k in ("ph256", "ph1024")}
