"""Campaigns through the API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hven.batch.campaigns.model import Campaign, CampaignEvent, State
from hven.batch.campaigns.report import Report
from hven.batch.campaigns.spec import CampaignSpec
from hven.registry.api_client import PATIENCE_S, ApiClient


class RemoteCampaigns:
    """Campaigns through the API, in the name of the token's user; errors are those of `Campaigns`.

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

    def find(self, states: Collection[State] = (), *, limit: int | None = None) -> list[Campaign]:
        """Campaigns, newest first."""
        parameters: dict[str, Any] = {"state": [str(s) for s in states]}
        parameters |= {"limit": limit} if limit is not None else {}
        return [Campaign.model_validate(found) for found in self._api.ask("GET", "/campaigns", params=parameters)]

    def get(self, name: str) -> Campaign:
        """Campaign by name."""
        return Campaign.model_validate(self._api.ask("GET", f"/campaigns/{name}"))

    def events(self, name: str = "", *, limit: int | None = None) -> list[CampaignEvent]:
        """Who did what, newest first."""
        parameters: dict[str, Any] = {"campaign": name} if name else {}
        parameters |= {"limit": limit} if limit is not None else {}
        found = self._api.ask("GET", "/campaign-events", params=parameters)
        return [CampaignEvent.model_validate(event) for event in found]

    def report(self, name: str) -> Report:
        """What was done, what failed and why."""
        return Report.model_validate(self._api.ask("GET", f"/campaigns/{name}/report"))

    def load(self, spec: CampaignSpec) -> Campaign:
        """Keep a campaign."""
        return Campaign.model_validate(
            self._api.ask("POST", "/campaigns", again=False, json=spec.model_dump(mode="json"))
        )

    def start(self, name: str) -> Campaign:
        """Let it begin."""
        return self._act(name, "start")

    def pause(self, name: str) -> Campaign:
        """Submit nothing more."""
        return self._act(name, "pause")

    def resume(self, name: str) -> Campaign:
        """Go on."""
        return self._act(name, "resume")

    def accept(self, name: str, step: str = "", *, reason: str = "") -> Campaign:
        """Accept a step."""
        return self._act(name, "accept", {"step": step, "reason": reason})

    def reject(self, name: str, step: str = "", *, reason: str = "") -> Campaign:
        """Reject a step."""
        return self._act(name, "reject", {"step": step, "reason": reason})

    def retry(self, name: str, step: str = "", group: str = "") -> Campaign:
        """Do failed groups again, or all of a rejected step."""
        return self._act(name, "retry", {"step": step, "group": group})

    def close(self) -> None:
        """Close connections."""
        self._api.close()

    def _act(self, name: str, verb: str, body: dict[str, str] | None = None) -> Campaign:
        answer = self._api.ask("POST", f"/campaigns/{name}/{verb}", again=False, json=body or {})
        return Campaign.model_validate(answer)
