"""A time that somebody has marked bad takes out its frames, not the observation, from darks and their pedestals."""

from __future__ import annotations

import shutil

import calibration_sets as sets
import numpy as np
import pytest
import small_night

from hven.core.clock import NS
from hven.core.errors import CalibrationMissingError, DatasetNotFoundError
from hven.model.frames import QUALITY_FLAGS
from hven.pipeline.calibrations import Calibrations

DARK = "panoseti/img16.dark"
FRAMES_STEPS = "panoseti/nightly#frames"
FRAMES = 400
HOT = slice(90, 150)
"""A minute, from the middle of one cell to the middle of the next."""

LIT = {"begin": sets.BEGIN + 90 * NS, "end": sets.BEGIN + 150 * NS}


def frames(number, *, hot=False):
    """One frame a second of a camera without light, but for a minute where it was lit."""
    random = np.random.default_rng(number)
    dataset = small_night.blank("L0/panoseti.img16", time=FRAMES).drop_vars("time")
    images = random.poisson(20.0, (FRAMES, 32, 32))
    images[HOT] += 300 if hot else 0
    times = np.datetime64(sets.BEGIN + number * sets.HOUR, "ns") + np.arange(FRAMES) * np.timedelta64(1, "s")
    there = np.ones(dataset["quabo_valid"].shape, bool)
    return dataset.assign(
        images=(("time", "y", "x"), images.astype(dataset["images"].dtype)), quabo_valid=(("time", "quabo"), there)
    ).assign_coords(time=times)


def keys(observation):
    return {"instrument": "panoseti", "day_obs": 20251021, "observation": observation, "detector": 1}


def shut(obs, first):
    """Three observations of which the first is given, with what quality says of them."""
    for number, dataset in enumerate((first, frames(1), frames(2))):
        sets.put(obs, "L0/panoseti.img16", keys(f"dark.{number}"), dataset)
        quality = sets.quality(1.0, sets.BEGIN + number * sets.HOUR)
        sets.put(obs, "L2/panoseti.img16.qc", keys(f"dark.{number}"), quality)
    prepare(obs)


def prepare(obs):
    obs.process("panoseti/calibrate#pedestals", shared=True).raise_for_failures()


@pytest.fixture(scope="module")
def lit_site(tmp_path_factory):
    """Folder of an observatory, which nobody changes."""
    folder = tmp_path_factory.mktemp("lit") / "site"
    with sets.observatory(folder) as opened:
        shut(opened, frames(0, hot=True))
    return folder


@pytest.fixture
def lit(lit_site, tmp_path):
    shutil.copytree(lit_site, tmp_path / "site")
    with sets.reopened(tmp_path / "site") as opened:
        yield opened


def certified(obs):
    prepare(obs)
    obs.calib.take(DARK, shared=True, detector=1, end="2026-01-01")
    return obs.open_product(obs.calibration("panoseti.img16.dark", sets.BEGIN, detector=1), chunks=None)


def test_the_certified_dark_is_that_of_the_frames_that_nobody_marked(lit, tmp_path):
    lit.annotate("door open", bad=True, detector=1, **LIT)
    made = certified(lit)

    with sets.observatory(tmp_path / "without") as other:
        shut(other, frames(0).isel(time=np.r_[0 : HOT.start, HOT.stop : FRAMES]))
        true = certified(other)

    assert made.equals(true)
    assert np.abs(made["pedestal"] - 20.0).max() < 6 * made["pedestal_error"].max()
    assert int(made["count"].max()) == 2 * FRAMES - (HOT.stop - HOT.start)


def test_pedestals_say_which_frames_they_left_out_and_are_made_again_for_a_mark_only(lit):
    before = lit.one("panoseti.img16.pedestals", "L1", observation="dark.0")
    mark = lit.annotate("door open", bad=True, detector=1, **LIT)
    prepare(lit)
    pedestals = lit.one("panoseti.img16.pedestals", "L1", observation="dark.0")
    raw = lit.one("panoseti.img16", "L0", observation="dark.0")

    assert lit.provenance(pedestals).notes["left_out"] == {
        raw.id: {"times": [[LIT["begin"], LIT["end"]]], "rows": HOT.stop - HOT.start}
    }
    assert lit.open("panoseti.img16.pedestals", "L1", observation="dark.0")["frames"].values.sum() == FRAMES - 60
    others = {lit.one("panoseti.img16.pedestals", "L1", observation=f"dark.{n}").created_ns for n in (1, 2)}
    assert max(others) < mark.at_ns < pedestals.created_ns

    lit.retract(mark, "it was another door")
    prepare(lit)
    assert lit.one("panoseti.img16.pedestals", "L1", observation="dark.0").digest == before.digest


def test_a_minute_without_pedestals_is_calibrated_with_those_of_all_others_and_says_so(lit):
    lit.annotate("door open", bad=True, detector=1, begin=sets.BEGIN + 60 * NS, end=sets.BEGIN + 180 * NS)
    lit.process("panoseti/calibrate", shared=True).raise_for_failures()
    key = {"level": "L1", "observation": "dark.0", "detector": 1}
    whole, outside = lit.open("panoseti.img16", bad=True, **key), lit.open("panoseti.img16", **key)

    without = (whole["quality"].values & QUALITY_FLAGS["no_pedestal"]) > 0
    assert np.flatnonzero(without).tolist() == list(range(60, 180))
    assert abs(float(whole["signal"][60:90].mean())) < 0.1
    assert float(whole["signal"][HOT].mean()) == pytest.approx(300.0, abs=0.5)
    assert outside.sizes["time"] == FRAMES - 120
    assert np.abs(outside["frame_mean"].values).max() < 1.0


def test_what_was_made_before_a_mark_and_all_that_came_of_it_is_stale_until_it_is_made_again(lit):
    lit.calib.take(DARK, shared=True, detector=1, end="2026-01-01")
    lit.process(FRAMES_STEPS, shared=True).raise_for_failures()
    assert lit.calib.stale() == []
    pedestals = lit.one("panoseti.img16.pedestals", "L1", observation="dark.1")
    dark = lit.calibration("panoseti.img16.dark", sets.BEGIN + 3 * sets.HOUR, detector=1)
    with_dark = lit.one("panoseti.img16", "L1", observation="dark.2")
    assert pedestals.id in lit.registry.inputs_of(dark.id)

    part = {"begin": sets.BEGIN + sets.HOUR, "end": sets.BEGIN + sets.HOUR + 30 * NS}
    mark = lit.annotate("door open", bad=True, observation="dark.1", **part)
    stale = {s.product.id: s.why for s in lit.calib.stale()}
    assert stale[pedestals.id].endswith(f"observation=dark.1, detector=1) are {mark}")
    assert stale[dark.id].endswith(str(mark))
    assert stale[with_dark.id] == f"L1/panoseti.img16.dark: none is valid, {dark.id} was used"
    assert lit.one("panoseti.img16.pedestals", "L1", observation="dark.0").id not in stale

    jobs = lit.calib.redo([s for s in lit.calib.stale() if s.product == pedestals])
    for job in jobs:
        lit.process(job.request.pipeline, shared=True, **job.request.values).raise_for_failures()
    lit.calib.take(DARK, shared=True, detector=1, end="2026-01-01", supersede=True)
    lit.process(FRAMES_STEPS, shared=True).raise_for_failures()
    assert lit.calib.stale() == []

    lit.retract(mark, "it was closed")
    stale = {s.product.id: s.why for s in lit.calib.stale()}
    again = lit.one("panoseti.img16.pedestals", "L1", observation="dark.1")
    assert stale[again.id].endswith("observation=dark.1, detector=1) that nobody marks any more")


def test_a_dark_with_an_observation_that_is_marked_is_stale_and_what_cannot_be_made_again_is_not(lit):
    (dark,) = lit.calib.take(DARK, shared=True, detector=1, end="2026-01-01").certified
    held = {lit.registry.get(i).ref.data_id["observation"] for i in lit.registry.inputs_of(dark.product_id)}
    mark = lit.annotate("wrong shutter", bad=True, observation=min(held))

    stale = {s.product.id: s.why for s in lit.calib.stale()}

    assert str(mark) in stale[dark.product_id]
    assert min(held) in stale[dark.product_id]
    assert not any(lit.registry.get(i).ref.type.name == "panoseti.img16.pedestals" for i in stale)


def test_no_dark_is_built_from_what_was_made_before_the_mark(lit):
    lit.annotate("door open", bad=True, detector=1, **LIT)

    with pytest.raises(DatasetNotFoundError, match=r"dark\.0, .*made with frames that are marked bad .*again"):
        lit.calib.build(DARK, observation="dark.0")


def test_a_dark_is_ruled_out_at_once_whether_its_frames_are_marked_by_detector_time_or_observation(lit):
    lit.calib.take(DARK, shared=True, detector=1, end="2026-01-01")
    dark = lit.calibration("panoseti.img16.dark", sets.BEGIN + 3 * sets.HOUR, detector=1)
    used = sorted(lit.registry.get(i).ref.data_id["observation"] for i in lit.registry.inputs_of(dark.id))
    part = {"begin": dark.begin_ns, "end": dark.begin_ns + 30 * NS}

    def made_with():
        lit.process(FRAMES_STEPS, shared=True, observation="dark.2").raise_for_failures()
        return dark.id in {i.id for i in lit.provenance(lit.one("panoseti.img16", "L1", observation="dark.2")).inputs}

    assert made_with()
    for where in ({"detector": 1}, {"detector": 1, **part}, {"observation": used[0]}, {"observation": used[0], **part}):
        mark = lit.annotate("door open", bad=True, **where)
        told = lit.explain("panoseti.img16.dark", "L1").broken.text
        found = Calibrations(lit.registry, "", marks=[mark]).find(dark.ref, sets.BEGIN + 3 * sets.HOUR)
        assert (str(mark) in told, str(mark) in str(found)) == (True, True), where
        with pytest.raises(CalibrationMissingError, match=f"calibration {dark.id} .*is marked bad by"):
            lit.calibration("panoseti.img16.dark", sets.BEGIN + 3 * sets.HOUR, detector=1)
        assert where.keys() == {"detector"} or not made_with()  # the first leaves nothing to process
        lit.retract(mark, "it was closed")
        assert made_with()


def test_a_dark_that_was_made_after_a_mark_is_used(lit):
    lit.annotate("door open", bad=True, observation="dark.0", **LIT)
    certified(lit)
    lit.process(FRAMES_STEPS, shared=True, observation="dark.2").raise_for_failures()
    dark = lit.calibration("panoseti.img16.dark", sets.BEGIN, detector=1)

    assert "dark.0" in {lit.registry.get(i).ref.data_id["observation"] for i in lit.registry.inputs_of(dark.id)}
    assert dark.id in {i.id for i in lit.provenance(lit.one("panoseti.img16", "L1", observation="dark.2")).inputs}
    assert lit.explain("panoseti.img16.dark", "L1").broken is None
