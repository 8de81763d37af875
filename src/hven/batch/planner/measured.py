"""Facts that `make bench` has measured on this machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hven.core.errors import ConfigurationError


class Fact(BaseModel):
    """One number: on how many cores of which kind, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    unit: str
    benchmark: str
    machine: str
    at: str


class Facts(BaseModel):
    """What the file of `make bench` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: dict[str, Fact]


def read_facts(file: Path) -> dict[str, Fact]:
    """Facts by name.

    Raises
    ------
    ConfigurationError
        When there is no such file, or it holds something else.
    """
    try:
        return Facts.model_validate_json(file.read_bytes()).facts
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", hint="`make bench` writes it.") from None
    except ValidationError as error:
        raise ConfigurationError(f"{file} holds no facts of `make bench`: {error.errors()[0]['msg']}") from None
