"""Figures show the numbers they are given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from bokeh.models import BoxAnnotation, HBar, HoverTool, Image, Line, Scatter, VArea

from hven.views.figures import alarm_marks, images, nightline, series, spark, spectra, style

BEGIN = np.datetime64("2025-10-22T07:00", "ns")


def cells(count=50, step_s=60):
    times = BEGIN + (np.arange(count) * step_s * 10**9).astype("timedelta64[ns]")
    values = np.arange(count)[:, None, None] + np.zeros((count, 4, 5))
    data = {name: (("time", "y", "x"), values + shift) for name, shift in (("mean", 0), ("min", -1), ("max", 1))}
    return xr.Dataset(data, {"time": times, "time_end": ("time", times)})


def drawn(plot, kind):
    return [r for r in plot.renderers if isinstance(r.glyph, kind)]


def test_waterfall_shows_every_pixel_over_the_whole_time():
    data = series.waterfall_data(cells())
    picture = data["image"][0]
    assert picture.shape == (20, series.GRID)
    assert np.nanmin(picture) == 0
    assert np.nanmax(picture) == 49
    assert data["dw"][0] == pytest.approx(49.5 * 60_000)


def test_waterfall_leaves_a_gap_empty():
    whole = cells()
    gappy = whole.isel(time=np.r_[0:20, 35:50])
    picture = series.waterfall_data(gappy)["image"][0]
    share = np.isnan(picture[0]).mean()
    assert share == pytest.approx(14.5 / 49.5, abs=0.01)


def test_waterfall_sorts_cells_in_time():
    backwards = cells().isel(time=slice(None, None, -1))
    np.testing.assert_array_equal(
        series.waterfall_data(backwards)["image"][0], series.waterfall_data(cells())["image"][0]
    )


def test_one_frame_makes_a_waterfall():
    plot = series.waterfall(cells(1), units="count")
    assert plot.select(type=Image)


def test_light_curves_draw_mean_and_range_of_each_pixel():
    plot = series.light_curves(cells(), [(0, 0), (3, 4)], units="count", x_range=series.Range1d(0, 1))
    assert len(drawn(plot, Line)) == 2
    assert len(drawn(plot, VArea)) == 2
    assert len(plot.above) == 1


def test_pixel_map_keeps_row_and_column():
    image = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=("y", "x"))
    data = images.pixel_map(image, title="", units="").select_one({"name": "pixels"}).data
    index = list(zip(data["x"], data["y"], strict=True)).index((2, 1))
    assert data["value"][index] == 6.0


def test_pixel_map_begins_with_row_0_at_the_top_so_that_quadrant_0_is_the_upper_left_one():
    plot = images.pixel_map(xr.DataArray(np.zeros((32, 32)), dims=("y", "x")), title="", units="")
    assert (plot.x_range.start, plot.x_range.end) == (-0.5, 31.5)
    assert (plot.y_range.start, plot.y_range.end) == (31.5, -0.5)


def test_pixel_map_of_nothing_but_nan_is_drawn():
    image = xr.DataArray(np.full((4, 4), np.nan), dims=("y", "x"))
    assert images.pixel_map(image, title="", units="").renderers


def test_ellipse_has_the_moments_it_was_drawn_from():
    x, y = images.ellipse(3.0, 4.0, length=2.0, width=0.5, psi=0.7, points=3601)
    covariance = np.cov(np.array([x[:-1], y[:-1]]), ddof=0) * 2
    values, vectors = np.linalg.eigh(covariance)
    assert np.sqrt(values) == pytest.approx([0.5, 2.0])
    assert np.arctan2(vectors[1, 1], vectors[0, 1]) % np.pi == pytest.approx(0.7)


def test_an_event_carries_its_ellipse():
    image = xr.DataArray(np.zeros((8, 8)), dims=("y", "x"))
    shower = {"cog_x": 4.0, "cog_y": 4.0, "length": 2.0, "width": 1.0, "psi": 0.0}
    event = images.event_image(image, title="", units="", shower=shower)
    assert drawn(event, Line)
    assert not drawn(images.event_image(image, title="", units=""), Line)


def metric_rows(values, status="ok"):
    times = pd.date_range("2025-10-22T04:00", periods=len(values), freq="h")
    rows = {"time": times, "begin": times, "value": values, "day_obs": 20251021}
    return pd.DataFrame({**rows, "detector": 1, "status": status, "observation": "crab"})


LIMITS = {"lower": None, "upper": 10.0, "lower_err": None, "upper_err": 100.0}


def test_a_trend_draws_limits_and_marks_status_by_shape():
    plot = series.trend(metric_rows([1.0, 20.0], status="warning"), units="ms", limits=LIMITS)
    assert len(plot.select(type=BoxAnnotation)) == 2
    sources = [r.data_source for r in plot.renderers if isinstance(r.glyph, Scatter)]
    assert set(sources[0].data["marker"]) == {"triangle"}


def test_no_line_of_a_trend_crosses_the_day():
    rows = metric_rows([1.0, 2.0, 3.0, 4.0]).assign(day_obs=[20251020, 20251020, 20251021, 20251021])
    path = next(r for r in series.trend(rows, units="", limits={}).renderers if isinstance(r.glyph, Line)).data_source
    assert np.isnan(path.data["value"]).tolist() == [False, False, True, False, False, True]


def test_another_period_is_drawn_hollow_and_dashed_in_the_colour_of_its_detector():
    rows = metric_rows([1.0, 2.0])
    plot = series.trend(rows, units="", limits={}, other=rows.assign(nights="before"))
    now, then = (r.glyph for r in plot.renderers if isinstance(r.glyph, Scatter))
    assert (now.fill_alpha, then.fill_alpha) == (0.75, 0.0)
    assert now.line_color == then.line_color
    assert [item.label.value for item in plot.legend[0].items] == ["detector 1", "detector 1, before"]


def test_an_outline_separates_the_pixels_that_were_kept():
    kept = np.zeros((4, 5), bool)
    kept[1:3, 2] = kept[3, 4] = True
    xs, ys = images.outline(kept)
    assert len(xs) == 6 + 4
    assert min(map(min, xs)) == 1.5
    assert max(map(max, ys)) == 3.5
    assert {(*x, *y) for x, y in zip(xs, ys, strict=True)} >= {(1.5, 1.5, 0.5, 1.5), (1.5, 2.5, 0.5, 0.5)}


def test_range_shows_values_and_the_nearer_limit_but_not_the_far_one():
    shown = style.value_range([1.0, 2.0], LIMITS)
    assert shown.start < 1.0
    assert 10.0 < shown.end < 100.0


def test_range_of_one_value_without_limits_is_not_empty():
    shown = style.value_range([0.0], {})
    assert shown.start < 0 < shown.end


def test_the_night_has_a_cell_for_each_dataset_that_leads_to_its_page():
    begin = int(BEGIN.astype("int64"))
    table = pd.DataFrame([
        {"observation": o, "detector": d, "what": "img16", "begin_ns": begin, "end_ns": begin + 60 * 10**9, "rows": 5,
         "state": s} for o, d, s in (("a", 1, "ok"), ("a", 254, "error"), ("b", 1, "not run"))
    ])  # fmt: skip
    plot = nightline.nightline(table, links={"a/254/img16": "./observation?detector=254"})
    sources = [r.data_source for r in plot.renderers if isinstance(r.glyph, HBar)]
    assert sum(len(s.data["row"]) for s in sources) == 3
    assert {len(set(s.data["state"])) for s in sources} == {1}
    assert "./observation?detector=254" in {link for s in sources for link in s.data["link"]}


def test_a_cell_says_what_of_it_is_marked_bad_where_something_is():
    begin = int(BEGIN.astype("int64"))
    rows = [{"observation": o, "detector": 1, "what": "img16", "begin_ns": begin, "end_ns": begin + 60 * 10**9,
             "rows": 5, "state": state, "marks": marks}
            for o, state, marks in (("a", "ok", ""), ("b", "partly bad", "04:00:10 to 04:00:20: clouds"))]  # fmt: skip
    hovers = nightline.nightline(pd.DataFrame(rows)).select({"type": HoverTool})
    texts = {tool.renderers[0].data_source.data["state"][0]: tool.tooltips for tool in hovers}
    assert ("marks", "@marks") in texts["partly bad"]
    assert "marks" not in dict(texts["ok"])


def test_a_short_cell_can_still_be_hit():
    begin = int(BEGIN.astype("int64"))
    rows = [("a", begin, begin + 1), ("b", begin + 10**13, begin + 10**13 + 1)]
    table = pd.DataFrame([
        {"observation": o, "detector": 1, "what": "img16", "begin_ns": b, "end_ns": e, "rows": 1, "state": "ok"}
        for o, b, e in rows
    ])  # fmt: skip
    plot = nightline.nightline(table)
    data = next(r.data_source.data for r in plot.renderers if isinstance(r.glyph, HBar))
    assert np.all(data["right"] - data["left"] >= nightline.MIN_WIDTH * 1e13 / 1e6 * 0.99)


def test_alarms_of_the_night_stand_at_its_foot_below_cells_that_have_names():
    begin = int(BEGIN.astype("int64"))
    row = {"observation": "a", "detector": 1, "what": "img16", "begin_ns": begin, "end_ns": begin + 10**12, "rows": 1}
    plot = nightline.nightline(pd.DataFrame([{**row, "state": "ok"}]))
    alarm = SimpleNamespace(cause="", since_ns=begin, cleared_ns=0, rule="disk", text="full")

    alarm_marks.mark_alarms(plot, [alarm], begin + 10**12)

    assert {type(one) for one in plot.extra_y_ranges.values()} == {type(plot.y_range)}  # no browser draws it otherwise


def test_histogram_counts_every_finite_value():
    plot = spectra.histogram(spectra.counts(np.array([1.0, 2.0, 2.0, np.nan])), label="signal")
    assert plot.renderers[0].data_source.data["number"].sum() == 3


def test_a_scatter_plot_knows_the_row_of_each_event():
    events = pd.DataFrame({"size": [5.0, 7.0], "length": [0.1, 0.2]})
    source = spectra.event_scatter(events, "size", "length", labels=("size", "length")).select_one({"name": "events"})
    assert list(source.data["row"]) == [0, 1]


def test_a_sparkline_draws_a_curve_for_each_detector_and_the_limits_in_range():
    both = pd.concat([metric_rows([1.0, 20.0]), metric_rows([2.0, 3.0]).assign(detector=254)])
    picture = spark.sparkline(both, LIMITS)
    assert picture.count("<polyline") == 2
    assert picture.count("<rect") == 1
    assert "1 to 20" in picture


def test_a_sparkline_of_nothing_says_so():
    assert "no values" in spark.sparkline(metric_rows([np.nan]), {})
