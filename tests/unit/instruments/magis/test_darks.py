"""Darks of MAGIS: from simulated images without light to a certified map, and what it makes of drops and shadows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hven
from hven.archive.completeness.facts import gather
from hven.archive.completeness.lines import lines
from hven.archive.completeness.model import Place
from hven.archive.completeness.reach import levels_of
from hven.archive.ingest import Archive
from hven.core.clock import NS, parse_utc
from hven.core.errors import DatasetNotFoundError
from hven.core.settings import EngineSettings, Settings
from hven.instruments import load
from hven.instruments.magis.files.write import write_file
from hven.instruments.magis.simulator import Gradiometer, header
from hven.model.metric import Status

MAGIS = load("magis")
SEEN = Gradiometer(height=160, width=120, atoms=1e5, start_width=5e-4, fringe_period=8.0)
DROPS, DARKS = 12, 30
BEGIN = parse_utc("2025-10-22T05:00:00")
WARM = 60.0 * np.exp(-(((np.arange(160)[:, None] - 45) / 25) ** 2 + ((np.arange(120) - 90) / 20) ** 2))
"""Counts by which the sensor is brighter in a corner than the one offset of the configuration."""

PROBE, DENSITY = 2000.0, 0.5
ATOMS = [40, 120, 30, 90]


def warm(counts):
    return (counts + WARM).round().astype(np.uint16)


def dark(number, rng):
    numbers = {"camera": 1, "drop": number, "time_ns": 0, "flight_ns": 0, "kind": 3}
    electrons = rng.normal(0, SEEN.read_noise, WARM.shape)
    return numbers, warm(SEEN.offset + SEEN.gain * electrons)


def drop(number, rng):
    values = {"camera": 1, "drop": number, "time_ns": 0, "flight": 0.05, "phase": rng.uniform(-3, 3), "width": 5e-4,
              "atoms": SEEN.atoms, "x": 60.0, "dy": 0.5}  # fmt: skip
    return header(values), warm(SEEN.image(values, rng))


def shadow(number, rng):
    """An image with atoms, even drops, or without, odd ones."""
    through = np.full(WARM.shape, PROBE)
    top, bottom, left, right = ATOMS
    if number % 2 == 0:
        through[top:bottom, left:right] *= np.exp(-DENSITY)
    numbers = {"camera": 1, "drop": number // 2, "time_ns": 0, "flight_ns": 0, "kind": 1 + number % 2}
    return numbers, warm(SEEN.offset + rng.poisson(through))


def series(folder, name, second, images, *, shown="camera"):
    """A series of one file, an image each third of a second."""
    stamp = f"20251022T05{second // 60:02d}{second % 60:02d}Z"
    path = folder / f"{name}.{stamp}.series"
    path.mkdir(parents=True)
    shadows = {"pixel_m": 5e-6, "wavelength_m": 461e-9, "atoms": ATOMS}
    (path / "series.json").write_text(json.dumps({**SEEN.configuration, "shadows": {"1": shadows}}))
    timed = [({**n, "time_ns": BEGIN + second * NS + k * NS // 3}, pixels) for k, (n, pixels) in enumerate(images)]
    write_file(path / f"{shown}_1.0000.drops", timed)
    (path / "series_complete").touch()


@pytest.fixture(scope="module")
def obs(tmp_path_factory):
    """Drops and shadows of a warm sensor, and two series of each without light."""
    folder = tmp_path_factory.mktemp("darks")
    rng = np.random.default_rng(3)
    raw = folder / "raw"
    series(raw, "drops", 0, [drop(n, rng) for n in range(DROPS)])
    series(raw, "shadows", 60, [shadow(n, rng) for n in range(4)], shown="shadow")
    for number in range(2):
        series(raw, f"dark{number}", 120 + 60 * number, [dark(n, rng) for n in range(DARKS)])
        series(raw, f"lid{number}", 300 + 60 * number, [dark(n, rng) for n in range(DARKS)], shown="shadow")
    for name in ("data", "state"):
        (folder / name).mkdir()
    settings = Settings(
        root=folder / "data", state=folder / "state", instruments=("magis",), engine=EngineSettings(kind="inprocess")
    )
    with hven.connect(settings) as opened:
        archive = Archive(settings, opened.registry, [MAGIS])
        assert not archive.ingest([raw]).errors
        archive.close()
        yield opened


@pytest.fixture(scope="module")
def before(obs):
    """Drops as they are measured without a dark."""
    obs.process("magis/analyse", shared=True, where='observation < "drops~"').raise_for_failures()
    return drops(obs)


@pytest.fixture(scope="module")
def taken(obs, before):
    return {
        raw: obs.calib.take(f"magis/{raw}.dark", shared=True, begin="2025-10-22T04:00", end="2025-10-23")
        for raw in ("images", "shadows")
    }


def drops(obs):
    return obs.open("magis.drops", observation="drops.20251022T050000Z", chunks=None)


@pytest.mark.parametrize("raw", ["images", "shadows"])
def test_the_certified_dark_is_that_of_the_sensor(obs, taken, raw):
    (verdict,) = taken[raw].verdicts
    found = obs.open_product(obs.calibration(f"magis.{raw}.dark", BEGIN, detector=1), chunks=None)

    assert verdict.status is Status.OK
    assert {p.ref.data_id["observation"].partition(".")[0][:-1] for p in taken[raw].selection.build} <= {"dark", "lid"}
    truth = SEEN.offset + WARM
    assert float(np.abs(found["pedestal"] - truth).mean()) < 4 * SEEN.gain * SEEN.read_noise / np.sqrt(DARKS)
    assert found["pedestal"].shape == (160, 120)
    assert found["pedestal"].attrs["units"] == "count"
    noise = np.hypot(SEEN.gain * SEEN.read_noise, np.sqrt(1 / 12))
    assert float(found["noise"].median()) == pytest.approx(noise, rel=0.1)


def test_series_with_light_have_no_dark_frames_and_are_left_out(taken):
    assert any("drops." in why and "has no such frames" in why for why in taken["images"].selection.left_out.values())


def test_drops_are_measured_against_the_certified_dark_and_say_which(obs, before, taken):
    def off(found):
        return float(np.abs(found["atoms_1"] / (SEEN.atoms / 2) - 1).mean())

    (product,) = obs.calib.stale()[:1]
    obs.process("magis/analyse", shared=True, observation="drops.20251022T050000Z").raise_for_failures()
    after = drops(obs)
    made = obs.one("magis.drops", observation="drops.20251022T050000Z")
    used = next(i for i in obs.provenance(made).inputs if i.role == "calibration")

    assert product.why.startswith("L1/magis.images.dark: ")
    assert used.id == taken["images"].certified[0].product_id
    assert off(after) < 0.02 < off(before)


def test_shadows_without_dark_images_take_the_certified_dark(obs, taken):
    obs.process("magis/absorption", shared=True, observation="shadows.20251022T050100Z").raise_for_failures()
    made = obs.one("magis.densities", observation="shadows.20251022T050100Z")
    density = obs.open_product(made, chunks=None)["density"].values
    top, bottom, left, right = ATOMS

    assert density[:, top + 8 : bottom - 8, left + 8 : right - 8].mean() == pytest.approx(DENSITY, abs=0.01)
    used = next(i for i in obs.provenance(made).inputs if i.slot == "dark")
    assert (used.role, used.id) == ("calibration", taken["shadows"].certified[0].product_id)


def test_without_any_dark_it_is_said_how_to_get_one(obs, taken):
    (valid,) = taken["shadows"].certified
    name = "magis/calib/shadows.dark"
    obs.calib.decertify(valid.product_id, valid.begin_ns, valid.end_ns, name, why="for a moment")
    report = obs.process("magis/absorption", observation="shadows.20251022T050100Z")
    obs.calib.certify(valid.product_id, valid.begin_ns, valid.end_ns, name, why="again")

    assert "hven calib take magis/shadows.dark" in report.failed[0].error


def test_a_dark_is_ruled_out_as_soon_as_a_series_from_which_it_was_made_is_marked(obs, taken):
    used = taken["shadows"].selection.build[0].ref.data_id["observation"]
    mark = obs.annotate("lid was open", bad=True, observation=used)
    report = obs.process("magis/absorption", observation="shadows.20251022T050100Z")
    told = obs.explain("magis.shadows.dark", "L1")
    obs.retract(mark, "it was shut")

    assert "hven calib take magis/shadows.dark" in report.failed[0].error
    assert "made from L1/magis.shadows.pedestals" in told.broken.text
    assert str(mark) in told.broken.text
    assert obs.explain("magis.shadows.dark", "L1").broken is None
    obs.process("magis/absorption", observation="shadows.20251022T050100Z").raise_for_failures()


def test_a_dark_of_another_size_is_refused(obs, taken):
    from hven.core.errors import DataError
    from hven.model.task import Inputs
    from hven.tasks.fringes.dark import dark_plane

    found = obs.open_product(obs.calibration("magis.images.dark", BEGIN, detector=1), chunks=None)
    with pytest.raises(DataError, match=r"\(160, 120\) pixels, the images have \(80, 120\)"):
        dark_plane(Inputs({"dark": found}, {}), (80, 120))


def test_nothing_fits_where_no_series_is_dark(obs, taken):
    with pytest.raises(DatasetNotFoundError, match="has no such frames"):
        obs.calib.build("magis/images.dark", observation="drops.20251022T050000Z")


def test_of_series_without_light_only_darks_are_made_and_nothing_else_is_missed(obs, before, taken):
    facts = gather(obs.root, obs.registry, Place("magis", 20251021))
    kept = {line.observation.partition(".")[0]: line for line in lines(facts, (), MAGIS)}
    for pipeline in ("magis/analyse", "magis/absorption"):
        obs.process(pipeline, shared=True).raise_for_failures()
    made = {p.ref.data_id["observation"].partition(".")[0] for name in ("magis.drops", "magis.clouds")
            for p in obs.query(name, level="L2")}  # fmt: skip

    assert {name for name, line in kept.items() if line.levels} == made == {"drops", "shadows"}
    assert kept.keys() == made | {"dark0", "dark1", "lid0", "lid1"}
    told = obs.explain("magis.drops", observation=kept["dark0"].observation)
    assert told.broken.text == "there, but fringes.measure_drops makes nothing of data that are dark"


def test_completeness_expects_no_level_that_only_makes_darks():
    assert levels_of(MAGIS) == {"magis.images": ("L2",), "magis.shadows": ("L1", "L2")}
    assert levels_of(MAGIS, ("dark",)) == {"magis.images": (), "magis.shadows": ()}
    assert set(levels_of(load("panoseti")).values()) == {("L1", "L2")}
