"""Live: what is being taken, whether processing keeps up, and what is said back to the hardware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import panel as pn

from hven.core.clock import now_ns
from hven.observatory import Observatory
from hven.prompt import queries
from hven.prompt.access import may_look
from hven.views import formats, markup, theme
from hven.views.figures.drops import Course, Picture, course, picture, show_drop
from hven.views.following import keep_fresh
from hven.views.frame import Content, section
from hven.views.take import plotted
from hven.views.url import Url
from hven.views.verdict import Verdict

POLL_MS = 1000
SILENT_NS = 30 * 10**9
LAST = 600
"""Drops of each camera that are drawn."""
_WHY = (
    "Live processing analyses files of an instrument while they come, and has never run here. PANOSETI's runs are "
    "processed when they are whole: see Tonight. Try it with a simulated series of MAGIS:"
)
_TRY = "hven simulate --instrument magis FOLDER; hven live magis/live FOLDER/gradiometer.*.series --replay 3"
_PICTURES = {"light": "last drop", "fit": "fit", "residual": "residual"}


def page(observatory: Observatory, url: Url) -> Content:
    """Verdict, last drops, phase and contrast against time, corrections; all of it follows what is taken."""
    root = observatory.root
    names = [name for name in queries.instruments(root) if may_look(observatory.registry, name)]
    if not names:
        return Content("Live", [markup.html(markup.empty("Nothing is being taken", _WHY, _TRY))])
    instrument = url.get("instrument") if url.get("instrument") in names else names[0]
    taken = queries.observations(root, instrument)
    choices = [url.follow(pn.ui.Select(label="Instrument", options=names, value=instrument, width=140, size="small",
                                       margin=0), "instrument")] if len(names) > 1 else []  # fmt: skip
    head = markup.html("", margin=(0, 0, 3 * theme.SPACE, 0))
    body = pn.Column(sizing_mode="stretch_width", margin=0)
    shown: dict[str, Shown] = {}

    def refresh() -> None:
        said = queries.status(root, instrument)
        markup.change(
            head, markup.banner(judge(said, now_ns())) + "<br>" + markup.facts(_facts(said)) + _failures(said)
        )
        last = next(iter(queries.observations(root, instrument)), "")
        drops = queries.rows(root, instrument, last, f"{instrument}.drops") if last else pd.DataFrame()
        if len(drops) and (last not in shown or shown[last].detectors != _detectors(drops)):
            shown.clear()
            shown[last] = Shown(last, _detectors(drops))
            body.objects = shown[last].sections(instrument)
        if last in shown:
            shown[last].show(root, instrument, drops)

    refresh()
    keep_fresh(refresh, POLL_MS)
    return Content("Live", [head, body], choices, about=taken[0] if taken else "")


def judge(said: Mapping[str, Any], now: int) -> Verdict:
    """Judge live processing by what it says of itself."""
    if not said["running"]:
        ended = formats.ago(said["time_ns"], now)
        return Verdict("NO DATA", f"Live processing is not running; it ended {ended}, and this is what was taken last.")
    if now - said["time_ns"] > SILENT_NS:
        return Verdict(
            "FAIL", f"Live processing has been silent for {formats.ago(said['time_ns'], now)}.", "Look at its log."
        )
    if said["trouble"]:
        return Verdict(
            "FAIL", f"Files cannot be written down: {said['trouble']}.", "Make room; nothing is lost meanwhile."
        )
    if said["waited_s"] > 0 and said["memory_bytes"] > said["memory_limit"] / 2:
        return Verdict("WARN", "Memory is full: files are analysed from the disk, and the source waits for it.",
                       "Give it more memory or a faster disk.")  # fmt: skip
    if said["failed"]:
        return Verdict(
            "WARN", f"{said['failed']} files gave no results.", "See why below; they are archived all the same."
        )
    return Verdict("PASS", f"Results follow {formats.duration(said['latency_median_s'] or 0.0)} after a file has come.")


def _facts(said: Mapping[str, Any]) -> dict[str, str]:
    p99 = said["latency_p99_s"]
    return {
        "files a second": formats.number(said["rate_hz"]),
        "result after (99 %)": formats.duration(p99) if p99 is not None else formats.MISSING,
        "waiting for results": str(said["backlog"]),
        "not in the verified archive yet": str(said["unarchived"]),
        "in memory": f"{formats.size(said['memory_bytes'])} of {formats.size(said['memory_limit'])}",
        "beyond memory": f"{said['spilled']} files, source kept waiting {formats.duration(said['waited_s'])}",
        "taken": f"{said['received']} files, {formats.size(said['bytes'])}",
    }


def _failures(said: Mapping[str, Any]) -> str:
    rows = [[(f["file"], "wrap"), (f["reason"], "wrap")] for f in reversed(said["failures"])]
    return markup.table(["File without results", "Reason"], rows) if rows else ""


def _detectors(drops: pd.DataFrame) -> tuple[int, ...]:
    return tuple(sorted(int(d) for d in drops["detector"].unique()))


class Shown:
    """Figures of one observation, which are filled anew.

    Parameters
    ----------
    observation, detectors
        What is shown.
    """

    def __init__(self, observation: str, detectors: tuple[int, ...]) -> None:
        self.observation, self.detectors = observation, detectors
        cameras = {str(d): f"camera {d}" for d in detectors}
        self.pictures: dict[int, dict[str, Picture]] = {
            d: {name: picture(f"camera {d}: {title}", "sigma" if name == "residual" else "e⁻ / pixel")
                for name, title in _PICTURES.items()} for d in detectors
        }  # fmt: skip
        self.phase, self.contrast = course(cameras, "phase (rad)"), course(cameras, "contrast")
        self.corrections: dict[str, Course] = {}
        self.feedback = pn.Column(sizing_mode="stretch_width", margin=0)
        self.drops = pd.DataFrame()

    def sections(self, instrument: str) -> list[Any]:
        """Parts of the page."""
        rows = [pn.Row(*(pn.pane.Bokeh(p.plot) for p in own.values()), margin=0) for own in self.pictures.values()]
        told = f"obs.root, {instrument!r}, {self.observation!r}, '{instrument}.drops'"
        line = f"from hven.prompt import queries\ndrops = queries.rows({told})"
        drawn = pn.Column(*(pn.pane.Bokeh(c.plot, sizing_mode="stretch_width") for c in (self.phase, self.contrast)),
                          sizing_mode="stretch_width", margin=0)  # fmt: skip
        taken = plotted(drawn, lambda: self.drops, file=f"{self.observation}-drops", line=line)
        which = f"{self.observation}; light and fit on one scale"
        return [
            section("Last drop", *rows, note=f"{which}; axes in pixels"),
            section("Phase and contrast", taken, note=f"the last {LAST} drops of each camera; time is UTC"),
            self.feedback,
        ]  # fmt: skip

    def show(self, root: Any, instrument: str, drops: pd.DataFrame) -> None:
        """Fill all figures with what there is now."""
        self.drops = drops.sort_values("time").groupby("detector").tail(LAST)
        self.phase.show(self.drops, "phase", "phase_error", "detector")
        self.contrast.show(self.drops, "contrast", "contrast_error", "detector")
        for detector, arrays in queries.picture(root, instrument, self.observation, f"{instrument}.pictures").items():
            if arrays and detector in self.pictures:
                show_drop(self.pictures[detector], arrays)
        self._show_feedback(queries.rows(root, instrument, self.observation, f"{instrument}.corrections"))

    def _show_feedback(self, rows: pd.DataFrame) -> None:
        if rows.empty:
            return
        if not self.corrections:
            named = rows.drop_duplicates("parameter").set_index("parameter")["units"]
            self.corrections = {
                str(parameter): course(
                    {"1": "to be followed", "0": "outlier"}, f"{formats.words(str(parameter))} ({units})"
                )
                for parameter, units in named.items()
            }
            panes = [pn.pane.Bokeh(c.plot, sizing_mode="stretch_width") for c in self.corrections.values()]
            self.feedback.objects = [
                section("Feedback", *panes, note="what is to be added; outliers are not published")
            ]
        for parameter, drawn in self.corrections.items():
            own = rows[rows["parameter"] == parameter].sort_values("time").tail(LAST)
            drawn.show(own, "value", "sigma", "accepted")
