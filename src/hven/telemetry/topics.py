"""Declared topics and tables: those of every facility, those of the instruments, and the site's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError

from hven import instruments
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.settings import Settings
from hven.core.yaml_file import read_yaml
from hven.model.dataset_type import DatasetType
from hven.model.telemetry import TIME, Declarations, ExposureTable, Field, Kind, Topic

FILE = "telemetry.yaml"
"""In an instrument's resources."""

FILE_FIELDS = (
    Field(name="file", dtype="str", doc="Name of the file."),
    Field(name="sha256", dtype="str", doc="Digest of its content."),
    Field(name="size", dtype="int64", units="byte", doc="Size of the file."),
    Field(name="path", dtype="str", doc="Where it lies, below the topic's folder."),
)
"""Fields of a topic of the large-file annex."""

_DTYPES = {"f": "float64", "i": "int64", "u": "int64", "b": "bool"}


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared at a site: topics by name, and the table of exposures of each instrument."""

    topics: Mapping[str, Topic]
    exposures: Mapping[str, ExposureTable]

    def topic(self, name: str) -> Topic:
        """Topic by name; UnknownNameError lists those there are."""
        if name not in self.topics:
            raise UnknownNameError("topic", name, self.topics)
        return self.topics[name]

    def table(self, instrument: str) -> ExposureTable:
        """Table of an instrument's exposures; UnknownNameError where none is declared."""
        if instrument not in self.exposures:
            raise UnknownNameError("table of exposures", instrument, self.exposures)
        return self.exposures[instrument]


def declared(settings: Settings) -> Declared:
    """Everything declared at a site; what comes later replaces what has the same name before. Files are read once.

    Raises
    ------
    ConfigurationError
        When a file does not fit; it names file and key.
    """
    return _declared(settings.instruments, settings.telemetry.declarations)


@lru_cache(maxsize=64)
def _declared(names: tuple[str, ...], site: Path | None) -> Declared:
    loaded = [instruments.load(name) for name in names]
    own = [site] if site else []
    files = [Path(__file__).with_name("facility.yaml"), *(i.resources / FILE for i in loaded), *own]
    read = [read_declarations(file) for file in files if file.exists() or file in own]
    types = [declared for instrument in loaded for declared in instrument.dataset_types]
    topics = {topic.name: _whole(topic, types) for one in read for topic in one.topics}
    return Declared(topics, {name: table for one in read for name, table in one.exposures.items()})


def read_declarations(file: Path) -> Declarations:
    """Read a file of declarations; raises ConfigurationError."""
    try:
        return Declarations.model_validate(read_yaml(file))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: {problems}") from None


def _whole(topic: Topic, types: Iterable[DatasetType]) -> Topic:
    """Topic with the fields that follow from its kind or product."""
    if topic.kind is Kind.FILES:
        return topic.model_copy(update={"fields": FILE_FIELDS, "keys": ("sha256", "file")})
    if not topic.product:
        return topic
    known = {str(declared.type_name): declared for declared in types}
    if topic.product not in known:
        raise UnknownNameError("product of a topic", topic.product, known)
    declared = known[topic.product]
    there = {*(variable.name for variable in declared.variables), *declared.keys}
    for name in (*topic.select, *(field.name for field in topic.fields)):
        if name not in there:
            raise UnknownNameError(f"column of {topic.product}", name, there)
    return topic if topic.fields else topic.model_copy(update={"fields": tuple(_fields(declared))})


def _fields(declared: DatasetType) -> Iterable[Field]:
    """Fields of the rows of a table product."""
    for variable in declared.variables:
        if variable.name == TIME:
            continue
        text = variable.dtype == "str"
        dtype = "str" if text else _DTYPES[np.dtype(variable.dtype).kind]
        units = "" if text else variable.units or "1"
        yield Field(name=variable.name, units=units, doc=variable.doc, dtype=dtype)  # type: ignore[arg-type]
