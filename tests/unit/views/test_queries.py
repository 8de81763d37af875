"""What pages ask of a real observatory."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hven.model.data_id import Level
from hven.views import queries
from hven.views.night import shades


def test_an_observation_is_one_row_with_its_detectors_and_products(night):
    rows = queries.observations(queries.products(night))
    assert len(rows) == 1
    row = rows.iloc[0]
    assert row["detectors"] == [1, 254]
    assert row["what"] == ["img16", "ph1024"]
    assert row["levels"] == ["L0", "L1", "L2"]
    assert row["frames"] == 2 * (2600 + 40)


def test_an_empty_observatory_has_empty_tables(empty):
    found = queries.products(empty)
    assert queries.nights(found) == []
    assert len(queries.observations(found)) == 0
    assert list(queries.metrics(empty, found).columns) == list(queries.METRICS)
    assert len(queries.failures(empty)) == 0


def test_metrics_come_with_status_and_limits(night):
    measured = queries.metrics(night, queries.products(night))
    bad = measured[measured["metric"] == "partial_frames"]
    assert set(bad[bad["what"] == "img16"]["status"]) == {"warning"}
    assert set(bad[bad["what"] == "ph1024"]["status"]) == {"ok"}
    assert (bad["upper"] > 0).all()


def test_a_value_without_limits_is_not_called_good(night):
    measured = queries.metrics(night, queries.products(night))
    assert set(measured[measured["metric"] == "frames"]["status"]) == {"unlimited"}


def test_the_worst_status_of_a_group_ignores_values_without_limits(night):
    worst = queries.worst_of(queries.metrics(night, queries.products(night)), ["detector", "what"])
    assert worst[1, "img16"] == "warning"
    assert worst[1, "ph1024"] == "ok"


def test_storage_and_processing_are_told_by_the_books(night):
    found = queries.products(night)
    sizes = queries.processing(night, found, "disk_size")
    assert sorted(sizes["value"]) == sorted(queries.frames(found)["size_bytes"] / 1e6)
    assert set(sizes["status"]) == {"unlimited"}
    assert set(sizes["what"]) == {"img16", "ph1024"}
    latency = queries.processing(night, found, "ingest_latency")["value"]
    assert (abs(latency - 9 * 3600) < 100).all()
    assert set(queries.processing(night, found, "processing_version")["value"]) == {100.0}
    assert len(queries.processing(night, found, "compression_ratio")) == 0


def test_coincidences_are_counted_for_the_frames_that_were_searched(tmp_path):
    import small_night

    observatory = small_night.make(tmp_path)
    one, other = observatory.query("panoseti.ph1024", level="L1")
    columns = {"group": [0, 0, 1, 1], "detector": [1, 254, 1, 254], "frame": [0, 0, 1, 1], "dt": [0, 5, 0, 7]}
    columns = {k: np.array(v) for k, v in columns.items()} | {"product": np.array(["ph1024"] * 4, object)}
    columns |= {"detector": columns["detector"].astype("int32"), "multiplicity": np.full(4, 2, "int32")}
    times = np.datetime64(one.begin_ns, "ns") + np.arange(4).astype("timedelta64[s]")
    table = xr.Dataset({k: ("event", v) for k, v in columns.items()}, {"time": ("event", times)})
    keys = one.ref.data_id.subset(("instrument", "day_obs", "observation"))
    made = small_night.publish(observatory.root, "L2/panoseti.coincidences", keys, table, [one, other])
    observatory.registry.register([made], inputs={made.id: [one.id, other.id]})
    hours = (one.end_ns - one.begin_ns) / 3600e9
    found = queries.processing(observatory, queries.products(observatory), "coincidence_rate")
    assert found["value"].tolist() == pytest.approx([2 / hours] * 2)
    assert set(found["what"]) == {"ph1024"}
    observatory.close()


def test_a_look_agrees_with_the_frames_themselves(night):
    product = queries.pick(queries.products(night), Level.L0, "img16", 254)
    cells = queries.look(night, product, "images")
    images = queries.read(night, product)["images"].to_numpy()
    assert cells.sizes["time"] < len(images)
    np.testing.assert_array_equal(cells["max"].max("time"), images.max(axis=0))
    np.testing.assert_array_equal(cells["min"].min("time"), images.min(axis=0))


def test_the_brightest_pixels_are_where_the_star_is(night):
    product = queries.pick(queries.products(night), Level.L0, "img16", 1)
    y, x = queries.brightest(queries.look(night, product, "images"), 1)[0]
    assert abs(y - 12) <= 1
    assert abs(x - 20) <= 1


def test_the_line_for_the_notebook_opens_this_very_dataset(night):
    product = queries.pick(queries.products(night), Level.L1, "ph1024", 254)
    names = {"obs": night}
    exec(queries.opening(product), names)  # noqa: S102 - the line is what people paste
    assert names["ds"].hven.id == product.id


def test_a_frame_is_the_one_asked_for(night):
    product = queries.pick(queries.products(night), Level.L0, "ph1024", 1)
    whole = queries.read(night, product)["images"].to_numpy()
    np.testing.assert_array_equal(queries.frame(night, product, "images", 7), whole[7])


def test_what_is_not_there_is_none(night):
    assert queries.pick(queries.products(night), Level.L0, "img8") is None


def test_midnight_is_darker_than_noon(night):
    site = night.settings.observatory
    local_midnight = 1_761_120_000 * 10**9  # 2025-10-22T08:00 UTC at Palomar
    shaded = [s for s in shades(site, local_midnight, local_midnight) if s[0] < local_midnight / 1e6 < s[1]]
    noon = (local_midnight + 11 * 3600 * 10**9) / 1e6
    assert len(shaded) == 4
    assert not [s for s in shaded if s[0] < noon < s[1]]
