"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Site = Annotated[Path | None, typer.Option(help="Site file; default as `hven.connect` finds it.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
TypeArgument = Annotated[str, typer.Argument(help="Dataset type, e.g. panoseti.ph1024 or L1/panoseti.ph1024.")]
Level = Annotated[str | None, typer.Option(help="L0, L1 or L2; needed where a type exists at several.")]
Collection = Annotated[str, typer.Option(help="Where to look; default is what is current.")]
Where = Annotated[str, typer.Option(help="""Condition, e.g. 'detector in (1, 3) and begin > "2025-10-22"'.""")]
DayObs = Annotated[list[int] | None, typer.Option(help="Observing day YYYYMMDD; may be given several times.")]
Observation = Annotated[list[str] | None, typer.Option(help="Observation; may be given several times.")]
Detector = Annotated[list[int] | None, typer.Option(help="Detector; may be given several times.")]

Shared = Annotated[
    bool, typer.Option("--shared", help="Into the observatory's collections, not your own; operators may.")
]

Project = Annotated[
    str, typer.Option(help="Unix group into whose project the products go, for all its members, not your own.")
]

Changes = Annotated[
    list[str] | None,
    typer.Option("--config", help="STEP:OPTION=VALUE that differs from the pipeline's; may be given several times."),
]


def choose_site(site: Path | None) -> None:
    """Let this process, and all that it starts, find a site file that somebody has named."""
    import os

    if site is not None:
        os.environ["HVEN_SITE"] = str(site.absolute())


def data_id(day_obs: list[int] | None, observation: list[str] | None, detector: list[int] | None) -> dict[str, Any]:
    """Keywords of `find` and its kin from options."""
    given = {"day_obs": day_obs, "observation": observation, "detector": detector}
    return {key: values[0] if len(values) == 1 else values for key, values in given.items() if values}


def read_changes(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``step:option=value``; values are YAML.

    Examples
    --------
    >>> read_changes(["pulses:threshold_sigma=6.5"])
    {'pulses': {'threshold_sigma': 6.5}}
    """
    import yaml

    from hven.core.errors import ConfigurationError

    changes: dict[str, dict[str, Any]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        step, colon, option = target.rpartition(":")
        if not (equals and colon and step and option):
            raise ConfigurationError(f"{text!r} changes no option", hint="Write it as --config STEP:OPTION=VALUE.")
        changes.setdefault(step, {})[option] = yaml.safe_load(value)
    return changes
