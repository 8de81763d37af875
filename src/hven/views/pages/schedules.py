"""Schedules: when each fires next, what its last fires made, and how checks fared by version of the software."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

from hven.batch.schedules import queries as schedules
from hven.core.clock import NS, now_ns
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.actions import Action, Actions, Field
from hven.views.following import keep_fresh
from hven.views.pages.job_actions import operates
from hven.views.url import Url

POLL_MS = 5000
FIRES = 20
CHECKS = 200
RUNS = 15


def page(observatory: Observatory, url: Url) -> frame.Content:
    """All schedules, their last fires and the history of checks; for those who may, what changes them."""
    panes = [markup.html("", margin=(0, 0, 3 * theme.SPACE, 0)) for _ in range(3)]
    ask = frame.asking() if operates(observatory.viewer) else None

    def refresh() -> None:
        for pane, body in zip(panes, _parts(observatory, url), strict=True):
            markup.change(pane, body)
        if buttons:
            buttons.offer(actions(schedules.schedules(observatory.settings)))

    buttons = Actions(ask, refresh) if ask else None
    refresh()
    keep_fresh(refresh, POLL_MS)
    first, *others = panes
    return frame.Content("Schedules", [first, *([buttons.view] if buttons else []), *others])


def actions(found: Sequence[Any]) -> list[Action]:
    """What can be done to schedules, as far as there are some for it."""
    on, off = ({s.spec.name: s.spec.name for s in found if s.enabled is wanted} for wanted in (True, False))
    offered = []
    if found:
        offered.append(_action("Run now …", "run", "It fires once, now.", {**on, **off}, "Which fires now?"))
    if off:
        offered.append(_action("Enable …", "enable", "It fires from now on.", off, "Which fires from now on?"))
    if on:
        offered.append(_action("Disable …", "disable", "It fires no more.", on, "Which fires no more?"))
    return offered


def _action(label: str, verb: str, done: str, named: dict[str, str], question: str) -> Action:
    body = {"at_ns": None} if verb == "run" else {}
    return Action(label, f"schedules/{{schedule}}/{verb}", done, body=body, question=question,
                  fields=(Field("schedule", "Schedule", named),), harmful=verb == "disable")  # fmt: skip


def _parts(observatory: Observatory, url: Url) -> tuple[str, str, str]:
    settings = observatory.settings
    found = schedules.schedules(settings)
    fires, runs = schedules.fires(settings, limit=FIRES), schedules.checks(settings, limit=CHECKS)
    return _list(found, url), _fires(fires, url), _checks(runs)


def _list(found: Sequence[Any], url: Url) -> str:
    if not found:
        return markup.empty("No schedule", "A site's schedules are YAML files in the folder batch.schedules names.")
    columns = ["Schedule", "State", "When", "Makes", "Next (UTC)", "Last (UTC)"]
    return markup.heading("Schedules", str(len(found))) + markup.table(columns, [_row(s, url) for s in found])


def _row(schedule: Any, url: Url) -> list[markup.Cell]:
    spec, last = schedule.spec, schedule.last
    by = f"<br><span class='quiet'>by {escape(schedule.by)}</span>" if schedule.by else ""
    return [
        (f"{escape(spec.name)}<br><span class='quiet'>{escape(spec.doc)}</span>", "wrap"),
        (states.chip("enabled" if schedule.enabled else "disabled") + by, "name"),
        (f"<code>{escape(spec.cron)}</code><br><span class='quiet'>{escape(schedule.zone)}</span>", "name"),
        (f"{spec.kind} {escape(_what(spec))}", "wrap"),
        (_next(schedule.next_ns), "number"),
        (_last(last, url), "name"),
    ]  # fmt: skip


def _what(spec: Any) -> str:
    made = spec.campaign or spec.job or {}
    return str(spec.check or made.get("name") or made.get("pipeline", ""))


def _next(next_ns: int | None) -> str:
    if next_ns is None:
        return formats.MISSING
    return f"{formats.utc(next_ns)[:16]}<br><span class='quiet'>in {formats.roughly((next_ns - now_ns()) / NS)}</span>"


def _last(fire: Any, url: Url) -> str:
    if fire is None:
        return "<span class='quiet'>never</span>"
    return f"{formats.utc(fire.fire_ns)[:16]}<br>{_made(fire, url)}"


def _made(fire: Any, url: Url) -> str:
    """What a fire submitted, or why it could not."""
    if fire.error:
        return f"{states.chip('failed')} {escape(fire.error)}"
    if fire.campaign:
        return markup.link(fire.campaign, url.to("campaigns", campaign=fire.campaign))
    if fire.job is not None:
        return markup.link(f"job {fire.job:04d}", url.to("jobs", job=fire.job))
    return states.chip("waiting", "due") if str(fire.state) == "due" else states.chip("done", "check")


def _fires(found: Sequence[Any], url: Url) -> str:
    head = markup.heading("Fires", "the latest first" if found else "")
    if not found:
        return f"{head}<p class='quiet'>None has fired yet.</p>"
    rows = [
        [(formats.utc(f.fire_ns)[:16], "name"), (escape(f.schedule), "name"), (_made(f, url), "wrap"),
         (f"{f.missed:,}" if f.missed else formats.MISSING, "number"), (escape(f.who), "name")]
        for f in found
    ]  # fmt: skip
    return head + markup.table(["For (UTC)", "Schedule", "Made", "Missed before", "By"], rows)


def _checks(runs: Sequence[Any]) -> str:
    head = markup.heading("Checks", "by version of the software" if runs else "")
    if not runs:
        return f"{head}<p class='quiet'>No check has run yet.</p>"
    return head + _by_version(runs) + markup.part("Last runs", markup.table(
        ["For (UTC)", "Check", "State", "Version", "Took", "Found"], map(_run, runs[:RUNS])))  # fmt: skip


def _by_version(runs: Sequence[Any]) -> str:
    """A row for each check, a column for each version, the newest first."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for run in runs:
        counts[run.name, run.version][str(run.state)] += 1
    versions = list(dict.fromkeys(run.version for run in runs))
    rows: list[list[markup.Cell]] = [
        [(escape(name), "name"), *((_counted(counts[name, v]), "name") for v in versions)]
        for name in sorted({run.name for run in runs})
    ]
    return markup.table(["Check", *(v or "not begun" for v in versions)], rows)


def _counted(counts: Counter[str]) -> str:
    return " ".join(states.chip(state, f"{n} {states.mark(state).word}") for state, n in sorted(counts.items()))


def _run(run: Any) -> list[markup.Cell]:
    took = formats.duration((run.ended_ns - run.started_ns) / NS) if run.ended_ns else formats.MISSING
    text = escape(run.text.strip())
    first, _, rest = text.partition("\n")
    more = f"<details><summary>all of it</summary><pre>{text}</pre></details>" if rest else ""
    return [
        (formats.utc(run.fire_ns)[:16], "name"), (escape(run.name), "name"), (states.chip(run.state), ""),
        (escape(run.version), "name"), (took, "number"), (first + more, "wrap"),
    ]  # fmt: skip
