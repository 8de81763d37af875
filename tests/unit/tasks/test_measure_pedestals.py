"""Pedestals against simulated truth."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hven.core.errors import SchemaError
from hven.tasks.frames.measure_pedestals import TASK, PedestalConfig
from hven.testing.tasks import run_task


def measured(dataset, data_id, **config):
    return run_task(TASK, {"frames": dataset}, {"frames": data_id}, PedestalConfig(**config))["pedestals"]


def pulls(found, name, truth):
    return (found[name].values.astype(float) - truth) / found[f"{name}_error"].values


@pytest.mark.parametrize("level", [0.1, 3.0, 30.0, 700.0])
def test_counts_of_light_give_unbiased_pedestal_and_noise_with_true_errors(raw_frames, data_id, level):
    images = np.random.default_rng(1).poisson(level, (6000, 32, 32)).astype("uint16")
    found = measured(raw_frames(images), data_id)
    for name, truth in (("pedestal", level), ("noise", level**0.5)):
        pull = pulls(found, name, truth)
        assert 0.95 < np.sqrt((pull**2).mean()) < 1.05
        assert abs(pull).max() < 4.5
    assert abs(found["pedestal"].values.mean() - level) < max(0.02, 4 * level**0.5 / np.sqrt(images.size))
    assert abs(found["noise"].values.mean() / level**0.5 - 1) < 0.003


@pytest.mark.parametrize("clip", [4.0, 5.0])
def test_pulse_heights_of_few_events_give_unbiased_pedestal_and_noise(raw_frames, data_id, clip):
    draw = np.random.default_rng(2)
    sigma = np.sqrt(8.0**2 + 1 / 12)
    images = np.rint(draw.normal(15.3, 8.0, (150, 64, 64))).astype("int16")
    found = measured(raw_frames(images, step_ns=1_000_000_000), data_id, cell_s=3600, clip=clip)
    for name, truth in (("pedestal", 15.3), ("noise", sigma)):
        assert 0.95 < np.sqrt((pulls(found, name, truth) ** 2).mean()) < 1.05
    assert abs(found["noise"].values.mean() / sigma - 1) < 0.003


def test_pulses_are_clipped(raw_frames, data_id):
    images = np.random.default_rng(3).poisson(30, (3000, 32, 32)).astype("uint16")
    images[::50, 5, 7] += 400
    found = measured(raw_frames(images), data_id)
    assert found["pedestal"].values[0, 5, 7] == pytest.approx(30, abs=0.5)
    assert found["noise"].values[0, 5, 7] == pytest.approx(30**0.5, rel=0.05)
    assert found["count"].values[0, 5, 7] == 3000 - 60
    assert found["deviation"].values[0, 5, 7] > 50


def test_statistics_equal_numpy(raw_frames, data_id):
    images = np.random.default_rng(4).integers(0, 256, (500, 32, 32)).astype("uint8")
    found = measured(raw_frames(images), data_id)
    values = images.astype(float)
    for name, expected in {
        "mean": values.mean(0),
        "deviation": values.std(0, ddof=1),
        "excess_variance": values.var(0, ddof=1) / values.mean(0),
        "minimum": values.min(0),
        "maximum": values.max(0),
        "saturated_fraction": (images == 255).mean(0),
    }.items():
        np.testing.assert_allclose(found[name].values[0], expected, rtol=1e-6, err_msg=name)


def test_skewness_is_that_of_the_frames_that_are_there(raw_frames, data_id):
    images = np.random.default_rng(7).poisson(3, (500, 8, 8)).astype("int16") - 5
    valid = np.ones((500, 4), bool)
    valid[100:200, 1] = False
    images[:, 7, 7] = 4
    found = measured(raw_frames(images, valid=valid), data_id)["skew"].values[0]
    np.testing.assert_allclose(found[4:, :7], stats.skew(images[:, 4:, :7]), rtol=1e-5)
    np.testing.assert_allclose(found[:4, 4:], stats.skew(np.delete(images, slice(100, 200), 0)[:, :4, 4:]), rtol=1e-5)
    assert np.isnan(found[7, 7])


def test_sums_of_large_values_do_not_overflow(raw_frames, data_id):
    images = np.full((70_000, 2, 2), 65_535, "uint16")
    found = measured(raw_frames(images, step_ns=500_000), data_id)
    assert found["mean"].values[0, 0, 0] == 65_535
    assert found["deviation"].values[0, 0, 0] == 0


def test_a_missing_quabo_does_not_count(raw_frames, data_id):
    images = np.random.default_rng(5).poisson(40, (1000, 32, 32)).astype("uint16")
    valid = np.ones((1000, 4), bool)
    valid[100:600, 2] = False
    images[100:600, 16:, 16:] = 0
    found = measured(raw_frames(images, valid=valid), data_id)
    assert set(np.unique(found["count"].values[0, 16:, 16:])) <= set(range(490, 501))
    assert found["pedestal"].values[0, 16:, 16:].mean() == pytest.approx(40, abs=0.1)
    assert found["minimum"].values[0, 16:, 16:].min() > 0
    assert found["count"].values[0, 16:, :16].min() > 990


def test_a_quabo_that_is_never_there_has_no_pedestal(raw_frames, data_id):
    images = np.random.default_rng(6).poisson(40, (100, 32, 32)).astype("uint16")
    valid = np.ones((100, 4), bool)
    valid[:, 1] = False
    found = measured(raw_frames(images, valid=valid), data_id)
    assert np.isnan(found["pedestal"].values[0, :16, 16:]).all()
    assert (found["count"].values[0, :16, 16:] == 0).all()
    assert np.isfinite(found["pedestal"].values[0, 16:]).all()


def test_frames_of_one_quabo_are_placed_by_quadrant(data_id):
    rows = 400
    quabo = (np.arange(rows) % 4).astype("uint8")
    images = np.random.default_rng(7).normal(0, 5, (rows, 16, 16)) + quabo[:, None, None] * 100.0
    times = (1_700_000_000_000_000_000 + np.arange(rows) * 100_000_000).astype("datetime64[ns]")
    dataset = xr.Dataset(
        {"images": (("time", "y", "x"), np.rint(images).astype("int16")), "quabo": ("time", quabo)}, {"time": times}
    )
    found = measured(dataset, data_id, cell_s=300)["pedestal"].values[0]
    corners = [found[:16, :16], found[:16, 16:], found[16:, 16:], found[16:, :16]]
    assert [round(float(c.mean()) / 100) for c in corners] == [0, 1, 2, 3]


def test_cells_lie_on_an_absolute_grid_and_empty_ones_are_left_out(raw_frames, data_id):
    start = 1_700_000_000_000_000_000
    times = start + np.array([0, 1, 70, 71, 200]) * 1_000_000_000
    found = measured(raw_frames(np.ones((5, 4, 4), "uint16"), times=times), data_id)
    begin = found["begin"].values.astype("int64")
    assert (begin % 60_000_000_000 == 0).all()
    assert found["frames"].values.tolist() == [2, 2, 1]
    assert (found["end"].values - found["begin"].values == np.timedelta64(60, "s")).all()


def test_rate_counts_frames_in_tenths_of_a_cell(raw_frames, data_id):
    times = 1_699_999_980_000_000_000 + np.array([0, 1, 2, 59]) * 1_000_000_000
    found = measured(raw_frames(np.ones((4, 4, 4), "uint16"), times=times), data_id)
    np.testing.assert_allclose(found["rate"].values[0], [0.5, 0, 0, 0, 0, 0, 0, 0, 0, 1 / 6])


def test_no_frames_give_no_cells(raw_frames, data_id):
    assert measured(raw_frames(np.ones((0, 4, 4), "uint16")), data_id).sizes["cell"] == 0


def test_images_that_are_not_square_are_refused(raw_frames, data_id):
    with pytest.raises(SchemaError, match="equal, even sides"):
        measured(raw_frames(np.ones((3, 4, 6), "uint16")), data_id)
