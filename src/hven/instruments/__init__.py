"""Instruments are plug-ins, found through the entry point group `hven.instruments` only."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.instrument import Instrument

GROUP = "hven.instruments"


def available() -> tuple[str, ...]:
    """Names of the installed instruments.

    Examples
    --------
    >>> "panoseti" in available()
    True
    """
    return tuple(sorted(_entry_points()))


@cache
def load(name: str) -> Instrument:
    """Instrument by name.

    Raises
    ------
    UnknownNameError
        When no installed package declares it.
    ConfigurationError
        When what the entry point names is no `Instrument` of that name.
    """
    found = _entry_points()
    if name not in found:
        raise UnknownNameError("instrument", name, found)
    instrument = found[name].load()
    if not isinstance(instrument, Instrument) or instrument.name != name:
        raise ConfigurationError(f"entry point {found[name].value} is not the instrument {name!r}")
    return instrument


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
