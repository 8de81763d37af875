"""Numbers with units; astropy is imported when a plan is read, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hven.core.errors import ConfigurationError

if TYPE_CHECKING:
    from astropy.units import Quantity

_THOUSAND = 1000
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def parse(text: str, unit: str) -> Quantity:
    """Quantity of a text, e.g. ``20 MB``, that fits a unit; a day has 24 h, a year 365.25 d.

    Raises
    ------
    ConfigurationError
        When the text is no quantity, or one of another kind.

    Examples
    --------
    >>> float(parse("20 MB", "byte").to_value("kB"))
    20000.0
    """
    units = _units()
    try:
        found = units.Quantity(text)
        found.to(unit)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{text!r} is no quantity in {unit or 'numbers'}: {error}", hint="Write it as 20 MB, 3 Hz, 13.9 h or 432."
        ) from None
    return found


def written(value: Quantity, unit: str) -> str:
    """Quantity for people: three digits, bytes with the prefix that suits them.

    Examples
    --------
    >>> written(parse("0.7 PB", "byte"), "byte"), written(parse("432", ""), "")
    ('700 TB', '432')
    """
    if unit.startswith("byte"):
        per = unit.removeprefix("byte")
        number, step = float(value.to_value(unit)), 0
        while abs(number) >= _THOUSAND and step < len(_PREFIXES) - 1:
            number, step = number / _THOUSAND, step + 1
        return f"{number:.3g} {_PREFIXES[step]}B{per}"
    number = float(value.to_value(unit))
    shown = f"{number:,.0f}" if abs(number) >= _THOUSAND else f"{number:.3g}"
    return f"{shown} {unit}".rstrip()


def _units() -> Any:
    try:
        from astropy import units
    except ImportError:
        raise ConfigurationError("plans need astropy", hint="pip install 'hven[fits]'") from None
    return units
