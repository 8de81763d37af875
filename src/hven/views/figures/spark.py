"""Small curves as pictures in the page's own HTML: many of them cost next to nothing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hven.views import formats, theme
from hven.views.figures.style import milliseconds, value_range

WIDTH, HEIGHT, EDGE = 300, 64, 4


def sparkline(table: pd.DataFrame, limits: Mapping[Hashable, Any]) -> str:
    """Curve of one metric for each detector, with bands where values become a warning and an error.

    Parameters
    ----------
    table
        Columns time, value, detector.
    limits
        `lower, upper, lower_err, upper_err`; None or NaN does not limit.

    Returns
    -------
    str
        SVG with its range in words for those who do not see it.
    """
    shown = value_range(table["value"], limits)
    low, high = float(shown.start), float(shown.end)
    times = milliseconds(table["time"].to_numpy())
    first, span = float(times.min()), float(np.ptp(times)) or 1.0
    x = EDGE + (times - first) / span * (WIDTH - 2 * EDGE)
    y = _height(table["value"].to_numpy(dtype=float), low, high)
    groups = table.assign(x=x, y=y).dropna(subset="value").groupby("detector", sort=True, dropna=False)
    curves = "".join(_curve(rows, theme.SERIES[n % len(theme.SERIES)]) for n, (_, rows) in enumerate(groups))
    values = table["value"].dropna()
    label = f"{formats.number(values.min())} to {formats.number(values.max())}" if len(values) else "no values"
    return (
        f'<svg width="100%" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><title>{escape(label)}</title>{_bands(limits, low, high)}{curves}</svg>'
    )


def _height(value: Any, low: float, high: float) -> Any:
    return HEIGHT * (1 - (value - low) / (high - low))


def _curve(rows: pd.DataFrame, colour: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(rows["x"], rows["y"], strict=True))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/>' for x, y in zip(rows["x"], rows["y"], strict=True))
    return (
        f'<g stroke="{colour}" fill="{colour}"><polyline points="{points}" fill="none" stroke-width="1.5"/>{dots}</g>'
    )


def _bands(limits: Mapping[Hashable, Any], low: float, high: float) -> str:
    parts = []
    for key, colour in (("upper", theme.ORANGE), ("upper_err", theme.VERMILION)):
        for name, beyond in ((key, 0.0), (key.replace("upper", "lower"), float(HEIGHT))):
            limit = limits.get(name)
            if limit is None or not np.isfinite(limit) or not low < limit < high:
                continue
            at = float(_height(limit, low, high))
            top, tall = min(at, beyond), abs(at - beyond)
            parts.append(
                f'<rect x="0" y="{top:.1f}" width="{WIDTH}" height="{tall:.1f}" fill="{colour}" opacity="0.12"/>'
                f'<path d="M0 {at:.1f}H{WIDTH}" stroke="{colour}" stroke-dasharray="5 4"/>'
            )
    return "".join(parts)
