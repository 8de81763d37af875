"""Schedules through the API."""

from __future__ import annotations

from typing import Any

from hven.batch.schedules.model import Fire, Schedule, ScheduleEvent
from hven.registry.api_client import PATIENCE_S, ApiClient


class RemoteSchedules:
    """Schedules through the API, in the name of the token's user; errors are those of `Schedules`.

    Parameters
    ----------
    url
        The API's address.
    token
        JupyterHub token; it is sent in a header and nowhere else.
    patience_s
        How long an API that is being restarted is asked again, except to change something.
    """

    def __init__(self, url: str, token: str, *, patience_s: float = PATIENCE_S) -> None:
        self._api = ApiClient(url, f"token {token}", patience_s=patience_s)

    def find(self) -> list[Schedule]:
        """All schedules, by name."""
        return [Schedule.model_validate(found) for found in self._api.ask("GET", "/schedules")]

    def get(self, name: str) -> Schedule:
        """Schedule by name."""
        return Schedule.model_validate(self._api.ask("GET", f"/schedules/{name}"))

    def fires(self, name: str = "", *, limit: int | None = None) -> list[Fire]:
        """Fires, newest first."""
        found = self._api.ask("GET", "/schedule-fires", params=_parameters(name, limit))
        return [Fire.model_validate(one) for one in found]

    def events(self, name: str = "", *, limit: int | None = None) -> list[ScheduleEvent]:
        """Who did what, newest first."""
        found = self._api.ask("GET", "/schedule-events", params=_parameters(name, limit))
        return [ScheduleEvent.model_validate(one) for one in found]

    def enable(self, name: str) -> Schedule:
        """Let it fire from now on."""
        return Schedule.model_validate(self._api.ask("POST", f"/schedules/{name}/enable", again=False))

    def disable(self, name: str) -> Schedule:
        """Let it fire no more."""
        return Schedule.model_validate(self._api.ask("POST", f"/schedules/{name}/disable", again=False))

    def run(self, name: str, *, at_ns: int | None = None) -> Fire:
        """Let it fire once."""
        body = {"at_ns": at_ns}
        return Fire.model_validate(self._api.ask("POST", f"/schedules/{name}/run", again=False, json=body))

    def close(self) -> None:
        """Close connections."""
        self._api.close()


def _parameters(name: str, limit: int | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {"schedule": name} if name else {}
    return parameters | ({"limit": limit} if limit is not None else {})
