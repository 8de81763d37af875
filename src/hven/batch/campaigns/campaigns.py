"""Campaigns as people use them: the same verbs at the table itself and through the API."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

import sqlalchemy as sa

from hven import instruments
from hven.batch.campaigns.model import Campaign, CampaignEvent, State
from hven.batch.campaigns.report import Report, report_of
from hven.batch.campaigns.spec import CampaignSpec
from hven.batch.campaigns.store import CampaignStore
from hven.core.errors import AccessDeniedError
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline


class Campaigns(Protocol):
    """Looks after campaigns, in the name of one user.

    All but `find`, `get`, `events` and `report` take the right to operate and raise AccessDeniedError without it,
    UnknownNameError for a campaign or step that does not exist, and ConflictError where it stands otherwise.
    """

    def find(self, states: Collection[State] = (), *, limit: int | None = None) -> list[Campaign]:
        """Campaigns in some states (in any if empty), newest first."""
        ...

    def get(self, name: str) -> Campaign:
        """Campaign by name."""
        ...

    def events(self, name: str = "", *, limit: int | None = None) -> list[CampaignEvent]:
        """Who did what to a campaign (to any if empty), newest first."""
        ...

    def report(self, name: str) -> Report:
        """What was done, what failed and why."""
        ...

    def load(self, spec: CampaignSpec) -> Campaign:
        """Keep a campaign after checking that its pipelines exist; ConflictError when its name is taken."""
        ...

    def start(self, name: str) -> Campaign:
        """Let it begin."""
        ...

    def pause(self, name: str) -> Campaign:
        """Submit nothing more; jobs that are there go on."""
        ...

    def resume(self, name: str) -> Campaign:
        """Go on."""
        ...

    def accept(self, name: str, step: str = "", *, reason: str = "") -> Campaign:
        """Accept a step that waits for its review or breaks its rule; the one at which it stands, if empty."""
        ...

    def reject(self, name: str, step: str = "", *, reason: str = "") -> Campaign:
        """Reject a step that has ended."""
        ...

    def retry(self, name: str, step: str = "", group: str = "") -> Campaign:
        """Do failed groups again, or all of a rejected step."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def check_pipelines(spec: CampaignSpec) -> None:
    """Raise ConfigurationError for a pipeline that does not exist or a config that does not fit it."""
    instrument = instruments.load(spec.instrument)
    for step in spec.steps:
        bind(load_pipeline(instrument, step.pipeline), instrument, step.config)


class DirectCampaigns:
    """Campaigns at the table itself.

    Parameters
    ----------
    store
        Table of campaigns.
    user
        In whose name.
    operator
        Whether they may change anything.
    seen
        Gives the condition that they may see a campaign; all where it is not given.
    """

    def __init__(
        self,
        store: CampaignStore,
        *,
        user: str,
        operator: bool,
        seen: Callable[[], sa.ColumnElement[bool]] = sa.true,
    ) -> None:
        self.store = store
        self.user = user
        self.operator = operator
        self._seen = seen

    def find(self, states: Collection[State] = (), *, limit: int | None = None) -> list[Campaign]:
        """Campaigns, newest first."""
        return self.store.find(states, self._seen(), limit=limit)

    def get(self, name: str) -> Campaign:
        """Campaign by name."""
        return self.store.get(name, self._seen())

    def events(self, name: str = "", *, limit: int | None = None) -> list[CampaignEvent]:
        """Who did what, newest first."""
        return self.store.events(name, self._seen(), limit=limit)

    def report(self, name: str) -> Report:
        """What was done, what failed and why."""
        return report_of(self.get(name), self.events(name))

    def load(self, spec: CampaignSpec) -> Campaign:
        """Keep a campaign."""
        self._must_operate()
        check_pipelines(spec)
        return self.store.load(spec, who=self.user)

    def start(self, name: str) -> Campaign:
        """Let it begin."""
        self._must_operate()
        return self.store.start(name, who=self.user)

    def pause(self, name: str) -> Campaign:
        """Submit nothing more."""
        self._must_operate()
        return self.store.pause(name, who=self.user)

    def resume(self, name: str) -> Campaign:
        """Go on."""
        self._must_operate()
        return self.store.resume(name, who=self.user)

    def accept(self, name: str, step: str = "", *, reason: str = "") -> Campaign:
        """Accept a step."""
        self._must_operate()
        return self.store.accept(name, step, who=self.user, reason=reason)

    def reject(self, name: str, step: str = "", *, reason: str = "") -> Campaign:
        """Reject a step."""
        self._must_operate()
        return self.store.reject(name, step, who=self.user, reason=reason)

    def retry(self, name: str, step: str = "", group: str = "") -> Campaign:
        """Do failed groups again, or all of a rejected step."""
        self._must_operate()
        return self.store.retry(name, step, group, who=self.user)

    def close(self) -> None:
        """Close the table's connections."""
        self.store.database.close()

    def _must_operate(self) -> None:
        if not self.operator:
            raise AccessDeniedError(
                f"{self.user} may not change campaigns", hint="They are the observatory's; operators may."
            )
