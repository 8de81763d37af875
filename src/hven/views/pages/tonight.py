"""Tonight: whether the data are good, and what to do if not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from hven.alarms import queries as of_alarms
from hven.core.clock import day_obs, now_ns
from hven.model.annotation import Annotation, bad, mark_of, marked_times
from hven.model.data_id import Level
from hven.model.product import Product
from hven.observatory import Observatory
from hven.views import formats, frame, markup, night_parts, queries, states, theme, verdict
from hven.views.actions import Actions
from hven.views.annotation_actions import in_log
from hven.views.conditions import TOPIC, conditions
from hven.views.figures.alarm_marks import mark_alarms
from hven.views.figures.nightline import nightline
from hven.views.figures.spark import sparkline
from hven.views.following import keep_fresh
from hven.views.frame import Content, guarded, section
from hven.views.night import shades
from hven.views.pages.alarms import tree_of
from hven.views.take import Take, plotted
from hven.views.url import Url

POLL_MS = 5000
NIGHT = ("day_obs", "observation", "detector", "what", "begin_ns", "end_ns", "rows", "state", "marks", "flags", "id")
"""Columns of the night's table to take along."""
SPARKS = 8
EXPLAINED = 10
"""So many missing datasets are explained."""
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
        guarded(partial(_completeness, observatory, of_night)),
        guarded(partial(_sparks, measured, url)),
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


def _completeness(observatory: Observatory, of_night: pd.DataFrame) -> pn.Column:
    raw = queries.frames(of_night)
    whole = len(raw)
    calibrated = len(queries.frames(of_night, Level.L1))
    measured = len(of_night[(of_night["level"] == Level.L2) & of_night["what"].str.endswith(".qc")])
    partial_files = sum("partial" in flags for flags in raw["flags"])
    steps = {
        "on disk, verified (L0)": (f"{whole}", "partial" if partial_files else "done"),
        "calibrated (L1)": _step(calibrated, whole),
        "measured (L2 quality)": _step(measured, whole),
    }
    cells = "".join(f"<div>{states.chip(s)}<b>{n}</b>{name}</div>" for name, (n, s) in steps.items())
    parts = [markup.html(f'<div class="steps">{cells}</div>')]
    if calibrated < whole:
        parts.append(_missing(observatory, of_night))
    return section("Completeness", *parts, note="datasets of frames")


def _missing(observatory: Observatory, of_night: pd.DataFrame) -> pn.Column:
    """What is missing and why; looked up when somebody asks."""
    answer = markup.html("")

    def tell(_event: Any) -> None:
        ask.loading = True
        texts = queries.explanations(observatory, of_night, EXPLAINED)
        answer.object = "".join(_because(*group) for group in _grouped(texts)) + _unexplained(of_night, len(texts))
        ask.param.update(loading=False, visible=False)

    ask = pn.ui.Button(label="What is missing, and why?", on_click=tell, size="small", variant="outlined",
                       margin=(theme.SPACE, 0))  # fmt: skip
    return pn.Column(ask, answer, sizing_mode="stretch_width", margin=0)


def _grouped(texts: list[str]) -> list[tuple[str, str, list[str]]]:
    """Explanations by their reason: the reason, the chain that leads to it, and the datasets that miss for it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        first, _, chain = text.partition("\n")
        what, _, reason = first.partition(": ")
        groups.setdefault((reason, chain), []).append(what)
    return [(reason, chain, what) for (reason, chain), what in groups.items()]


def _because(reason: str, chain: str, what: list[str]) -> str:
    items = "".join(f"<li>{escape(one)}</li>" for one in what)
    return f"<div class='missing'><b>{escape(reason)}</b><ul>{items}</ul><pre>{escape(chain)}</pre></div>"


def _unexplained(of_night: pd.DataFrame, told: int) -> str:
    left = len(queries.frames(of_night)) - len(queries.frames(of_night, Level.L1)) - told
    return f"<p class='quiet'>{left} more are missing; these were the first {told}.</p>" if left > 0 else ""


def _step(count: int, whole: int) -> tuple[str, str]:
    state = "done" if count >= whole else "partial" if count else "not run"
    return f"{count} of {whole}", state


def _sparks(measured: pd.DataFrame, url: Url) -> pn.Column:
    limited = measured[measured["status"] != "unlimited"]
    if not len(limited):
        text = markup.empty("No quality metrics yet", "They are made by the step that measures each observation.")
        return section("Metrics", markup.html(text))
    ranked = sorted(limited.groupby(["what", "metric"], sort=True), key=lambda item: _rank(item[1]), reverse=True)
    cards = [_spark(str(what), str(metric), rows, url) for (what, metric), rows in ranked[:SPARKS]]
    grid = markup.html(f'<div class="cards">{"".join(cards)}</div>')
    night = int(limited["day_obs"].iloc[0])
    take = Take(lambda: limited, file=f"metrics-{night}", line=queries.judging_night(night))
    key = markup.key({theme.SERIES[n % len(theme.SERIES)]: f"detector {d}" for n, d in enumerate(_detectors(limited))})
    note = "the worst first; a point for each observation or hour; orange beyond warning, red beyond error"
    return section("Metrics", markup.html(key), grid, take, note=note)


def _detectors(measured: pd.DataFrame) -> list[int]:
    return sorted({int(d) for d in measured["detector"].dropna()})


def _rank(rows: pd.DataFrame) -> tuple[int, float]:
    order = {"error": 3, "warning": 2, "ok": 1}
    records = rows.to_dict("records")
    return max(order.get(r["status"], 0) for r in records), max(verdict.excess(r) for r in records)


def _spark(what: str, metric: str, rows: pd.DataFrame, url: Url) -> str:
    last = rows.sort_values("begin").iloc[-1]
    status = queries.worst_of(rows, ["metric"])[(metric,)]
    values = rows[rows["grain"] == "hour"] if (rows["grain"] == "hour").any() else rows
    last_value = formats.quantity(float(last["value"]), last["unit"])
    trend = markup.link("trend", url.to("trends", metric=metric, what=what))
    curve = sparkline(values.assign(time=values["begin"]), last.to_dict())
    return (
        f'<div class="card"><div class="between"><b>{escape(formats.words(metric))}</b>{states.chip(status)}</div>'
        f'<div class="quiet">{escape(what)} · last {escape(last_value)} · {trend}</div>{curve}</div>'
    )
