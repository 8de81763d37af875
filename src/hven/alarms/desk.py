"""Alarms as people use them: the same verbs at the tables and through the API."""

from __future__ import annotations

from typing import Protocol

from hven.alarms.model import Alarm, Case, Happening, Silence
from hven.alarms.store import AlarmStore
from hven.core.clock import NS, now_ns
from hven.core.errors import AccessDeniedError, ConfigurationError


class Alarms(Protocol):
    """Alarms, in the name of one user.

    Everybody reads and comments; `acknowledge`, `clear` and `silence` are for those who may operate and raise
    AccessDeniedError for others. UnknownNameError for an alarm that does not exist, ConflictError where it stands
    otherwise.
    """

    def find(self, *, open_only: bool = True, rule: str = "", limit: int | None = None) -> list[Alarm]:
        """Alarms, the newest first."""
        ...

    def get(self, alarm_id: str) -> Case:
        """An alarm with its history and what hangs beneath it."""
        ...

    def history(self, *, limit: int | None = None) -> list[Happening]:
        """Who did what, newest first."""
        ...

    def silences(self) -> list[Silence]:
        """Silences that hold."""
        ...

    def acknowledge(self, alarm_id: str, text: str = "") -> Case:
        """Say that one has seen it."""
        ...

    def comment(self, alarm_id: str, text: str) -> Case:
        """Add words."""
        ...

    def clear(self, alarm_id: str, text: str) -> Case:
        """Accept what cannot heal, with the reason; it is not raised again before it was good once."""
        ...

    def silence(self, alarm_id: str, hours: float, text: str, *, whole_rule: bool = False) -> Silence:
        """Tell nobody of this rule and key, or of all of the rule, for some hours."""
        ...

    def silence_rules(self, rules: str, hours: float, text: str) -> Silence:
        """Tell nobody of rules of a family (``quality``) or that fit a pattern (``quality/*``) for some hours.

        What is raised only later is meant, too. ConfigurationError for a pattern of all rules.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class DirectAlarms:
    """Alarms at the tables.

    Parameters
    ----------
    store
        Tables.
    user
        In whose name.
    operator
        Whether they may change what is so for all.
    """

    def __init__(self, store: AlarmStore, *, user: str, operator: bool) -> None:
        self.store = store
        self.user = user
        self.operator = operator

    def find(self, *, open_only: bool = True, rule: str = "", limit: int | None = None) -> list[Alarm]:
        """Alarms, the newest first."""
        return self.store.find(open_only=open_only, rule=rule, limit=limit)

    def get(self, alarm_id: str) -> Case:
        """An alarm with its history."""
        return self.store.get(alarm_id)

    def history(self, *, limit: int | None = None) -> list[Happening]:
        """Who did what, newest first."""
        return self.store.history(limit=limit)

    def silences(self) -> list[Silence]:
        """Silences that hold."""
        return self.store.silences(now_ns())

    def acknowledge(self, alarm_id: str, text: str = "") -> Case:
        """Say that one has seen it."""
        self._must_operate()
        return self.store.acknowledge(alarm_id, who=self.user, text=text, now_ns=now_ns())

    def comment(self, alarm_id: str, text: str) -> Case:
        """Add words."""
        return self.store.comment(alarm_id, who=self.user, text=_said(text), now_ns=now_ns())

    def clear(self, alarm_id: str, text: str) -> Case:
        """Accept what cannot heal."""
        self._must_operate()
        return self.store.accept(alarm_id, who=self.user, text=_said(text), now_ns=now_ns())

    def silence(self, alarm_id: str, hours: float, text: str, *, whole_rule: bool = False) -> Silence:
        """Tell nobody for some hours."""
        self._must_operate()
        now = now_ns()
        until = now + round(hours * 3600 * NS)
        return self.store.silence(
            alarm_id, until_ns=until, whole_rule=whole_rule, who=self.user, text=_said(text), now_ns=now
        )

    def silence_rules(self, rules: str, hours: float, text: str) -> Silence:
        """Tell nobody of a family, or of what fits a pattern, for some hours."""
        self._must_operate()
        now = now_ns()
        until = now + round(hours * 3600 * NS)
        return self.store.silence_rules(_named(rules), until_ns=until, who=self.user, text=_said(text), now_ns=now)

    def close(self) -> None:
        """Give connections back."""
        self.store.database.close()

    def _must_operate(self) -> None:
        if not self.operator:
            raise AccessDeniedError(f"{self.user} may not operate", hint="You may comment on the alarm.")


def _named(rules: str) -> str:
    if not rules.strip("*?/ "):
        hint = "Name a family, like quality, or a pattern, like quality/*."
        raise ConfigurationError("all alarms cannot be silenced at once", hint=hint)
    return rules


def _said(text: str) -> str:
    if not text.strip():
        raise ConfigurationError("a reason is missing", hint="Others will want to know why.")
    return text
