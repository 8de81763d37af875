"""Tonight shows the metrics beyond a limit, and always those by which an instrument is known."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import panel as pn
import pytest

from hven.views import queries
from hven.views.pages.tonight_metrics import ALWAYS, metrics
from hven.views.url import Url

LIMITS = {"lower": np.nan, "upper": 10.0, "lower_err": np.nan, "upper_err": 100.0}


def row(metric, *, value=1.0, status="ok", what="img16", **limits):
    begin = pd.Timestamp("2025-10-22T04:00:00")
    name = {"day_obs": 20251021, "observation": "crab", "detector": 1, "type": f"panoseti.{what}.qc", "what": what}
    told = {"metric": metric, "unit": "1", "begin": begin, "end": begin, "grain": "observation", "value": value}
    return {**name, **told, "status": status, "advice": "", **LIMITS, **limits}


def cards(*rows):
    """Metric and state of each card, in order."""
    shown = metrics(pd.DataFrame(list(rows), columns=list(queries.METRICS)), Url())
    text = " ".join(str(pane.object) for pane in shown.select(pn.pane.HTML))
    return re.findall(r'<div class="between"><b>([^<]+)</b>', text), text


def test_the_eight_are_there_in_their_order_with_or_without_limits():
    rows = [row(name, status="unlimited" if name == "noise" else "ok") for name in sorted(ALWAYS)]
    names, text = cards(*rows, row("dead_pixels"))
    assert names == [name.replace("_", " ") for name in ALWAYS]
    assert "no limit" in text


def test_what_is_beyond_a_limit_comes_first_and_the_worst_before_all():
    bad = [row("hot_pixels", value=12, status="warning"), row("dead_pixels", value=500, status="error"),
           row("host_lag", value=40, status="warning")]  # fmt: skip
    names, _ = cards(*(row(n) for n in ALWAYS if n != "host_lag"), *bad)
    assert names[:3] == ["dead pixels", "host lag", "hot pixels"]
    assert sorted(names[3:]) == sorted(n.replace("_", " ") for n in ALWAYS if n != "host_lag")


def test_of_several_kinds_of_frames_the_worst_is_shown_once():
    _, text = cards(row("noise", value=2, what="img16"), row("noise", value=40, status="warning", what="ph1024"))
    assert re.findall(r">(img16|ph1024) ·", text) == ["ph1024"]


@pytest.mark.parametrize("rows", [[], [row("noise", value=np.nan, status="missing")]])
def test_nothing_measured_is_said(rows):
    _, text = cards(*rows)
    assert ("No quality metrics yet" in text) == (not rows)
    assert ("no values" in text) == bool(rows)
