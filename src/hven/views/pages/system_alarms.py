"""Alarms in short: what is open, and how many of the last weeks are over."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hven.alarms import queries
from hven.alarms.model import Alarm, Over
from hven.core.clock import NS, now_ns
from hven.core.settings import Settings
from hven.views import formats, markup
from hven.views.pages.alarms import PAST_S, tree, tree_of
from hven.views.url import Url

SHOWN = 10


def shown(settings: Settings, url: Url) -> str:
    """Open alarms, and those that are over by rule."""
    over = queries.over(settings, since_ns=now_ns() - PAST_S * NS)
    return _shown(queries.alarms(settings), over, url)


def _shown(open_: Sequence[Alarm], over: Sequence[Over], url: Url) -> str:
    days = PAST_S // 86_400
    head = markup.heading("Alarms", f"{len(open_)} open, {sum(o.alarms for o in over):,} over in the last {days} days")
    more = f"<p class='quiet'>{markup.link('Alarms', url.to('alarms'))} has each with its history.</p>"
    return head + _open(open_, url) + _over(over, days) + more


def _open(open_: Sequence[Alarm], url: Url) -> str:
    if not open_:
        return "<p class='quiet'>No alarm is open.</p>"
    first = [alarm for alarm, _ in tree(open_)][:SHOWN]
    left = len(open_) - len(first)
    return tree_of(first, url) + (f"<p class='quiet'>and {left:,} more.</p>" if left else "")


def _over(over: Sequence[Over], days: int) -> str:
    if not over:
        return f"<p class='quiet'>No alarm was raised and is over in the last {days} days.</p>"
    rows = [
        [(escape(o.rule), "name"), (f"{o.alarms:,}", "number"), (formats.utc(o.last_ns)[:16], "number")] for o in over
    ]
    return markup.table(["Raised and over", "Alarms", "Last over (UTC)"], rows)
