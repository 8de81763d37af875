"""Observation: what the data of one detector look like."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from hven.core.clock import NS
from hven.model.annotation import Annotation, Kind, standing
from hven.model.data_id import DataId, Level
from hven.model.product import Product
from hven.observatory import Observatory
from hven.views import formats, frame, markup, queries, theme, verdict
from hven.views.actions import Actions
from hven.views.annotation_actions import on_data
from hven.views.frame import Content, guarded
from hven.views.frames import CALLED, VARIABLE, Frames
from hven.views.pages import observation_tabs as tabs
from hven.views.url import Url


def page(observatory: Observatory, url: Url) -> Content:
    """Verdict, pictures and light curves of a detector's frames; tabs with everything else."""
    found = queries.products(observatory)
    rows = queries.observations(found)
    if not len(rows):
        nothing = markup.empty("No observation yet", "Nothing has been ingested.", "hven ingest PATH")
        return Content("Observation", [markup.html(nothing)])
    asked = url.get("observation") or str(rows["observation"].iloc[0])
    url.set(observation=asked)
    names = list(dict.fromkeys([*rows["observation"], asked]))
    choose = pn.ui.AutocompleteInput(label="Observation", options=names, value=asked, width=360, size="small", margin=0,
                                     min_characters=0, restrict=False)  # fmt: skip
    chosen = pn.ui.Select(label="Detector · product", width=190, size="small", margin=0)
    level = pn.ui.Select(label="Level", width=180, size="small", margin=0)
    body = pn.Column(sizing_mode="stretch_width", margin=0)

    def fill(_event: Any = None) -> None:
        of_one = found[found["observation"] == choose.value]
        frame.entitle(_about(choose.value, chosen.value), "Observation")
        shown = {"dataset": chosen.value, "level": level.value}
        body.objects = _body(observatory, url, of_one, str(choose.value), **shown)
        say()

    def say(_event: Any = None) -> None:
        if buttons and chosen.value:
            buttons.offer(on_data(*_sayable(observatory, found, str(choose.value), str(chosen.value))))

    def offer_levels(_event: Any = None) -> None:
        options = _levels(observatory, found[found["observation"] == choose.value], chosen.value)
        _offer(level, options, _asked_level(url, options), fill)

    def restart(_event: Any = None) -> None:
        options = _datasets(found[found["observation"] == choose.value])
        _offer(chosen, options, _asked(url, options), offer_levels)

    def remember(event: Any) -> None:
        if len(level.options) > 1:  # where there is one level nobody has chosen it
            url.set(level=event.new)

    buttons = Actions(ask, fill) if (ask := frame.asking()) else None
    level.param.watch(remember, "value")
    level.param.watch(fill, "value")
    chosen.param.watch(offer_levels, "value")
    choose.param.watch(restart, "value")
    restart()
    controls = [url.follow(choose, "observation"), url.follow(chosen, "dataset"), level]
    said = [buttons.view] if buttons else []
    return Content("Observation", [*said, body], controls, about=_about(choose.value, chosen.value))


def _offer(choice: Any, options: dict[str, Any], value: Any, then: Callable[[], None]) -> None:
    """Let people choose among other options, and go on as if they had chosen."""
    changed = choice.value != value
    choice.param.update(options=options, value=value)
    if not changed:
        then()


def _sayable(
    observatory: Observatory, found: pd.DataFrame, name: str, dataset: str
) -> tuple[dict[str, DataId], list[Annotation]]:
    """Of what one can say something on this page, in words, and what has been said of it."""
    detector = int(dataset.partition(".")[0])
    [raw, *_] = found[(found["observation"] == name) & (found["detector"] == detector)]["product"]
    data_id = raw.ref.data_id
    scopes = {
        f"detector {detector}": data_id.subset(("instrument", "day_obs", "observation", "detector")),
        "the observation": data_id.subset(("instrument", "day_obs", "observation")),
    }
    said = [a for a in standing(observatory.annotations()) if a.concerns(data_id, raw.begin_ns, raw.end_ns)]
    return scopes, said


def _said(observatory: Observatory, product: Product) -> str:
    """What people have said of a product's data."""
    said = standing(observatory.annotations())
    mine = [a for a in said if a.concerns(product.ref.data_id, product.begin_ns, product.end_ns)]
    return "".join(markup.said("bad" if a.kind is Kind.BAD else "event", str(a)) for a in mine)


def _about(name: Any, dataset: Any) -> str:
    """Observation, detector and product in a few words."""
    return f"{name} {str(dataset or '').replace('.', ' ')}".strip()


def _datasets(of_one: pd.DataFrame) -> dict[str, str]:
    raw = queries.frames(of_one).sort_values(["detector", "what"])
    pairs = zip(raw["detector"], raw["what"], strict=True)
    return {f"{int(d)} · {w}": f"{int(d)}.{w}" for d, w in pairs}


def _asked(url: Url, options: dict[str, str]) -> str | None:
    asked = url.get("dataset") or ".".join(filter(None, (url.get("detector"), url.get("what"))))
    fitting = [v for v in options.values() if v == asked or v.startswith(f"{asked}.")]
    return next(iter(fitting or options.values()), None)


def _levels(observatory: Observatory, of_one: pd.DataFrame, dataset: str | None) -> dict[str, Level]:
    """Levels at which frames of a detector can be looked at: older calibrated ones have no overview of their signal."""
    if dataset is None:
        return {}
    detector, _, what = dataset.partition(".")
    products = {level: queries.pick(of_one, level, what, int(detector)) for level in VARIABLE}
    return {
        f"{level} · {CALLED[level]}": level
        for level, product in products.items()
        if product is not None and queries.has_overview(observatory, product, VARIABLE[level])
    }


def _asked_level(url: Url, options: dict[str, Level]) -> Level | None:
    """The level of the address, else the highest."""
    there = list(options.values())
    return next((level for level in there if level == url.get("level")), there[-1] if there else None)


def _body(
    observatory: Observatory, url: Url, of_one: pd.DataFrame, name: str, *, dataset: str | None, level: Level | None
) -> list[Any]:
    if dataset is None or level is None:
        text = markup.empty(f"No frames of observation {name}", "Nothing of this name holds frames of a detector.",
                            f'hven explain panoseti.ph1024 --level L0 --observation "{name}"')  # fmt: skip
        return [markup.html(text)]
    detector, what = int(dataset.partition(".")[0]), dataset.partition(".")[2]
    mine = of_one[(of_one["detector"] == detector) | of_one["detector"].isna()]
    raw = queries.pick(mine, Level.L0, what, detector)
    assert raw is not None  # noqa: S101 - the choice was made of what is there
    measured = queries.metrics(observatory, mine[mine["what"] == f"{what}.qc"])
    failed = queries.failures(observatory, observation=name, detector=detector)
    judged = verdict.judge(f"{name}, detector {detector}", measured, observations=1, failures=failed,
                           measure=f'hven submit panoseti/nightly --shared --observation "{name}"')  # fmt: skip
    source = url.to("observation", observation=name, detector=detector, what=what, tab="Provenance")
    frames = Frames(observatory, mine, what, detector, level=level, source=source)
    return [
        markup.html(markup.banner(judged) + _said(observatory, raw)),
        pn.Spacer(height=2 * theme.SPACE),
        markup.html(markup.facts(_facts(observatory, raw), plain=True), margin=(0, 0, 2 * theme.SPACE, 0)),
        guarded(frames.panel),
        tabs.everything(observatory, url, mine, what, detector, measured=measured, frames=frames, source=source),
    ]


def _facts(observatory: Observatory, raw: Any) -> dict[str, str]:
    attrs = queries.read(observatory, raw).attrs
    seconds = (raw.end_ns - raw.begin_ns) / NS
    flags = escape(", ".join(raw.flags)) or "none"
    return {
        "Begin (UTC)": formats.utc(raw.begin_ns),
        "Length": formats.duration(seconds),
        "Frames": f"{raw.rows:,}",
        "Rate": formats.quantity(raw.rows / seconds, "Hz") if seconds > 0 else formats.MISSING,
        "Clock": escape(str(attrs.get("clock_status", formats.MISSING))),
        "Size": formats.size(raw.size_bytes),
        "Flags": flags,
        "L0 product": f"<code>{raw.id}</code>",
    }
