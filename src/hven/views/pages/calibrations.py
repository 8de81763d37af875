"""Calibrations: what is valid until when, how well it was verified, and who changed what."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hven.calibration import queries
from hven.core.clock import NS, now_ns
from hven.model.collection import Certification
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.following import keep_fresh
from hven.views.url import Url

POLL_MS = 60_000
SHOWN = 15
_NOTE = (
    "<p class='quiet'><br><code>hven calib take NAME --shared</code> makes one of the observations that fit; "
    "<code>hven calib stale</code> lists the products that would take another one today; "
    "<code>hven calib list --history</code> has all changes.</p>"
)
_SOON_NS = 7 * 86400 * NS


def page(observatory: Observatory, _url: Url) -> frame.Content:
    """What is valid now, and the newest changes of the books."""
    panes = [markup.html("", margin=(0, 0, 3 * theme.SPACE, 0)) for _ in range(2)]

    def refresh() -> None:
        instruments = list(observatory.instruments.values())
        markup.change(panes[0], _standing(queries.standing(observatory.registry, instruments)))
        markup.change(panes[1], _changes(queries.changes(observatory.registry, SHOWN)))

    refresh()
    keep_fresh(refresh, POLL_MS)
    return frame.Content("Calibrations", panes, [])


def _standing(found: Sequence[queries.Standing]) -> str:
    head = markup.heading("What is valid now")
    if not found:
        return head + markup.empty("No instrument declares calibrations", "", "hven calib take NAME --shared")
    now = now_ns()
    rows = [row for one in found for row in _rows(one, now)]
    columns = ["State", "Calibration", "For", "Valid (UTC)", "What it is, and how it was verified"]
    return head + markup.table(columns, rows) + _NOTE


def _rows(one: queries.Standing, now: int) -> list[list[markup.Cell]]:
    """One line for each that is valid now, or one that says that there is none."""
    valid = [c for c in one.certified if c.validity.begin_ns <= now < c.validity.end_ns]
    if valid:
        return [_row(one.name, c, now) for c in valid]
    last = max((c.validity.end_ns for c in one.certified if c.validity.end_ns <= now), default=0)
    state, words = ("late", "ended") if last else ("NO DATA", "never made")
    when = f"until {formats.utc(last)[:16]}" if last else formats.MISSING
    return [[(states.chip(state, words), "name"), (escape(one.name), "name"), (formats.MISSING, "wrap"),
             (when, "wrap"), (escape(one.calibration.doc), "wrap")]]  # fmt: skip


def _row(name: str, one: Certification, now: int) -> list[markup.Cell]:
    left = one.validity.end_ns - now
    state, words = ("ok", "valid") if left > _SOON_NS else ("late", "ends soon")
    span = f"{formats.utc(one.validity.begin_ns)[:16]} to {formats.utc(one.validity.end_ns)[:16]}"
    return [
        (states.chip(state, words), "name"), (escape(name), "name"), (_scope(one), "wrap"),
        (f"{span}<br><span class='quiet'>{formats.roughly(left / NS)} left</span>", "wrap"),
        (f"{escape(one.why) or 'not said'}<br><span class='quiet'>{escape(one.who)}</span>", "wrap"),
    ]  # fmt: skip


def _changes(found: Sequence[Certification]) -> str:
    head = markup.heading("Newest changes")
    if not found:
        why = "What a person or a rule found good for a time stands here, with who and why."
        return head + markup.empty("Nothing was ever certified", why, "hven calib take NAME --shared")
    rows = [_change(one) for one in found]
    return head + markup.table(["When (UTC)", "Who", "What", "Calibration", "Range (UTC)", "Why"], rows)


def _change(one: Certification) -> list[markup.Cell]:
    span = f"{formats.utc(one.validity.begin_ns)[:16]} to {formats.utc(one.validity.end_ns)[:16]}"
    words = {"certify": "certified", "decertify": "taken back"}[one.edit]
    return [
        (formats.utc(one.at_ns), "number"), (escape(one.who) or formats.MISSING, "name"), (words, "name"),
        (f"{escape(one.dataset_type)}<br>{_scope(one)}", "wrap"), (span, "wrap"), (escape(one.why), "wrap"),
    ]  # fmt: skip


def _scope(one: Certification) -> str:
    keys = [part.strip().replace("=", " ") for part in one.scope.split(",") if not part.startswith("instrument=")]
    return f"<span class='quiet'>{escape(', '.join(keys))}</span>"
