"""Campaigns: how far each has come, what it waits for, and the matrix of one: its groups by its steps."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from hven.batch.campaigns import queries as of_campaigns
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.following import keep_fresh
from hven.views.pages.campaign_detail import CampaignDetail
from hven.views.pages.campaign_words import expected, place, standing, total
from hven.views.url import Url

POLL_MS = 2000
SHOWN = 50
ANY = "all"
GROUPS = {
    "under way": ("ready", "running", "paused", "blocked", "failed"),
    "wait for somebody": ("waiting", "paused", "blocked", "failed"),
    "ended": ("accepted", "rejected"),
}
"""What the page can show of the campaigns, and the states in which those are."""


def page(observatory: Observatory, url: Url) -> frame.Content:
    """All campaigns, or one."""
    settings, viewer, asked = observatory.settings, observatory.viewer, url.get("campaign")
    listed = markup.html("", margin=(0, 0, 3 * theme.SPACE, 0))
    options = {ANY: "", **{name: name for name in GROUPS}}
    chosen = url.get("show") if url.get("show") in GROUPS else ""
    show = pn.ui.Select(label="Show", options=options, value=chosen, width=190, size="small", margin=0)
    found = of_campaigns.campaign(settings, asked, viewer) if asked else None

    def refresh(_event: Any = None) -> None:
        markup.change(listed, _list(observatory, url, str(show.value)))
        if detail and (now := of_campaigns.campaign(settings, asked, viewer)):
            detail.follow(now)

    def choose(_event: Any) -> None:
        url.set(show=show.value)
        refresh()

    detail = CampaignDetail(observatory, asked, url, frame.asking(), refresh) if found else None
    refresh()
    show.param.watch(choose, "value")
    keep_fresh(refresh, POLL_MS)
    first = [detail.view] if detail else [markup.html(_absent(asked))] if asked else []
    return frame.Content("Campaigns", [*first, listed], [show], about=asked)


def _absent(asked: str) -> str:
    return markup.empty(f"There is no campaign {asked}", "Its name is wrong.", "hven campaign status")


def _list(observatory: Observatory, url: Url, show: str) -> str:
    wanted = [of_campaigns.State(s) for s in GROUPS.get(show, ())]
    found = of_campaigns.campaigns(observatory.settings, observatory.viewer, states=wanted, limit=SHOWN)
    if not found:
        return _none(show)
    columns = ["Campaign", "State", "Step", "Quanta", "Waits for", "End of the step (UTC)", "Began (UTC)", "By"]
    note = f"the newest {SHOWN}" if len(found) == SHOWN else f"{len(found)}, the newest first"
    return markup.heading("Campaigns", note) + markup.table(columns, [_row(url, show, c) for c in found])


def _none(show: str) -> str:
    if show:
        return markup.empty(f"No campaign that fits “{show}”", "Choose “all” to see the others.")
    return markup.empty(
        "No campaign yet", "Steps, their data and their acceptance rules are in a file; load it, then start it.",
        "hven campaign load FILE.yaml",
    )  # fmt: skip


def _row(url: Url, show: str, campaign: Any) -> list[markup.Cell]:
    late = " " + states.chip("late") if campaign.late else ""
    return [
        (markup.link(campaign.name, url.to("campaigns", campaign=campaign.name, show=show)), "name"),
        (states.chip(campaign.state) + late, "name"),
        (escape(place(campaign)), "name"),
        (total(campaign), "name"),
        (standing(campaign), "wrap"),
        (expected(campaign), "number"),
        (formats.utc(campaign.started_ns) if campaign.started_ns else formats.MISSING, "number"),
        (escape(_by(campaign)), "wrap"),
    ]


def _by(campaign: Any) -> str:
    return str(campaign.origin or campaign.loaded_by)
