"""Storage: what is kept and why, how much it is, what goes next and when, and what could be made again."""

from __future__ import annotations

from typing import Any, Literal

import panel as pn

from hven.observatory import Observatory
from hven.retention import queries as kept
from hven.views import frame, markup, theme
from hven.views.actions import Actions
from hven.views.following import keep_fresh
from hven.views.pages import storage_lists as lists
from hven.views.pages.job_actions import operates
from hven.views.pages.storage_actions import actions
from hven.views.url import Url

POLL_MS = 15_000
SHOWN = 15
PARTS = ("facts", "next", "usage", "extreme", "holds", "deeds")
LOOK = {"largest": "", "oldest": "oldest"}


def page(observatory: Observatory, url: Url) -> frame.Content:
    """What is kept, what goes, and for those who may operate what is held and who did what."""
    storage = Storage(observatory, url)
    storage.refresh()
    keep_fresh(storage.refresh, POLL_MS)
    return frame.Content("Storage", [storage.view], [storage.look])


class Storage:
    """The parts of the page; only those that have changed are sent.

    Parameters
    ----------
    observatory
        Whose products.
    url
        Keeps what is chosen.
    """

    def __init__(self, observatory: Observatory, url: Url) -> None:
        self._observatory, self._operates = observatory, operates(observatory.viewer)
        chosen = url.get("look") if url.get("look") in LOOK.values() else ""
        self.look = url.follow(
            pn.ui.Select(label="Look at the", options=LOOK, value=chosen, width=150, size="small", margin=0), "look"
        )
        self.look.param.watch(self.refresh, "value")
        ask = frame.asking() if self._operates else None
        self._actions = Actions(ask, self.refresh) if ask else None
        self._panes = {name: markup.html("", margin=(0, 0, 3 * theme.SPACE, 0)) for name in PARTS}
        first, *others = self._panes.values()
        buttons = [self._actions.view] if self._actions else []
        self.view = pn.Column(first, *buttons, *others, sizing_mode="stretch_width", margin=0)

    def refresh(self, _event: Any = None) -> None:
        """Show what is so now."""
        settings, viewer = self._observatory.settings, self._observatory.viewer
        plan, usage, leaving = kept.plan(settings, viewer), kept.usage(settings, viewer), kept.leaving(settings, viewer)
        shown = {
            "facts": lists.facts(usage, plan),
            "next": lists.goes_next(plan, leaving, settings.retention, SHOWN),
            "usage": lists.usage(usage, plan),
            "extreme": self._extreme(plan),
        }
        if self._operates:
            shown |= {
                "holds": lists.holds(kept.holds(settings)),
                "deeds": lists.deeds(kept.deeds(settings, limit=SHOWN), kept.wishes(settings)[-SHOWN:]),
            }
        for name, body in shown.items():
            markup.change(self._panes[name], body)
        if self._actions:
            self._actions.offer(actions(plan, leaving, kept.holds(settings)))

    def _extreme(self, plan: Any) -> str:
        what: Literal["largest", "oldest"] = "oldest" if self.look.value else "largest"
        settings = self._observatory.settings
        found = kept.extreme(settings, what, self._observatory.viewer, limit=SHOWN)
        reasons = {line.id: line for line in plan.lines}
        return lists.extreme(what, found, kept.again(settings, found), kept.cpu_seconds(settings, found), reasons)
