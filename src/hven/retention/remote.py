"""Retention through the API, for operators who are not on the server."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from hven.model.retention import Hold
from hven.registry.api_client import ApiClient
from hven.retention.apply import Applied, Step
from hven.retention.audit import Deed
from hven.retention.face import Leaving
from hven.retention.plan import Plan


class RemoteRetention:
    """Retention in the name of a caller who may operate; see `hven.retention.face.Retention`.

    Parameters
    ----------
    api
        The API, with the caller's credential.
    """

    def __init__(self, api: ApiClient) -> None:
        self.api = api

    def plan(self) -> Plan:
        """What would be done now with every product that is under a rule, and why."""
        return TypeAdapter(Plan).validate_python(self.api.ask("GET", "/retention/plan"))

    def apply(self, *, really: bool = False, step: Step = lambda _done, _of: None) -> Applied:  # noqa: ARG002 - of the seam
        """Ask the batch service to do it, or only say what would be done."""
        if not really:
            return Applied(self.plan(), {})
        return TypeAdapter(Applied).validate_python(self.api.ask("POST", "/retention/apply"))

    def leaving(self) -> list[Leaving]:
        """What has expired or lies in the trash."""
        return TypeAdapter(list[Leaving]).validate_python(self.api.ask("GET", "/retention"))

    def restore(self, product_id: str, reason: str) -> bool:
        """Ask the batch service to bring a product back and hold it."""
        return bool(self.api.ask("POST", "/retention/restore", json={"target": product_id, "reason": reason}))

    def hold(self, target: str, reason: str) -> None:
        """Keep a product (id), or all that is in a collection (name), from going."""
        self.api.ask("POST", "/holds", json={"target": target, "reason": reason}, again=False)

    def unhold(self, target: str, who: str = "") -> None:
        """Take a hold away, one's own by default."""
        self.api.ask("POST", "/holds/remove", json={"target": target, "who": who}, again=False)

    def holds(self) -> list[Hold]:
        """All holds, oldest first."""
        return TypeAdapter(list[Hold]).validate_python(self.api.ask("GET", "/holds"))

    def deeds(self, target: str = "", *, limit: int = 100) -> list[Deed]:
        """Who did what and why, newest first."""
        asked: dict[str, Any] = {"target": target, "limit": limit}
        return TypeAdapter(list[Deed]).validate_python(self.api.ask("GET", "/retention/deeds", params=asked))

    def close(self) -> None:
        """Do nothing: the connection is the registry's."""
