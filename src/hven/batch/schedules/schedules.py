"""Schedules as people use them: the same verbs at the table itself and through the API."""

from __future__ import annotations

from typing import Protocol

from hven.batch.schedules.model import Fire, Schedule, ScheduleEvent
from hven.batch.schedules.spec import ScheduleSpec, schedules_of
from hven.batch.schedules.store import ScheduleStore
from hven.core.clock import NS, now_ns
from hven.core.errors import AccessDeniedError, ConfigurationError, UnknownNameError
from hven.core.settings import Settings


class Schedules(Protocol):
    """Looks after schedules, in the name of one user.

    `enable`, `disable` and `run` take the right to operate and raise AccessDeniedError without it; all raise
    UnknownNameError for a schedule that does not exist.
    """

    def find(self) -> list[Schedule]:
        """All schedules, by name."""
        ...

    def get(self, name: str) -> Schedule:
        """Schedule by name."""
        ...

    def fires(self, name: str = "", *, limit: int | None = None) -> list[Fire]:
        """Fires of a schedule (of all if empty), newest first."""
        ...

    def events(self, name: str = "", *, limit: int | None = None) -> list[ScheduleEvent]:
        """Who did what to a schedule (to any if empty), newest first."""
        ...

    def enable(self, name: str) -> Schedule:
        """Let it fire from now on."""
        ...

    def disable(self, name: str) -> Schedule:
        """Let it fire no more."""
        ...

    def run(self, name: str, *, at_ns: int | None = None) -> Fire:
        """Let it fire once for a time (now, if None); ConflictError when it has fired for that time."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class DirectSchedules:
    """Schedules at the table itself.

    Parameters
    ----------
    settings
        Of the site, which may have schedules of its own.
    store
        Table of switches and fires.
    user
        In whose name.
    operator
        Whether they may change anything.
    """

    def __init__(self, settings: Settings, store: ScheduleStore, *, user: str, operator: bool) -> None:
        self.settings = settings
        self.store = store
        self.user = user
        self.operator = operator

    def find(self) -> list[Schedule]:
        """All schedules, by name."""
        return [self._stands(spec) for _, spec in sorted(schedules_of(self.settings).items())]

    def get(self, name: str) -> Schedule:
        """Schedule by name."""
        return self._stands(self._spec(name))

    def fires(self, name: str = "", *, limit: int | None = None) -> list[Fire]:
        """Fires, newest first."""
        return self.store.fires(name, limit=limit)

    def events(self, name: str = "", *, limit: int | None = None) -> list[ScheduleEvent]:
        """Who did what, newest first."""
        return self.store.events(name, limit=limit)

    def enable(self, name: str) -> Schedule:
        """Let it fire from now on."""
        return self._switch(name, on=True)

    def disable(self, name: str) -> Schedule:
        """Let it fire no more."""
        return self._switch(name, on=False)

    def run(self, name: str, *, at_ns: int | None = None) -> Fire:
        """Let it fire once."""
        self._must_operate()
        spec, now = self._spec(name), now_ns() // NS * NS
        if at_ns is not None and at_ns > now:
            raise ConfigurationError("the time of a fire lies ahead", hint="`hven schedule enable` waits for it.")
        return self.store.run(spec.name, now if at_ns is None else at_ns, who=self.user)

    def close(self) -> None:
        """Close the table's connections."""
        self.store.database.close()

    def _switch(self, name: str, *, on: bool) -> Schedule:
        self._must_operate()
        spec = self._spec(name)
        self.store.switch(spec.name, on=on, who=self.user)
        return self._stands(spec)

    def _spec(self, name: str) -> ScheduleSpec:
        known = schedules_of(self.settings)
        if name not in known:
            raise UnknownNameError("schedule", name, known)
        return known[name]

    def _stands(self, spec: ScheduleSpec) -> Schedule:
        return self.store.stands(spec, spec.zone or self.settings.observatory.time_zone)

    def _must_operate(self) -> None:
        if not self.operator:
            raise AccessDeniedError(
                f"{self.user} may not change schedules", hint="They are the observatory's; operators may."
            )
