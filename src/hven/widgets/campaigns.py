"""Campaigns in the form: where each stands, and start, pause and resume for those who may operate."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.observatory import Observatory
from hven.widgets.look import LABEL, chip, problem, quiet, show

if TYPE_CHECKING:
    from hven.batch.campaigns.model import Campaign

SHOWN = 50
_VERBS = {"start": ("waiting",), "pause": ("ready", "running", "blocked", "failed"), "resume": ("paused",)}
"""What a button does, and the states of a campaign in which it can be done."""


class CampaignChooser:
    """Choose a campaign, see where it stands, start, pause or resume it; absent where there is none.

    Parameters
    ----------
    obs
        Observatory.
    """

    def __init__(self, obs: Observatory) -> None:
        self._obs = obs
        self._campaigns: dict[str, Campaign] = {}
        self.choice = iw.Dropdown(description="Campaign", style=LABEL, layout=iw.Layout(width="420px"))
        self.state = iw.HTML()
        self.buttons = {verb: iw.Button(description=verb.capitalize()) for verb in _VERBS}
        self.again = iw.Button(description="Look again", icon="refresh")
        self.again.on_click(lambda _button: self.refresh())
        for verb, button in self.buttons.items():
            button.on_click(lambda _button, verb=verb: self._do(verb))
        self.choice.observe(lambda _change: self._show(), names="value")
        row = iw.HBox([self.choice, *self.buttons.values(), self.again])
        self.box = iw.VBox([row, self.state])
        self.refresh()

    def refresh(self) -> None:
        """Ask where they stand."""
        chosen = self.choice.value
        try:
            self._campaigns = {found.name: found for found in self._obs.campaigns.find(limit=SHOWN)}
        except HvenError as error:
            self.state.value = problem(error)
            return
        self.choice.options = list(self._campaigns)
        self.choice.value = chosen if chosen in self._campaigns else next(iter(self._campaigns), None)
        show(self.box, visible=bool(self._campaigns))
        self._show()

    def _show(self) -> None:
        campaign = self._campaigns.get(self.choice.value)
        for verb, button in self.buttons.items():
            show(button, visible=campaign is not None and str(campaign.state) in _VERBS[verb])
        self.state.value = _standing(campaign) if campaign else ""

    def _do(self, verb: str) -> None:
        try:
            getattr(self._obs.campaigns, verb)(self.choice.value)
        except HvenError as error:
            self.state.value = problem(error)
            return
        self.refresh()


def _standing(campaign: Campaign) -> str:
    """State, step and quanta of a campaign; the Campaigns page has the rest."""
    step, steps = campaign.current, len(campaign.steps)
    where = f"step {step.number + 1} of {steps}, {step.name}" if step else f"all {steps} steps"
    tallies = [s.quanta for s in campaign.steps]
    done, bad, total = (sum(getattr(t, name) for t in tallies) for name in ("done", "bad", "total"))
    counts = f"{done} of {total} quanta done, {bad} failed or blocked" if total else "no quanta yet"
    note = f" · {step.note}" if step and step.note else ""
    said = f"{where} · {counts}{note}. The Campaigns page has its groups, and reviews."
    return f"{chip(campaign.state)}&ensp;{escape(campaign.spec.doc)}<br>{quiet(said)}"
