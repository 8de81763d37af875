"""How numbers, units and durations are written for people."""

from __future__ import annotations

import math
import re

MISSING = "\N{EN DASH}"
_UNITS = {"1": "", "percent": "%", "degC": "°C", "arcsec": "″", "degree": "°", "deg": "°", "1e-6": "ppm",
          "1e-9": "ppb", "uA": "µA", "us": "µs"}  # fmt: skip


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, thousands grouped; `MISSING` for NaN.

    Examples
    --------
    >>> number(0.00612), number(1234567.0)
    ('0.00612', '1,234,567')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4:  # noqa: PLR2004 - smaller than 0.0001 reads better in powers of ten
        return f"{value:.{digits - 1}e}"
    text = f"{value:,.{max(0, digits - 1 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit(name: str) -> str:
    """Write a unit as people read it.

    Examples
    --------
    >>> unit("degC"), unit("1"), unit("K h-1"), unit("1e-6")
    ('°C', '', 'K/h', 'ppm')
    """
    return _UNITS.get(name) or ("" if name == "1" else re.sub(r" ?([a-zA-Z]+)-1\b", r"/\1", name))


def quantity(value: float, units: str, digits: int = 3) -> str:
    """Write a number with its unit.

    Examples
    --------
    >>> quantity(0.6, "percent"), quantity(12, "1")
    ('0.6 %', '12')
    """
    return f"{number(value, digits)} {unit(units)}".rstrip()


def duration(seconds: float) -> str:
    """Write a duration in its two largest units.

    Examples
    --------
    >>> duration(3725), duration(4.25), duration(90), duration(0.02)
    ('1 h 02 min', '4.2 s', '1 min 30 s', '20 ms')
    """
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds > 0 else "0 s"
    if seconds < 60:  # noqa: PLR2004 - seconds to a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
