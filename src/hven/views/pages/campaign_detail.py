"""One campaign: where it stands, its steps, and the matrix of its groups by its steps."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn

from hven.batch.campaigns import queries as of_campaigns
from hven.core.clock import NS, now_ns
from hven.observatory import Observatory
from hven.views import formats, markup, states, theme
from hven.views.actions import Actions, Ask
from hven.views.pages.campaign_actions import actions
from hven.views.pages.campaign_words import expected, place, shares, standing
from hven.views.pages.matrix import matrix
from hven.views.url import Url

EVENTS = 10


class CampaignDetail:
    """Detail of one campaign; only what has changed is sent.

    Parameters
    ----------
    observatory
        Whose campaign.
    name
        Its name.
    url
        Address of the page.
    ask
        Asks the API in the visitor's name; None where there is none, and then there are no buttons.
    changed
        Called when the visitor has changed the campaign.
    """

    def __init__(
        self, observatory: Observatory, name: str, url: Url, ask: Ask | None, changed: Callable[[], None]
    ) -> None:
        self._observatory, self._name, self._url = observatory, name, url
        self._title, self._steps, self._matrix, self._events = (markup.html("") for _ in range(4))
        self._actions = Actions(ask, changed) if ask else None
        buttons = [self._actions.view] if self._actions else []
        self.view = pn.Column(
            self._title, *buttons, self._steps, self._matrix, self._events,
            sizing_mode="stretch_width", margin=(0, 0, 3 * theme.SPACE, 0), styles=theme.CARD,
        )  # fmt: skip

    def follow(self, campaign: Any) -> None:
        """Show the campaign as it is now."""
        markup.change(self._title, _title(campaign, self._url))
        markup.change(self._steps, _steps(campaign))
        markup.change(self._matrix, matrix(campaign, lambda job: self._url.to("jobs", job=job)))
        markup.change(self._events, _events(self._observatory, self._name))
        if self._actions:
            self._actions.offer(actions(campaign, self._observatory.viewer))


def _title(campaign: Any, url: Url) -> str:
    close = markup.link("close", url.to("campaigns", show=url.get("show")))
    late = states.chip("late") if campaign.late else ""
    head = f"{escape(campaign.name)} &ensp;{states.chip(campaign.state)} {late}"
    pace = of_campaigns.rate_per_s(campaign) if str(campaign.state) == "running" else None
    facts = {
        "Step": escape(place(campaign)),
        "Waits for": standing(campaign),
        "Pace": f"{formats.number(60 * pace)} quanta / min" if pace else formats.MISSING,
        "Expected end of the step (UTC)": expected(campaign),
        "Began (UTC)": formats.utc(campaign.started_ns) if campaign.started_ns else formats.MISSING,
        **({"Ended (UTC)": formats.utc(campaign.ended_ns)} if campaign.ended_ns else {}),
        "Class": escape(campaign.spec.job_class),
        "Loaded by": escape(campaign.origin or campaign.loaded_by),
        "Products": f"<code>{escape(campaign.spec.home)}</code>",
    }
    return (
        f'<div class="between"><h2>{head}</h2><span>{close}</span></div>'
        f"<p class='quiet'>{escape(campaign.spec.doc)}</p>"
        f"<div style='height:{theme.SPACE}px'></div>{markup.facts(facts, plain=True)}"
    )


def _steps(campaign: Any) -> str:
    """Each step with its rule and why it stands where it stands."""
    rows = [_step(campaign.spec.steps[step.number], step) for step in campaign.steps]
    columns = ["", "Step", "State", "Quanta", "Quality", "Took", "Accepted if", "Note"]
    return markup.part("Steps", markup.table(columns, rows))


def _step(spec: Any, step: Any) -> list[markup.Cell]:
    tally, again = step.quanta, f" <span class='quiet'>attempt {step.attempt}</span>" if step.attempt > 1 else ""
    judged, errors = (sum(getattr(g, name) for g in step.groups) for name in ("judged", "errors"))
    return [
        (str(step.number + 1), "number"),
        (f"{escape(step.name)}{again}<br><span class='quiet'>{escape(spec.pipeline)}</span>", "name"),
        (states.chip(step.state), ""),
        (shares(tally.done, tally.bad, tally.total), "name"),
        (f"{errors} of {judged} beyond" if judged else formats.MISSING, "name"),
        (_took(step), "number"),
        (escape(_rule(spec)), "wrap"),
        (escape(step.note), "wrap"),
    ]


def _took(step: Any) -> str:
    if not step.started_ns:
        return formats.MISSING
    return formats.roughly(((step.ended_ns or now_ns()) - step.started_ns) / NS)


def _rule(spec: Any) -> str:
    """Rule by which a step is accepted, in words."""
    rule = spec.accept
    failed = f"at most {rule.max_failed:.0%} fail" if rule.max_failed else "none fails"
    quality = f", at most {rule.qc.max_error:.0%} of quality beyond limits" if rule.qc else ""
    return f"{failed}{quality}{', and somebody has reviewed it' if spec.breakpoint else ''}"


def _events(observatory: Observatory, name: str) -> str:
    events = [e for e in of_campaigns.events(observatory.settings, name, limit=10 * EVENTS) if not e.group][:EVENTS]
    rows = [
        [(formats.utc(e.time_ns), "name"), (escape(e.who), ""), (escape(e.what), "name"), (escape(e.step), "name"),
         (escape(", ".join(f"{k} {v}" for k, v in e.parameters.items() if v)), "wrap")]
        for e in events
    ]  # fmt: skip
    return markup.part("Who did what", markup.table(["When (UTC)", "Who", "What", "Step", "How"], rows)) if rows else ""
