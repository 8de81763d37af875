"""Triage through the API."""

from __future__ import annotations

from hven.batch.triage.model import FailureKind, Resolution
from hven.registry.api_client import ApiClient


class RemoteTriage:
    """`hven.batch.triage.desk.Triage` in the name of the token's user.

    Parameters
    ----------
    api
        Stays open.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def kinds(self, job_id: int | None = None) -> list[FailureKind]:
        """Kinds of failures."""
        path = "/triage" if job_id is None else f"/jobs/{job_id}/triage"
        return [FailureKind.model_validate(kind) for kind in self._api.ask("GET", path)]

    def kind(self, fingerprint: str) -> FailureKind:
        """One kind."""
        return FailureKind.model_validate(self._api.ask("GET", f"/triage/{fingerprint}"))

    def decide(self, fingerprint: str, resolution: Resolution) -> FailureKind:
        """Keep a decision and have it carried out."""
        body = resolution.model_dump(mode="json")
        return FailureKind.model_validate(self._api.ask("POST", f"/triage/{fingerprint}", again=False, json=body))
