"""Cleaning and moments, against an independent evaluation."""

import numpy as np
import pytest
import xarray as xr

from hven.tasks.showers.clean_and_measure import TASK, ShowerConfig
from hven.testing.tasks import run_task

SCALE = 0.3125


def showers(count, seed=1):
    """Signal (time, y, x) of elongated images on noise of 5 adu."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    signal = draw.normal(0, 5, (count, 32, 32))
    for n in range(count):
        cx, cy, psi = draw.uniform(6, 26), draw.uniform(6, 26), draw.uniform(-np.pi / 2, np.pi / 2)
        along = (x - cx) * np.cos(psi) + (y - cy) * np.sin(psi)
        across = -(x - cx) * np.sin(psi) + (y - cy) * np.cos(psi)
        signal[n] += 150 * np.exp(-0.5 * ((along / 2.5) ** 2 + (across / 1.2) ** 2))
    return signal.astype("float32")


def calibrated(signal, mask=None, quality=None):
    rows = len(signal)
    start = np.datetime64("2025-10-22T07:20:00", "ns")
    return xr.Dataset(
        {
            "signal": (("time", "y", "x"), signal),
            "quality": ("time", np.zeros(rows, "uint16") if quality is None else quality),
            "noise": (("cell", "y", "x"), np.full((1, 32, 32), 5, "float32")),
            "pixel_mask": (("y", "x"), np.zeros((32, 32), "uint8") if mask is None else mask),
        },
        {"time": start + np.arange(rows) * np.timedelta64(1, "s"), "begin": ("cell", [start])},
        {"clock_status": "wr-locked"},
    )


def measured(dataset, data_id, length=None, **config):
    config = ShowerConfig(pixel_deg=SCALE, **config)
    return run_task(TASK, {"frames": dataset}, {"frames": data_id}, config, length=length)["showers"]


def cleaned(image, noise=5.0, picture=5.0, boundary=2.5):
    """Two-level cleaning written out with padded copies."""

    def beside(pixels):
        padded = np.pad(pixels, 1)
        around = [np.roll(np.roll(padded, j, 0), i, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (j, i) != (0, 0)]
        return np.any(around, axis=0)[1:-1, 1:-1]

    bright, faint = image >= picture * noise, image >= boundary * noise
    core = bright & beside(faint)
    return core | (faint & beside(core))


def moments(image, kept):
    """Moments by the weighted covariance matrix and its eigenvectors."""
    y, x = np.nonzero(kept)
    weights = image[kept].astype(float)
    covariance = np.cov(np.stack([x, y]), aweights=weights, ddof=0)
    values, vectors = np.linalg.eigh(covariance)
    axis = vectors[:, 1]
    return {
        "size": weights.sum(),
        "cog_x": (np.average(x, weights=weights) - 15.5) * SCALE,
        "cog_y": (np.average(y, weights=weights) - 15.5) * SCALE,
        "length": np.sqrt(values[1]) * SCALE,
        "width": np.sqrt(max(values[0], 0)) * SCALE,
        "psi": np.arctan(axis[1] / axis[0]),
        "leakage": weights[(x == 0) | (y == 0) | (x == 31) | (y == 31)].sum() / weights.sum(),
        "concentration": weights.max() / weights.sum(),
        "n_pixels": kept.sum(),
    }


def test_moments_equal_an_independent_evaluation(data_id):
    signal = showers(150)
    found = measured(calibrated(signal), data_id)
    assert found.sizes["event"] == 150
    for row in range(150):
        expected = moments(signal[row], cleaned(signal[row]))
        for name, value in expected.items():
            np.testing.assert_allclose(float(found[name][row]), value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_any_block_length_gives_equal_showers(data_id):
    dataset = calibrated(showers(60))
    whole = measured(dataset, data_id)
    for length in (7, 25):
        assert measured(dataset, data_id, length=length).identical(whole)


def test_noise_alone_gives_no_shower(data_id):
    signal = np.random.default_rng(3).normal(0, 5, (200, 32, 32)).astype("float32")
    assert measured(calibrated(signal), data_id).sizes["event"] == 0


def test_masked_pixels_and_missing_quabos_do_not_count(data_id):
    signal = np.zeros((2, 32, 32), "float32")
    signal[0, 4:7, 4:7] = 100
    signal[1] = np.nan
    mask = np.zeros((32, 32), "uint8")
    mask[5, 5] = 2
    found = measured(calibrated(signal, mask), data_id)
    assert found["n_pixels"].values.tolist() == [8]
    assert found["frame"].values.tolist() == [0]


def test_repeated_frames_are_left_out(data_id):
    found = measured(calibrated(showers(3), quality=np.array([0, 4, 0], "uint16")), data_id)
    assert found["frame"].values.tolist() == [0, 2]


@pytest.mark.parametrize(("pixels", "psi"), [([(5, 4), (5, 5), (5, 6)], 0.0), ([(4, 5), (5, 5), (6, 5)], np.pi / 2)])
def test_a_line_has_no_width_and_the_right_angle(data_id, pixels, psi):
    signal = np.zeros((1, 32, 32), "float32")
    for y, x in pixels:
        signal[0, y, x] = 100
    found = measured(calibrated(signal), data_id, min_pixels=3)
    assert float(found["width"][0]) == 0
    assert float(found["psi"][0]) == pytest.approx(psi)


def test_leakage_is_the_part_in_the_outermost_ring(data_id):
    signal = np.zeros((1, 32, 32), "float32")
    signal[0, 0:4, 10] = 100
    found = measured(calibrated(signal), data_id)
    assert float(found["leakage"][0]) == pytest.approx(0.25)
