"""Instruments are plug-ins, found through the entry point group `hven.instruments` only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.instrument import Extension, Instrument
from hven.model.telemetry import exposure_type

GROUP = "hven.instruments"
EXTENSIONS = "hven.extensions"
"""Entry point group of packages that add tasks and pipelines to an instrument."""


def available() -> tuple[str, ...]:
    """Names of the installed instruments.

    Examples
    --------
    >>> "panoseti" in available()
    True
    """
    return tuple(sorted(entry_points(group=GROUP).names))


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
    points = entry_points()  # all at once: each look reads what every installed package declares
    found = {point.name: point for point in points.select(group=GROUP)}
    if name not in found:
        raise UnknownNameError("instrument", name, found)
    instrument = found[name].load()
    if not isinstance(instrument, Instrument) or instrument.name != name:
        raise ConfigurationError(f"entry point {found[name].value} is not the instrument {name!r}")
    return _extended(instrument, points.select(group=EXTENSIONS))


def _extended(instrument: Instrument, extensions: Iterable[EntryPoint]) -> Instrument:
    """Instrument with what every instrument has, and what installed packages add to it."""
    instrument = replace(instrument, dataset_types=(*instrument.dataset_types, exposure_type(instrument.name)))
    for point in sorted(extensions, key=lambda point: point.name):
        extension = point.load()
        if not isinstance(extension, Extension):
            raise ConfigurationError(f"entry point {point.value} is no extension of an instrument")
        if extension.instrument == instrument.name:
            _refuse_twice(instrument, extension, point.value)
            instrument = replace(
                instrument,
                dataset_types=(*instrument.dataset_types, *extension.dataset_types),
                extensions=(*instrument.extensions, extension.resources),
            )
    return instrument


def _refuse_twice(instrument: Instrument, extension: Extension, where: str) -> None:
    there = {declared.type_name for declared in instrument.dataset_types}
    for declared in extension.dataset_types:
        if declared.type_name in there:
            raise ConfigurationError(f"{where}: {declared.type_name} is declared already", hint="Choose another name.")
