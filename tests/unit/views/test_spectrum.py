"""Spectra of the observation page, against scipy, known lines and known sizes."""

from __future__ import annotations

import sys
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import panel as pn
import pytest
import scipy.signal
import xarray as xr
from bokeh.document import Document

from hven.core.clock import NS
from hven.model.data_id import Level
from hven.views import frame, power_density, queries, size_spectrum, warm
from hven.views.take import Take
from hven.views.url import Url

RATE = 1000.0
"""Frames a second."""


def series(values, *, lost=(), step_ns=1_000_000):
    """Values of frames at a steady rate, but for those that were lost."""
    times = (1_761_117_502_000_000_000 + np.arange(len(values)) * step_ns).view("M8[ns]")
    kept = np.setdiff1d(np.arange(len(values)), lost)
    return xr.DataArray(np.asarray(values)[kept], {"time": times[kept]}, "time")


def noise(count, sigma=1.0, seed=1):
    return np.random.default_rng(seed).normal(0, sigma, count)


def hum(count, hz, amplitude):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(count) / RATE + 0.3)


def test_white_noise_is_flat_at_twice_its_variance_over_the_rate():
    density = power_density.power_density(series(noise(200_000, sigma=3.0)))["density"]

    assert density[:-1].mean() == pytest.approx(2 * 9.0 / RATE, rel=0.02)
    halves = density[: len(density) // 2].mean(), density[len(density) // 2 : -1].mean()
    assert halves[0] == pytest.approx(halves[1], rel=0.05)


@pytest.mark.parametrize("hz", [60.0, 120.0, 377.7])
def test_a_tone_is_a_line_of_its_power_at_its_frequency(hz):
    amplitude = 0.5
    density = power_density.power_density(series(noise(60_000) + hum(60_000, hz, amplitude)))
    spacing = density["frequency"].iloc[0]

    found, _ = power_density.strongest_line(density)
    near = density[abs(density["frequency"] - hz) <= 5 * spacing]

    assert abs(found - hz) <= spacing
    power = near["density"].sum() * spacing - len(near) * spacing * 2 / RATE
    assert power == pytest.approx(amplitude**2 / 2, rel=0.1)


@pytest.mark.parametrize("count", [256, 1000, 70_001])
def test_the_frequencies_and_the_density_are_those_of_the_whole_run(count):
    values = noise(count) + hum(count, 120, 0.3) + np.linspace(0, 2, count)
    density = power_density.power_density(series(values))

    length = density.attrs["frames_of_segment"]
    frequency, expected = scipy.signal.welch(values, RATE, nperseg=length)
    np.testing.assert_allclose(density["frequency"], frequency[1:], rtol=1e-9)
    np.testing.assert_allclose(density["density"], expected[1:], rtol=1e-9)


def test_noise_without_a_line_has_none_whatever_its_slope():
    for seed in range(100):
        white = noise(2000, seed=seed)
        for values in (white, np.cumsum(white)):
            assert power_density.strongest_line(power_density.power_density(series(values))) is None


def test_only_the_longest_run_without_a_lost_frame_counts_in_whatever_order_frames_come():
    values = noise(3000)
    gappy = series(values, lost=[100, 1500, 1501])
    shuffled = gappy.isel(time=np.random.default_rng(5).permutation(gappy.size))

    density = power_density.power_density(shuffled)

    assert density.attrs["frames"] == 1498
    assert density.attrs["seconds"] == pytest.approx(1.497)
    pd.testing.assert_frame_equal(density, power_density.power_density(series(values[1502:])))


def test_a_value_that_is_none_ends_a_run_and_jitter_does_not():
    values = noise(1000)
    values[400] = np.nan
    jittered = series(values)
    jitter = np.random.default_rng(3).integers(-200_000, 200_000, 1000).astype("m8[ns]")

    run = power_density.longest_run(jittered.assign_coords(time=jittered["time"].to_numpy() + jitter))

    np.testing.assert_array_equal(run, values[401:])


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], noise(255)])
def test_few_frames_make_no_spectrum(values):
    density = power_density.power_density(series(values))

    assert density.empty
    assert density.attrs["frames"] == len(values) if len(values) > 1 else density.attrs["frames"] == 0


def test_pixels_that_are_missing_do_not_show_in_the_mean_of_a_camera():
    generator = np.random.default_rng(2)
    level = generator.uniform(10, 500, (4, 4))  # what each pixel shows without light differs widely
    light = hum(2000, 120, 5.0)
    images = np.round(level + light[:, None, None]).astype("u2")
    valid = generator.random((2000, 4)) > 0.1
    images[:, :2, :2][~valid[:, 0]] = 0
    images[:, :2, 2:][~valid[:, 1]] = 0
    images[:, 2:, 2:][~valid[:, 2]] = 0
    images[:, 2:, :2][~valid[:, 3]] = 0
    raw = xr.Dataset(
        {"images": (("time", "y", "x"), images), "quabo_valid": (("time", "quabo"), valid)},
        {"time": series(light)["time"]},
    )

    mean = power_density.camera_mean(raw)

    seen = valid.any(1)
    np.testing.assert_allclose(mean.to_numpy()[seen], light[seen], atol=0.6)


def test_sizes_are_counted_in_bins_of_equal_ratio():
    sizes = 10 ** np.random.default_rng(4).uniform(1, 3, 5000)
    counted = size_spectrum.counted([*sizes, -1.0, 0.0, np.nan])

    edges = 10 ** (np.arange(8, 25) / 8)
    np.testing.assert_array_equal(counted["events"], np.histogram(sizes, edges)[0])
    np.testing.assert_allclose(counted["low"], edges[:-1])
    assert counted["density"].mean() == pytest.approx(2500, rel=1e-9)  # 5000 events in two decades
    assert counted["above"].tolist() == [(sizes >= low).sum() for low in edges[:-1]]
    assert counted.attrs["left_out"] == 3


@pytest.mark.parametrize("whole", [True, False])
def test_the_sum_of_a_camera_is_that_of_the_pixels_that_count(whole):
    generator = np.random.default_rng(6)
    signal = generator.normal(3, 1, (50, 8, 8))
    mask = (generator.random((8, 8)) > 0.8).astype("u1")
    valid = np.ones((50, 4), bool) if whole else generator.random((50, 4)) > 0.5
    valid[:, 0] = True
    for number, (y, x) in enumerate([(0, 0), (0, 4), (4, 4), (4, 0)]):
        signal[:, y : y + 4, x : x + 4][~valid[:, number]] = np.nan
    good = np.where(mask == 0, signal, np.nan)
    frames = xr.Dataset({"frame_mean": ("time", np.nanmean(good, (1, 2))), "pixel_mask": (("y", "x"), mask)})
    if not whole:
        frames["quabo_valid"] = (("time", "quabo"), valid)

    np.testing.assert_allclose(size_spectrum.camera_sums(frames), np.nansum(good, (1, 2)))


def made(observatory, dataset, **values):
    url = Url(tab="Spectrum", dataset=dataset, **values)
    page = frame.page("observation", warm.PAGES["observation"], observatory, url)
    page.get_root(Document())
    text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))
    takes = [t for t in page.select(Take) if "spectrum" in t.file]
    return SimpleNamespace(text=text, takes=takes)


@pytest.fixture
def shown(night, monkeypatch):
    """Let pages see products as a function has changed their table."""
    found = queries.products(night)
    return lambda change: monkeypatch.setattr(queries, "products", lambda _observatory: change(found))


def without(level, what):
    return lambda found: found[~((found["level"] == level) & (found["what"] == what))]


def taken(take):
    """Numbers below a plot, and those that its lines give in a notebook."""
    scope = {}
    exec(take.line.rpartition("\n")[0], scope)  # noqa: S102 - as somebody would in a notebook
    return pd.read_csv(StringIO(take.csv()), comment="#"), scope


def assert_lines_give_the_numbers(take, name):
    numbers, scope = taken(take)
    assert len(numbers)
    pd.testing.assert_frame_equal(numbers, scope[name], check_dtype=False)
    assert take.picture
    assert "tab=Provenance" in take.source


CASES = [("density", "1.img16", None), ("density", "1.img16", (Level.L1, "img16")), ("counted", "1.ph1024", None),
         ("counted", "1.ph1024", (Level.L2, "showers"))]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_lines_below_a_spectrum_give_its_numbers(night, shown, monkeypatch, case):
    monkeypatch.setattr(sys.modules["hven"], "connect", lambda: night)
    name, dataset, missing = case
    if missing:
        shown(without(*missing))
    (take,) = made(night, dataset).takes

    assert_lines_give_the_numbers(take, name)


def test_images_show_the_power_of_all_their_calibrated_frames(night, shown):
    page = made(night, "1.img16")
    frames = night.open("panoseti.img16", level="L1", detector=1)["frame_mean"]

    numbers, _ = page.takes[0].csv(), shown
    density = pd.read_csv(StringIO(numbers), comment="#")["density"]
    _, expected = scipy.signal.welch(frames, NS / np.median(np.diff(frames["time"]).astype(int)), nperseg=512)
    np.testing.assert_allclose(density, expected[1:], rtol=1e-6)
    assert "2,600 frames, which has 2,600" in page.text


def test_raw_images_say_that_their_pixels_were_read(night, shown):
    shown(without(Level.L1, "img16"))

    assert "mean recorded value" in made(night, "1.img16").text


def test_the_spectrum_is_that_of_the_level_that_is_shown(night):
    assert "mean recorded value" in made(night, "1.img16", level="L0").text
    assert "mean signal" in made(night, "1.img16", level="L1").text


def test_too_few_even_frames_are_said_in_words(night, monkeypatch):
    monkeypatch.setattr(power_density, "LEAST", 2601)

    page = made(night, "1.img16")
    assert "No evenly spaced frames" in page.text
    assert "at most 2,600 follow each other" in page.text
    assert not page.takes


def test_pulse_heights_show_the_sizes_of_their_showers(night):
    page = made(night, "1.ph1024")
    sizes = night.open("panoseti.showers", level="L2", detector=1)["size"].to_numpy()

    counted = pd.read_csv(StringIO(page.takes[0].csv()), comment="#")
    assert counted["events"].sum() == len(sizes) > 0
    assert counted["above"].iloc[-1] == (sizes >= counted["low"].iloc[-1]).sum()
    assert "Size of shower images" in page.text


def test_without_showers_sums_over_the_camera_are_shown_and_named_so(night, shown):
    shown(without(Level.L2, "showers"))

    text = made(night, "1.ph1024").text
    assert "over all unmasked pixels" in text
    assert "hven submit panoseti/showers --shared" in text


def test_without_calibrated_frames_there_are_no_sizes_and_the_command_that_makes_them(night, shown):
    shown(lambda found: found[~((found["level"] != "L0") & found["what"].isin(["ph1024", "showers"]))])

    page = made(night, "1.ph1024")
    assert "No sizes yet" in page.text
    assert "hven submit panoseti/calibrate --shared" in page.text
    assert not page.takes
