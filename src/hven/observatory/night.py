"""One night in a few lines: what was observed, how good it is, what happened, what people said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hven.core.clock import NS, day_obs, day_obs_begin, format_utc, parse_utc
from hven.core.errors import ConfigurationError
from hven.model.annotation import Annotation, Kind, standing
from hven.model.data_id import Level
from hven.model.metric import Status
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery

if TYPE_CHECKING:
    from hven.alarms.model import Alarm
    from hven.observatory.watched import Watched

_DAY_NS = 86_400 * NS
_OBSERVATION = re.compile(r"\.(\d{8}T\d{6}Z)\b")
"""How the name of an observation ends: when it began."""
_WHOLE_NIGHT = re.compile(r"[\w-]+/(\d{8})")
"""Key of what is looked at night by night."""


@dataclass(frozen=True, slots=True)
class NightSummary:
    """A night of an instrument.

    Parameters
    ----------
    verdict
        ``PASS``, ``WARN``, ``FAIL`` or ``NO DATA``.
    observations, frames
        How many there are on disk, verified.
    statuses
        How many metrics are in each status.
    alarms
        Primary alarms about its data, or that were open in it and are about no night's.
    failed
        Quanta whose latest end is a failure, in words.
    said
        Marks, comments and the night log.
    """

    instrument: str
    night: int
    verdict: str
    observations: int
    frames: int
    statuses: dict[str, int]
    alarms: tuple[Alarm, ...]
    failed: tuple[str, ...]
    said: tuple[Annotation, ...]

    def __str__(self) -> str:
        """For people."""
        metrics = ", ".join(f"{n} {status}" for status, n in sorted(self.statuses.items())) or "none measured"
        lines = [
            f"{self.instrument}, night {self.night}: {self.verdict}",
            f"observations: {self.observations}, frames: {self.frames:,}",
            f"quality metrics: {metrics}",
            f"alarms: {len(self.alarms)}",
            *(f"  {_time(a.since_ns)} {a.state} {a.rule}: {a.text}" for a in self.alarms),
            f"failed: {len(self.failed)}",
            *(f"  {text}" for text in self.failed),
            "said:" if self.said else "said: nothing",
            *(f"  {_time(a.at_ns)} {a.who} {a.kind} {a.data_id}: {a.text}" for a in self.said),
        ]
        return "\n".join(lines)


def summarise(obs: Watched, instrument: str, night: int) -> NightSummary:
    """Look at everything that is known of a night."""
    raw = obs.query(level="L0", instrument=instrument, day_obs=night, bad=True)
    statuses = _statuses(obs, instrument, night)
    offset = obs.settings.observatory.day_obs_offset_hours
    begin = day_obs_begin(night, offset)
    alarms = tuple(a for a in alarms_of(obs.alarms.find(open_only=False), night, offset) if not a.cause)
    failed = _failed(obs, instrument, night)
    return NightSummary(
        instrument=instrument,
        night=night,
        verdict=_verdict(len(raw), statuses, alarms, failed),
        observations=len({p.ref.data_id.get("observation") for p in raw}),
        frames=sum(p.rows for p in raw),
        statuses=dict(statuses),
        alarms=alarms,
        failed=failed,
        said=tuple(a for a in standing(obs.annotations()) if _of_night(a, night, begin)),
    )


def alarms_of(alarms: Iterable[Alarm], night: int, offset_hours: float) -> list[Alarm]:
    """Alarms about the data of a night, and those about no night's data that were open in it."""
    begin = day_obs_begin(night, offset_hours)
    return [alarm for alarm in alarms if _alarm_of_night(alarm, night, begin, offset_hours)]


def night_of_data(alarm: Alarm, offset_hours: float) -> int | None:
    """Night of whose data an alarm is, whenever it was raised; None where it is about something else."""
    with suppress(ConfigurationError):  # what only looks like a time is none
        if whole := _WHOLE_NIGHT.fullmatch(alarm.key):
            return int(whole[1]) if parse_utc(whole[1]) else None
        if named := _OBSERVATION.search(alarm.text):
            return day_obs(parse_utc(named[1]), offset_hours)
    return None


def _alarm_of_night(alarm: Alarm, night: int, begin: int, offset_hours: float) -> bool:
    data = night_of_data(alarm, offset_hours)
    if data is not None:
        return data == night
    return alarm.since_ns < begin + _DAY_NS and (alarm.is_open or alarm.cleared_ns >= begin)


def _statuses(obs: Watched, instrument: str, night: int) -> Counter[str]:
    found = obs.query(level=str(Level.L2), instrument=instrument, day_obs=night)
    tables = [obs.quality(p) for p in found if p.ref.type.name.endswith(".qc")]
    return Counter(str(status) for table in tables for status in table["status"])


def _failed(obs: Watched, instrument: str, night: int) -> tuple[str, ...]:
    """Latest ends that are failures."""
    latest: dict[tuple[str, str], tuple[QuantumState, str]] = {}
    for record in obs.registry.quanta(query=DataQuery.of(instrument=instrument, day_obs=night)):  # newest first
        key = record.step, str(record.data_id)
        latest.setdefault(key, (record.state, f"{record.step} ({record.data_id}): {record.error}"))
    return tuple(text for state, text in latest.values() if state is QuantumState.FAILED)


def _verdict(raw: int, statuses: Counter[str], alarms: tuple[Alarm, ...], failed: tuple[str, ...]) -> str:
    errors = any(str(a.severity) == "error" and a.is_open for a in alarms)
    if failed or statuses[Status.ERROR] or errors:
        return "FAIL"
    if statuses[Status.WARNING] or alarms:
        return "WARN"
    return "PASS" if raw and statuses[Status.OK] else "NO DATA"


def _of_night(said: Annotation, night: int, begin: int) -> bool:
    if said.kind is Kind.RETRACT:
        return False
    if "day_obs" in said.data_id:
        return said.data_id["day_obs"] == night
    return begin <= (said.at_ns if said.begin_ns is None else said.begin_ns) < begin + _DAY_NS


def _time(time_ns: int) -> str:
    return format_utc(time_ns // NS * NS)
