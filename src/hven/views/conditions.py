"""Under which conditions something was observed, as the weather mast says."""

from __future__ import annotations

import math
from pathlib import Path

from hven.core.errors import UnknownNameError
from hven.telemetry.queries import overview
from hven.views import formats

TOPIC = "weather"
SHOWN = {"temperature": "Outside", "humidity": "Humidity", "pressure": "Pressure", "wind_speed": "Wind"}
"""Fields of the topic, and how they are called on a page."""


def conditions(root: Path, begin_ns: int, end_ns: int) -> dict[str, str]:
    """Lowest and highest of each between two times; nothing of what was not measured then."""
    told = {field: _range(root, field, begin_ns, end_ns) for field in SHOWN}
    return {SHOWN[field]: text for field, text in told.items() if text}


def _range(root: Path, field: str, begin_ns: int, end_ns: int) -> str:
    try:
        cell = overview(root, TOPIC, field, begin_ns, end_ns, select={}, points=1)
    except UnknownNameError:
        return ""
    low, high = (float(cell[name].item()) for name in ("min", "max"))
    if not math.isfinite(low):
        return ""
    least, most = formats.number(low), formats.quantity(high, str(cell["mean"].attrs["units"]))
    return most if formats.number(high) == least else f"{least} to {most}"
