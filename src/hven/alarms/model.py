"""What is looked at, and what an alarm is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from hven.alarms.message import Severity

FAMILY = "/"
"""Between the name of a rule that stands for many and what one of them is of."""


class AlarmState(StrEnum):
    """Raised, seen by somebody, over."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"


class Deed(StrEnum):
    """What happened to an alarm, or was done to it."""

    RAISED = "raised"
    CLEARED = "cleared"
    LINKED = "linked"
    ALONE = "alone"
    ACKNOWLEDGED = "acknowledged"
    COMMENTED = "commented"
    ACCEPTED = "accepted"
    SILENCED = "silenced"


@dataclass(frozen=True, slots=True)
class Signal:
    """One reading of something that rules look at.

    Parameters
    ----------
    source
        Name of what gave it, as in `hven.batch.alarms.sources`.
    key
        Which thing of that source, e.g. ``panoseti.img16/254/partial_frames``.
    value
        A number; NaN says nothing.
    time_ns
        When it was so; for deadman rules the last sign of life.
    detector
        Of whose data it is, where there is one.
    text
        More, for people.
    """

    source: str
    key: str
    value: float
    time_ns: int
    detector: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """All signals of one look around; of a source that is not among `answered` nothing is known."""

    signals: tuple[Signal, ...]
    answered: frozenset[str]

    @classmethod
    def of(cls, signals: Iterable[Signal], *answered: str) -> Round:
        """A round in which the sources of the signals answered, and some that had nothing to say."""
        given = tuple(signals)
        return cls(given, frozenset({signal.source for signal in given} | set(answered)))


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule broken by one thing, from its first bad reading to its end.

    Parameters
    ----------
    id
        Follows from rule, key and time.
    value
        What was compared with the limits when it was raised: the reading, its relative change, or seconds of silence.
    since_ns, raised_ns, cleared_ns
        First bad reading, when it was raised, and when it was over (0 while it is not).
    cause
        Id of the alarm that explains it; empty for a primary one.
    alone_ns
        Since when that cause is gone; 0 where it is not.
    told
        People have been told.
    by
        Who acknowledged or cleared it; empty where it cleared by itself.
    """

    id: str
    rule: str
    key: str
    state: AlarmState
    severity: Severity
    text: str
    advice: str
    value: float | None
    since_ns: int
    raised_ns: int
    cleared_ns: int = 0
    cause: str = ""
    alone_ns: int = 0
    told: bool = False
    by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state is not AlarmState.CLEARED


def alarm_id(rule: str, key: str, raised_ns: int) -> str:
    """Name of an alarm.

    Examples
    --------
    >>> alarm_id("no-heartbeat", "ingest", 0)
    'c7db9fe0b6ce'
    """
    return hashlib.sha256(f"{rule}\0{key}\0{raised_ns}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of a rule and a key from round to round.

    Parameters
    ----------
    bad, good
        Readings in a row.
    seen_ns
        Of the last reading that counted.
    since_ns
        First of the bad readings.
    value, changed_ns
        Last reading and when it was another, for rules about what does not change.
    recent
        Good readings, for relative rules.
    accepted
        Somebody has accepted that it is bad; `accepted_value` is what they accepted.
    alarm
        That is open.
    """

    bad: int = 0
    good: int = 0
    seen_ns: int = 0
    since_ns: int = 0
    value: float | None = None
    changed_ns: int = 0
    recent: tuple[float, ...] = ()
    accepted: bool = False
    accepted_value: float | None = None
    alarm: Alarm | None = None


NOTHING = Watch()
"""What is known of a key that was never looked at."""

Book = dict[tuple[str, str], Watch]
"""By rule and key, as far as there is something to remember."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history of an alarm: when, who (empty: the platform), what, and in what words."""

    alarm: str
    time_ns: int
    what: Deed
    who: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """No messages about a rule, or one key of it, until a time; who wanted that, when and why.

    A rule is named by its own name, by that of its family (``quality`` of ``quality/lost_packets``) or by a pattern
    (``quality/*``, ``*-late``).
    """

    rule: str
    key: str
    until_ns: int
    who: str
    why: str
    at_ns: int

    def covers(self, alarm: Alarm, now_ns: int) -> bool:
        """Whether it holds messages about an alarm back."""
        return (
            (self.rule == alarm.rule.partition(FAMILY)[0] or fnmatchcase(alarm.rule, self.rule))
            and self.key in {"", alarm.key}
            and now_ns < self.until_ns
        )


@dataclass(frozen=True, slots=True)
class Over:
    """How many `alarms` of a rule are over, and when the last of them ended."""

    rule: str
    alarms: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Case:
    """An alarm with its history and the alarms that hang beneath it."""

    alarm: Alarm
    history: tuple[Happening, ...] = ()
    beneath: tuple[Alarm, ...] = field(default=())
