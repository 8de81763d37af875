"""Tonight: whether the data are good, and what to do if not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import panel as pn

from hven.alarms import queries as of_alarms
from hven.core.clock import day_obs, now_ns
from hven.model.annotation import Annotation, bad, mark_of, marked_times
from hven.model.product import Product
from hven.observatory import Observatory
from hven.views import formats, frame, markup, night_parts, queries, states, theme, verdict
from hven.views.actions import Actions
from hven.views.annotation_actions import in_log
from hven.views.conditions import TOPIC, conditions
from hven.views.figures.alarm_marks import mark_alarms
from hven.views.figures.nightline import nightline
from hven.views.following import keep_fresh
from hven.views.frame import Content, guarded, section
from hven.views.night import shades
from hven.views.pages.alarms import tree_of
from hven.views.pages.tonight_metrics import metrics
from hven.views.pages.tonight_steps import completeness
from hven.views.take import plotted
from hven.views.url import Url

POLL_MS = 5000
NIGHT = ("day_obs", "observation", "detector", "what", "begin_ns", "end_ns", "rows", "state", "marks", "flags", "id")
"""Columns of the night's table to take along."""
FACTS = 2
"""Place of the facts among the sections of a night that has some."""


def page(observatory: Observatory, url: Url) -> Content:
    """Verdict of a night, its timeline, completeness and the metrics that matter most."""
    found = queries.products(observatory)
    chosen = _night(observatory, url, queries.nights(found))
    body = pn.Column(sizing_mode="stretch_width", margin=0)
    watch = _Watch(observatory, found)

    def redraw(_event: Any = None) -> None:
        night, buttons = int(chosen.value), Actions(ask, redraw) if ask else None
        if buttons:
            buttons.offer([in_log(night)])
        frame.entitle(formats.night(night), "Tonight")
        body.objects = [*_sections(observatory, url, watch.found, night), _log(observatory, night, buttons)]

    ask = frame.asking()
    redraw()

    def tick() -> None:
        if watch.changed():
            redraw()
        elif len(queries.frames(of_night := _of(watch.found, int(chosen.value)))):  # the time since the last frame
            body[FACTS].object = markup.facts(_facts(queries.frames(of_night), of_night))

    chosen.param.watch(redraw, "value")
    keep_fresh(tick, POLL_MS)
    return Content("Tonight", [body], [url.follow(chosen, "night")], about=formats.night(int(chosen.value)))


class _Watch:
    """Tells whether products, alarms or annotations have come since it last looked."""

    def __init__(self, observatory: Observatory, found: pd.DataFrame) -> None:
        self._observatory = observatory
        self.found = found
        self._state = self._look()

    def changed(self) -> bool:
        self.found = queries.products(self._observatory)
        before, self._state = self._state, self._look()
        return before != self._state

    def _look(self) -> tuple[Any, ...]:
        open_ = tuple((a.id, str(a.state), a.cause) for a in of_alarms.alarms(self._observatory.settings))
        newest = int(self.found["created_ns"].max()) if len(self.found) else 0
        return len(self.found), newest, open_, len(self._observatory.annotations())


def _of(found: pd.DataFrame, night: int) -> pd.DataFrame:
    return found[found["day_obs"] == night]


def _log(observatory: Observatory, night: int, buttons: Actions | None) -> pn.Column:
    log = markup.html(night_parts.log(observatory, night))
    return section("Night log", log, *([buttons.view] if buttons else []), note="and what people said of its data")


def _night(observatory: Observatory, url: Url, nights: list[int]) -> pn.ui.Select:
    today = day_obs(now_ns(), observatory.settings.observatory.day_obs_offset_hours)
    asked = url.whole("night") or (nights[0] if nights else today)
    options = {formats.night(n): n for n in sorted({*nights, asked}, reverse=True)}
    return pn.ui.Select(label="Night", options=options, value=asked, width=180, size="small", margin=0)


def _sections(observatory: Observatory, url: Url, found: pd.DataFrame, night: int) -> list[Any]:
    of_night = _of(found, night)
    raw = queries.frames(of_night)
    measured = queries.metrics(observatory, of_night)
    failed = queries.failures(observatory, day_obs=night)
    judged = verdict.judge(
        formats.night(night), measured, observations=raw["observation"].nunique(), failures=failed,
        measure=f"hven submit panoseti/nightly --shared --day-obs {night}",
    )  # fmt: skip
    parts = night_parts.parts(observatory, night, judged)
    top = [markup.html(markup.banner(_overall(parts))), pn.Spacer(height=2 * theme.SPACE)]
    alarms = night_parts.alarms_of(observatory, night)
    looked = section("What was looked at", markup.html(night_parts.table(parts) + tree_of(alarms, url)))
    if not len(raw):
        return [*top, looked]
    return [
        *top,
        markup.html(markup.facts(_facts(raw, of_night)), margin=(0, 0, 2 * theme.SPACE, 0)),
        guarded(partial(_conditions, observatory, url, raw, night)),
        looked,
        guarded(partial(_timeline, observatory, url, raw, measured)),
        guarded(partial(completeness, observatory, of_night, night)),
        guarded(partial(metrics, measured, url)),
    ]


def _overall(parts: dict[str, verdict.Verdict]) -> verdict.Verdict:
    """One verdict; of what nobody has looked at only missing data count."""
    return verdict.worst_of([v for name, v in parts.items() if name == "Quality" or v.word != "NO DATA"])


def _facts(raw: pd.DataFrame, of_night: pd.DataFrame) -> dict[str, str]:
    last = int(raw["end_ns"].max())
    return {
        "Last frame": f'{formats.clock(last)} UTC <span class="quiet">{formats.ago(last, now_ns())}</span>',
        "Observations": str(raw["observation"].nunique()),
        "Detectors": ", ".join(str(int(d)) for d in sorted(raw["detector"].dropna().unique())),
        "Frames": f"{int(raw['rows'].sum()):,}",
        "Products": f"{len(of_night)}",
        "On disk": formats.size(float(of_night["size_bytes"].sum())),
    }


def _conditions(observatory: Observatory, url: Url, raw: pd.DataFrame, night: int) -> pn.pane.HTML:
    """Weather from the first frame to the last, where telemetry has any."""
    told = conditions(observatory.root, int(raw["begin_ns"].min()), int(raw["end_ns"].max()))
    more = {"Weather": markup.link("telemetry", url.to("telemetry", topic=TOPIC, night=night))} if told else {}
    return markup.html(markup.facts({**told, **more}), margin=(0, 0, 3 * theme.SPACE, 0))


def _timeline(observatory: Observatory, url: Url, raw: pd.DataFrame, measured: pd.DataFrame) -> pn.Column:
    status = queries.worst_of(measured, ["observation", "detector", "what"])
    keys = list(zip(raw["observation"], raw["detector"], raw["what"], strict=True))
    marked = [_marked(bad(observatory.annotations()), product) for product in raw["product"]]
    told = [state or status.get(key, "not run") for key, (state, _) in zip(keys, marked, strict=True)]
    cells = raw.assign(state=told, marks=[words for _, words in marked])
    links = {f"{o}/{d}/{w}": url.to("observation", observation=o, detector=int(d), what=w) for o, d, w in keys}
    begin, end = int(cells["begin_ns"].min()), int(cells["end_ns"].max())
    plot = nightline(cells, dark=shades(observatory.settings.observatory, begin, end), links=links)
    mark_alarms(plot, night_parts.alarms_of(observatory, int(raw["day_obs"].iloc[0])), now_ns())
    key = markup.html(states.legend(sorted(set(cells["state"]))))
    night = int(raw["day_obs"].iloc[0])
    drawn = plotted(pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0), lambda: cells[list(NIGHT)],
                    file=f"night-{night}", line=f'obs.find(level="L0", day_obs={night})')  # fmt: skip
    return section("The night", key, drawn, note="a cell for each observation and detector; click one to open it; UTC")


def _marked(marks: Sequence[Annotation], product: Product) -> tuple[str, str]:
    """How a dataset is marked, ``bad``, ``partly bad`` or not at all, and in which words."""
    found = [m for m in marks if m.concerns(product.ref.data_id, product.begin_ns, product.end_ns)]
    if not found:
        return "", ""
    if (mark := mark_of(found, product)) is not None:
        return "bad", str(mark)
    times = (f"{formats.clock(begin)} to {formats.clock(end)}" for begin, end in marked_times(found, product))
    return "partly bad", f"{', '.join(times)}: {'; '.join(map(str, found))}"
