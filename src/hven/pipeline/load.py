"""Read the pipeline files of an instrument."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.yaml_file import read_yaml
from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline, Step


def pipeline_names(instrument: Instrument) -> list[str]:
    """Names of an instrument's pipelines, e.g. ``panoseti/calibrate``."""
    return sorted(f"{instrument.name}/{stem}" for stem in _files(instrument))


def choices(instrument: Instrument) -> dict[str, Pipeline]:
    """Everything of an instrument that can be run, by name: its pipelines, each followed by its subsets."""
    found = {}
    for name in pipeline_names(instrument):
        whole = found[name] = load_pipeline(instrument, name)
        found |= {part.name: part for part in (_subset(whole, subset) for subset in whole.subsets)}
    return found


def load_pipeline(instrument: Instrument, name: str) -> Pipeline:
    """Pipeline by name, with the steps of what it includes first and repeated steps written out.

    Parameters
    ----------
    instrument
        Whose files are read.
    name
        ``panoseti/calibrate``, or ``calibrate``; ``panoseti/nightly#showers`` is the pipeline with only the steps of
        its subset `showers`.

    Raises
    ------
    UnknownNameError
        For a pipeline that the instrument does not have, or a subset that the pipeline does not have.
    ConfigurationError
        Names file and step of what is wrong.
    """
    stem, mark, subset = name.removeprefix(f"{instrument.name}/").partition("#")
    whole = _load(instrument, stem, ())
    return _subset(whole, subset) if mark else whole


def _subset(whole: Pipeline, name: str) -> Pipeline:
    if name not in whole.subsets:
        raise UnknownNameError(f"subset of {whole.name}", name, whole.subsets)
    steps = {step: whole.steps[step] for step in whole.steps if step in whole.subsets[name]}
    update = {"name": f"{whole.name}#{name}", "doc": f"Only {', '.join(steps)} of {whole.name}.", "steps": steps}
    return whole.model_copy(update={**update, "subsets": {}})


def _files(instrument: Instrument) -> dict[str, Path]:
    """Pipeline files by name; an extension's does not stand in for another of the same name."""
    found: dict[str, Path] = {}
    for folder in (instrument.resources, *instrument.extensions):
        for file in (folder / "pipelines").glob("*.yaml"):
            if file.stem in found:
                raise ConfigurationError(f"{file}: there is such a pipeline already", hint="Choose another name.")
            found[file.stem] = file
    return found


def _load(instrument: Instrument, stem: str, above: tuple[str, ...]) -> Pipeline:
    files = _files(instrument)
    if stem not in files:
        raise UnknownNameError("pipeline", f"{instrument.name}/{stem}", pipeline_names(instrument))
    file = files[stem]
    if stem in above:
        raise ConfigurationError(f"{file}: includes itself by way of {' > '.join((*above, stem))}")
    own = _parse(file)
    if (own.name, own.instrument) != (f"{instrument.name}/{stem}", instrument.name):
        raise ConfigurationError(f"{file}: name and instrument must be {instrument.name}/{stem} and {instrument.name}")
    included = [_load(instrument, i.removeprefix(f"{instrument.name}/"), (*above, stem)) for i in own.include]
    steps = _merged(file, [*(p.steps for p in included), own.steps])
    for subset, names in own.subsets.items():
        _known_steps(file, subset, names, steps)
    return own.model_copy(update={"include": (), "steps": steps})


def _parse(file: Path) -> Pipeline:
    try:
        values = read_yaml(file)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not YAML: {error}") from None
    if not isinstance(values, dict) or not isinstance(values.get("steps", {}), dict):
        raise ConfigurationError(f"{file} holds no pipeline")
    values["steps"] = dict(expanded(file, values.get("steps", {})))
    try:
        return Pipeline.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: {problems}") from None


def expanded(file: Path, steps: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Named entries of a file, those that `repeat` written out; ConfigurationError where two have one name."""
    seen = set()
    for name, step in steps.items():
        repeat = step.get("repeat", {}) if isinstance(step, dict) else {}
        body = {k: v for k, v in step.items() if k != "repeat"} if isinstance(step, dict) else step
        for values in itertools.product(*repeat.values()):
            filled = dict(zip(repeat, values, strict=True))
            own = _fill(name, filled)
            if own in seen:
                raise ConfigurationError(
                    f"{file}: {own} is there twice", hint="Write the repeated value into its name."
                )
            seen.add(own)
            yield own, _fill(body, filled)


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    match value:
        case str():
            for key, text in values.items():
                value = value.replace(f"{{{key}}}", str(text))
            return value
        case list():
            return [_fill(v, values) for v in value]
        case dict():
            return {_fill(k, values): _fill(v, values) for k, v in value.items()}
        case _:
            return value


def _merged(file: Path, groups: list[dict[str, Step]]) -> dict[str, Step]:
    merged: dict[str, Step] = {}
    for name, step in itertools.chain.from_iterable(group.items() for group in groups):
        if merged.get(name, step) != step:
            raise ConfigurationError(f"{file}: step {name} differs from the included one of the same name")
        merged[name] = step
    return merged


def _known_steps(file: Path, subset: str, names: tuple[str, ...], steps: Mapping[str, Step]) -> None:
    for name in names:
        if name not in steps:
            raise ConfigurationError(f"{file}: subset {subset}: {UnknownNameError('step', name, steps)}")
