"""Alarms: what needs somebody, what follows from it, what was done, and what was before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from hven.alarms import queries as of_alarms
from hven.alarms.rules import load_rules
from hven.core.clock import NS, now_ns
from hven.core.errors import UnknownNameError
from hven.core.settings import Settings
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.actions import Actions
from hven.views.following import keep_fresh
from hven.views.pages.alarm_actions import actions
from hven.views.url import Url
from hven.views.verdict import Verdict

POLL_MS = 5000
PAST_S = 30 * 86_400
SHOWN = 50
LINES = 30
_OBSERVATION = re.compile(r"[\w-]+\.\d{8}T\d{6}Z")
LATE_S = 300.0
"""Nobody has looked for so long: something is wrong with the batch service."""


def tree_of(open_: Sequence[Any], url: Url) -> str:
    """Alarms in short, for other pages."""
    items = "".join(
        f"<li>{'&emsp;' * depth}{states.chip(str(a.severity) if a.is_open else 'ok', str(a.state))} "
        f"{markup.link(a.rule, url.to('alarms', alarm=a.id))} {escape(a.text)}</li>"
        for a, depth in tree(open_)
    )
    return f"<ul class='plain'>{items}</ul>" if items else ""


def page(observatory: Observatory, url: Url) -> frame.Content:
    """Open alarms as a tree of causes, those that are over, and who did what."""
    panes = [markup.html("", margin=(0, 0, 2 * theme.SPACE, 0)) for _ in range(4)]
    ask = frame.asking()

    def refresh() -> None:
        open_ = of_alarms.alarms(observatory.settings)
        for pane, body in zip(panes, _parts(observatory, url, open_), strict=True):
            markup.change(pane, body)
        if buttons:
            buttons.offer(actions(open_, observatory.viewer))

    buttons = Actions(ask, refresh) if ask else None
    refresh()
    keep_fresh(refresh, POLL_MS)
    first, *others = panes
    return frame.Content("Alarms", [first, *([buttons.view] if buttons else []), *others])


def judge(open_: Sequence[Any], last_ns: int, now: int) -> Verdict:
    """Verdict of all alarms: the worst primary one is the cause."""
    age_s = (now - last_ns) / NS
    primary = sorted((a for a in open_ if not a.cause), key=lambda a: (str(a.severity) != "error", a.raised_ns))
    if primary:
        worst, more = primary[0], len(primary) - 1
        text = worst.text + (f" {more} more alarm{'s' if more > 1 else ''}." if more else "")
        return Verdict("FAIL" if str(worst.severity) == "error" else "WARN", text, worst.advice)
    if not last_ns:
        return Verdict("NO DATA", "Nobody has looked yet: the batch service evaluates the rules.", "", "hven up")
    if age_s > LATE_S:
        text = f"Nobody has looked for {formats.duration(age_s)}."
        return Verdict("WARN", text, "The batch service evaluates the rules:", "hven status")
    return Verdict("PASS", "No alarm.")


def tree(alarms: Sequence[Any], cause: str = "", depth: int = 0) -> Iterator[tuple[Any, int]]:
    """Alarms, each followed by those that follow from it, with how deep they stand."""
    there = {alarm.id for alarm in alarms}
    for alarm in alarms:
        if (alarm.cause if alarm.cause in there else "") == cause:
            yield alarm, depth
            yield from tree(alarms, alarm.id, depth + 1)


def _parts(observatory: Observatory, url: Url, open_: Sequence[Any]) -> tuple[str, str, str, str]:
    settings, now = observatory.settings, now_ns()
    last_ns = of_alarms.last_round_ns(settings)
    verdict = markup.banner(judge(open_, last_ns, now))
    known = of_alarms.alarms(settings, open_only=False, since_ns=now - PAST_S * NS)
    past = [alarm for alarm in known if not alarm.is_open][:SHOWN]
    names = {alarm.id: f"{alarm.rule} {alarm.key}" for alarm in known}
    asked = _asked(observatory, url.get("alarm"))
    return (
        verdict + asked,
        _open(open_, of_alarms.silences(settings), url, now) if open_ else _none(settings),
        _past(past, url),
        _history(of_alarms.history(settings, limit=LINES), names, url),
    )


def _asked(observatory: Observatory, alarm_id: str) -> str:
    """The alarm that the address names, with its history."""
    if not alarm_id:
        return ""
    try:
        case = of_alarms.case(observatory.settings, alarm_id)
    except UnknownNameError as error:
        return markup.problem(error)
    lines = "".join(
        f"<li>{formats.utc(h.time_ns)} {escape(str(h.what))} {escape(h.who)} {escape(h.text)}</li>"
        for h in case.history
    )
    title = f"{case.alarm.rule} {case.alarm.key}"
    return markup.part(title, f"<p>{escape(case.alarm.text)}</p><ul>{lines}</ul>", str(case.alarm.state))


def _none(settings: Settings) -> str:
    """What is looked at, where nothing is open."""
    rules = [rule.name for rule in load_rules(settings.alarms.rules)]
    why = f"{len(rules)} rules are looked at every {settings.alarms.every_s:.0f} s: {', '.join(rules)}."
    return markup.heading("Open") + markup.empty("No alarm is open", why)


def _open(found: Sequence[Any], silences: Sequence[Any], url: Url, now: int) -> str:
    rows = [_row(alarm, depth, silences, url, now) for alarm, depth in tree(found)]
    note = "what follows from another stands beneath it, and nobody is told of it"
    return markup.heading("Open", note) + markup.table(["Alarm", "State", "Since (UTC)", "What", "By"], rows)


def _row(alarm: Any, depth: int, silences: Sequence[Any], url: Url, now: int) -> list[markup.Cell]:
    quiet = " <span class='quiet'>silenced</span>" if any(s.covers(alarm, now) for s in silences) else ""
    indent = "&emsp;" * depth + ("└ " if depth else "")
    since = f"{formats.utc(alarm.since_ns)}<br><span class='quiet'>{formats.ago(alarm.since_ns, now)}</span>"
    return [
        (indent + markup.link(alarm.rule, url.to("alarms", alarm=alarm.id)), "name"),
        (states.chip(str(alarm.severity)) + f" {escape(str(alarm.state))}{quiet}", "name"),
        (since, "number"),
        (f"{_linked(alarm.text, url)}<br><span class='quiet'>{escape(alarm.advice)}</span>", "wrap"),
        (escape(alarm.by), "name"),
    ]


def _linked(text: str, url: Url) -> str:
    """Words of an alarm; the observation that they name is a link."""
    return _OBSERVATION.sub(lambda m: markup.link(m[0], url.to("observation", observation=m[0])), escape(text))


def _past(found: Sequence[Any], url: Url) -> str:
    head = markup.heading("Over", "of the last 30 days")
    if not found:
        return f"{head}<p class='quiet'>No alarm was raised and is over.</p>"
    rows = [
        [(markup.link(a.rule, url.to("alarms", alarm=a.id)), "name"), (formats.utc(a.since_ns), "number"),
         (formats.duration((a.cleared_ns - a.since_ns) / NS), "number"), (escape(a.text), "wrap"),
         (escape(a.by) or "by itself", "name")]
        for a in found
    ]  # fmt: skip
    return head + markup.table(["Alarm", "Since (UTC)", "Lasted", "What", "Cleared"], rows)


def _history(found: Sequence[Any], names: Mapping[str, str], url: Url) -> str:
    head = markup.heading("History", "the latest first")
    if not found:
        return f"{head}<p class='quiet'>Nothing has happened.</p>"
    rows = [
        [(formats.utc(h.time_ns), "name"),
         (markup.link(names.get(h.alarm, h.alarm), url.to("alarms", alarm=h.alarm)), "wrap"),
         (escape(str(h.what)), "name"), (escape(h.who) or "by itself", "name"), (escape(h.text), "wrap")]
        for h in found
    ]  # fmt: skip
    return head + markup.table(["When (UTC)", "Alarm", "What", "Who", "Words"], rows)
