"""What a schedule's YAML file says; hven ships some, a site adds its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hven.batch.campaigns.spec import NAME
from hven.batch.schedules.cron import check_cron
from hven.core.errors import ConfigurationError
from hven.core.settings import Settings
from hven.core.yaml_file import read_yaml

SHIPPED = Path(__file__).with_name("shipped")


class ScheduleSpec(BaseModel):
    """A schedule: when, and one of a campaign, a job or a check.

    Parameters
    ----------
    name
        Also the name of its file.
    cron
        Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).
    zone
        IANA name of the time zone; the observatory's if empty.
    campaign, job
        As in a campaign's file, or as `hven.batch.model.JobRequest` has it. Texts are filled in at each fire:
        ``{night}`` is the last observing day that has ended, ``{week}`` its week (2025W43), ``{stamp}`` the time of
        the fire.
    check
        Name of one of `hven.batch.checks`.

    Examples
    --------
    >>> ScheduleSpec(name="weekly", cron="0 3 * * sun", check="pipeline_check").kind
    'check'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME)]
    doc: str = ""
    cron: str
    zone: str = ""
    campaign: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    check: str = ""

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(map(bool, (self.campaign, self.job, self.check))) != 1:
            raise ValueError("give one of campaign, job and check")
        check_cron(self.cron, self.zone or "UTC")
        return self

    @property
    def kind(self) -> str:
        """``campaign``, ``job`` or ``check``."""
        return "campaign" if self.campaign else "job" if self.job else "check"


def schedules_of(settings: Settings) -> dict[str, ScheduleSpec]:
    """Schedules of a site by name: those that hven ships, and its own, which replace shipped ones of the same name.

    Raises
    ------
    ConfigurationError
        Names the file and the key that is wrong.
    """
    files = sorted(SHIPPED.glob("*.yaml"))
    if settings.batch.schedules is not None:
        files += sorted(settings.batch.schedules.glob("*.yaml"))
    found = (_read(file, file.stat().st_mtime_ns) for file in files)
    return {spec.name: spec for spec in found}


@cache
def _read(file: Path, _changed_ns: int) -> ScheduleSpec:
    try:
        spec = ScheduleSpec.model_validate(read_yaml(file))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: {problems}") from None
    if spec.name != file.stem:
        raise ConfigurationError(f"{file}: the name is {spec.name}", hint="File and schedule have the same name.")
    return spec


def fill(value: Any, words: Mapping[str, str | int]) -> Any:
    """Fill words in: a text that is nothing else becomes the word's own value.

    Examples
    --------
    >>> fill({"name": "n{night}", "day_obs": ["{night}"]}, {"night": 20251021})
    {'name': 'n20251021', 'day_obs': [20251021]}
    """
    match value:
        case str():
            for word, own in words.items():
                if value == f"{{{word}}}":
                    return own
                value = value.replace(f"{{{word}}}", str(own))
            return value
        case list():
            return [fill(one, words) for one in value]
        case dict():
            return {key: fill(one, words) for key, one in value.items()}
        case _:
            return value
