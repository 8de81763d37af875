"""Pedestals of simulated run directories, read from their files, against the truth catalogue."""

import numpy as np
import pytest
from scipy import stats

from hven.core.clock import parse_utc
from hven.instruments import load
from hven.instruments.panoseti.simulator import PALOMAR, Run, write_run
from hven.model.data_id import DataId
from hven.tasks.frames.measure_pedestals import TASK, PedestalConfig
from hven.testing.tasks import run_task

START = parse_utc("2025-10-22T05:00:00Z")
CYGNUS = (305.557, 40.257)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Pedestals of a product of a run, and the true maps of pedestal and noise."""

    def measure(product, config, **how):
        run = Run("Palomar", START, CYGNUS, telescopes=PALOMAR[:1], **how)
        folder = tmp_path_factory.mktemp(product)
        pixels = write_run(folder, run, seed=3)["pixels"]
        files = sorted((folder / str(run.run_name)).glob(f"*.dp_{product}.*"))
        form = load("panoseti").formats[f"panoseti.{product}"]
        dataset = form.read(files, 0, form.inspect(files).rows)
        ids = {"frames": DataId(instrument="panoseti", detector=PALOMAR[0].module)}
        found = run_task(TASK, {"frames": dataset}, ids, PedestalConfig(**config))["pedestals"]
        return found, {n: pixels[n].to_numpy().reshape(32, 32) for n in ("pedestal", "noise")}

    return measure


@pytest.fixture(scope="module")
def movie(measured):
    return measured("img16", {}, movie_s=10.0, movie_hz=1000.0, pulses=20)


@pytest.fixture(scope="module")
def events(measured):
    """Six cells of some 270 events, of which half are showers; rounding adds a twelfth to the variance."""
    found, truth = measured("ph1024", {"cell_s": 300, "clip": 4.0, "guard": 4}, events_s=1800.0)
    return found, {"pedestal": truth["pedestal"], "noise": np.sqrt(truth["noise"] ** 2 + 1 / 12)}


def differences(made, name):
    found, truth = made
    away = found[name].values.astype(float) - truth[name]
    return away, away / found[f"{name}_error"].values, found["count"].values.astype(float)


@pytest.mark.parametrize("name", ["pedestal", "noise"])
@pytest.mark.parametrize("product", ["movie", "events"])
def test_errors_are_as_predicted_and_there_is_no_bias(request, product, name):
    made = request.getfixturevalue(product)
    away, pull, _ = differences(made, name)
    assert pull.size >= 1024
    assert 0.95 < np.sqrt((pull**2).mean()) < 1.05
    assert abs(away.mean()) < 0.02
    assert abs(away.mean()) < 0.003 * made[1][name].mean()


@pytest.mark.parametrize("name", ["pedestal", "noise"])
def test_every_pixel_of_many_frames_lies_within_predicted_errors(movie, name):
    _, pull, _ = differences(movie, name)
    assert abs(pull).max() < 4.5


def test_every_pixel_of_few_events_lies_within_the_quantiles_of_its_distribution(events):
    """A mean over an estimated error follows Student's distribution, a variance that of chi squared."""
    _, pull, count = differences(events, "pedestal")
    assert abs(stats.norm.ppf(stats.t.cdf(pull, count - 1))).max() < 4.5
    found, truth = events
    ratio = (count - 1) * (found["noise"].values / truth["noise"]) ** 2
    assert abs(stats.norm.ppf(stats.chi2.cdf(ratio, count - 1))).max() < 4.5


def test_without_a_guard_the_rims_of_showers_shift_the_pedestal(measured):
    made = measured("ph1024", {"cell_s": 300, "clip": 4.0}, events_s=900.0)
    assert differences(made, "pedestal")[0].mean() > 0.1


def test_statistics_are_of_all_values_with_and_without_a_guard(measured):
    plain, guarded = (
        measured("ph1024", {"cell_s": 300, "clip": 4.0, "guard": guard}, events_s=300.0)[0] for guard in (0, 4)
    )
    for name in ("mean", "deviation", "minimum", "maximum", "saturated_fraction", "frames"):
        assert guarded[name].identical(plain[name])
    assert (guarded["count"].values <= plain["count"].values).all()
    assert guarded["count"].values.mean() < 0.95 * plain["count"].values.mean()
