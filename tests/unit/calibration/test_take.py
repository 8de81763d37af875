"""From a calibration set to certified products, and what they are used for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import calibration_sets as sets
import campaign_site
import numpy as np
import pytest
from typer.testing import CliRunner

from hven.batch.calibration_jobs import process_in_jobs
from hven.batch.model import JobClass
from hven.calibration.select import unfit
from hven.calibration.take import take
from hven.calibration.workshop import Workshop
from hven.cli.main import app
from hven.core.clock import NS
from hven.core.errors import ConfigurationError, ConflictError, DatasetNotFoundError
from hven.model.metric import Status
from hven.model.query import DataQuery
from hven.registry.rebuild import rebuild

FLAT = "panoseti/flat"
DAY = 86400 * NS
KEYS = {"instrument": "panoseti", "day_obs": 20251021, "observation": "crab", "detector": 1}


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """A flat of two detectors, of which the second responds otherwise every hour; one observation is bad."""
    with sets.observatory(tmp_path_factory.mktemp("taken") / "site") as obs:
        sets.add(obs, "sky.1", "sky.2", "sky.3", "broken", drift=(2,), bad=("broken",))
        yield obs, obs.calib.take(FLAT, shared=True, day_obs=20251021)


@pytest.fixture
def obs(tmp_path):
    with sets.observatory(tmp_path / "site") as opened:
        yield opened


def test_a_good_flat_is_certified_for_the_declared_time(taken):
    obs, result = taken
    good = obs.open_product(obs.calibration("panoseti.flat", sets.BEGIN, detector=1), chunks=None)
    pull = (good["gain"].values - sets.response(1)) / good["gain_error"].values

    assert np.std(pull) == pytest.approx(1.0, abs=0.15)
    assert np.abs(good["gain"].values / sets.response(1) - 1).max() < 0.01
    (entry,) = obs.calib.certifications()
    assert (entry.collection, entry.who) == ("panoseti/calib/flat", obs.user)
    assert entry.validity.end_ns - entry.validity.begin_ns == 90 * DAY
    assert entry.why.startswith(f"verified ok by {result.verdicts[0].table.id}: calibration_offset ")


def test_a_detector_that_drifts_is_not_certified_and_keeps_no_other_from_being(taken):
    _, result = taken

    assert [v.status for v in result.verdicts] == [Status.OK, Status.ERROR]
    assert [v.product_id for v in result.certified] == [result.verdicts[0].product.id]
    assert result.verdicts[1].why.startswith("calibration_residual 0.")
    assert result.status == Status.ERROR


def test_frames_held_out_and_frames_of_bad_quality_are_not_used(taken):
    obs, result = taken
    chosen = {p.ref.data_id["observation"] for p in result.selection.build}
    held_out = {p.ref.data_id["observation"] for p in result.selection.held_out}
    used = {i.id for i in obs.provenance(result.verdicts[0].product).inputs}

    assert (chosen, held_out) == ({"sky.1", "sky.2"}, {"sky.3"})
    assert used == {p.id for p in result.selection.build if p.ref.data_id["detector"] == 1}
    assert all("observation=broken" in reason and "live_fraction bad" in reason
               for reason in result.selection.left_out.values())  # fmt: skip
    assert len(result.selection.left_out) == 2


def test_what_people_marked_bad_is_not_used_and_it_is_said_who_marked_it(taken):
    obs, result = taken
    mark = obs.annotate("light leak", bad=True, observation="sky.1")
    reasons = unfit(SimpleNamespace(registry=obs.registry), SimpleNamespace(quality=None), result.selection.build)
    obs.retract(mark, "it was another one")

    named = {p.ref.data_id["observation"]: reasons.get(p.id, "") for p in result.selection.build}
    assert "light leak" in named["sky.1"]
    assert named["sky.2"] == ""


def test_what_was_verified_is_opened_by_default_and_its_metrics_name_it(taken):
    obs, result = taken
    verdict = result.verdicts[0]

    assert obs.one("panoseti.flat", detector=1) == verdict.product
    inputs = {i.slot: i.id for i in obs.provenance(verdict.table).inputs}
    assert inputs["candidate"] == verdict.product.id
    assert inputs["held_out"] != verdict.product.id
    assert set(obs.quality(verdict.table)["status"]) == {Status.OK}


def test_a_rebuilt_registry_knows_the_same_validities_and_books(taken):
    obs, _ = taken
    before = obs.calib.certifications(), obs.calib.certifications(history=True)

    rebuild(obs.settings.registry_url, obs.root)

    assert (obs.calib.certifications(), obs.calib.certifications(history=True)) == before


def test_what_overlaps_is_refused_before_anything_is_made_and_superseded_on_request(taken):
    obs, result = taken
    runs = len(obs.registry.collections())
    later = sets.BEGIN + 10 * DAY

    with pytest.raises(ConflictError, match=f"already holds {result.certified[0].product_id}"):
        obs.calib.take(FLAT, shared=True, day_obs=20251021, detector=1, begin=later)
    assert len(obs.registry.collections()) == runs

    again = obs.calib.take(
        FLAT, shared=True, where='observation != "sky.1"', detector=1, begin=later, end=later + DAY, supersede=True
    )

    first, second = result.certified[0].product_id, again.certified[0].product_id
    valid = [
        (c.validity.product_id, (c.validity.end_ns - c.validity.begin_ns) // DAY) for c in obs.calib.certifications()
    ]
    assert valid == [(first, 10), (second, 1), (first, 79)]
    assert [obs.calibration("panoseti.flat", at, detector=1).id for at in (later - 1, later, later + DAY)] == [
        first, second, first,
    ]  # fmt: skip


def test_one_observation_leaves_nothing_to_verify_on(obs):
    sets.add(obs, "sky.1")

    with pytest.raises(ConfigurationError, match=r"sky\.1.* is the only observation"):
        obs.calib.take(FLAT, shared=True)
    with pytest.raises(DatasetNotFoundError, match=r"no L1/panoseti\.img16\.pedestals to make flat from"):
        obs.calib.build(FLAT, observation="none")
    with pytest.raises(DatasetNotFoundError, match=r"no L1/panoseti\.img16\.pedestals to make flat from"):
        obs.calib.take(FLAT, observation="none")


def test_a_calibration_is_not_verified_on_frames_that_made_it(obs):
    sets.add(obs, "sky.1", "sky.2", detectors=(1,))
    made = obs.calib.build(FLAT)

    (verdict,) = obs.calib.verify(FLAT, made)

    assert verdict.accepted
    assert [p.run.split("/")[:2] for p in made] == [["u", obs.user]]
    with pytest.raises(ConfigurationError, match="was not made from"):
        obs.calib.verify(FLAT, made, observation="sky.1")


def test_products_made_stale_are_listed_made_again_and_say_what_was_used(obs):
    sets.put(obs, "L0/panoseti.img16", KEYS, sets.frames(40))
    obs.process("panoseti/calibrate", observation="crab", shared=True).raise_for_failures()
    old = obs.one("panoseti.img16", "L1", observation="crab")
    sets.add(obs, "sky.1", "sky.2", detectors=(1,))
    assert obs.calib.stale() == []

    obs.calib.take(FLAT, shared=True, where='observation > "sky"', begin=sets.BEGIN)
    flat = obs.calibration("panoseti.flat", sets.BEGIN, detector=1)

    (stale,) = obs.calib.stale()
    assert stale.product == old
    assert stale.why == f"L1/panoseti.flat: {flat.id} is valid, none was used"
    (job,) = obs.calib.redo([stale])
    assert (job.request.pipeline, job.request.shared) == ("panoseti/calibrate", True)
    assert job.request.values["observation"] == ("crab",)
    obs.process(job.request.pipeline, shared=True, **job.request.values).raise_for_failures()
    new = obs.one("panoseti.img16", "L1", observation="crab")
    used = next(i for i in obs.provenance(new).inputs if i.slot == "gain")
    assert (used.role, used.id, used.digest) == ("calibration", flat.id, flat.digest)
    assert obs.calib.stale() == []

    span = {"begin": sets.BEGIN + 120 * NS, "end": sets.BEGIN + 180 * NS}  # of the flat's frames, not of the crab's
    mark = obs.annotate("lamp", bad=True, detector=1, **span)
    assert "none is valid" in obs.calib.stale()[0].why
    obs.retract(mark, "it was off")

    obs.calib.decertify(flat, 0, 2**62, "panoseti/calib/flat", why="a cloud")

    assert [s.why for s in obs.calib.stale()] == [f"L1/panoseti.flat: none is valid, {flat.id} was used"]


def test_darks_are_means_of_their_cells_without_those_that_have_light(obs):
    sets.add(obs, "dark.1", "dark.2", "dark.3", detectors=(1,), name="ph1024")
    lit = sets.cells(3 * sets.response(1), np.random.default_rng(0), sets.BEGIN + 9 * sets.HOUR, "ph1024")
    sets.put(obs, "L1/panoseti.ph1024.pedestals", {**KEYS, "observation": "lit"}, lit)
    sets.put(obs, "L2/panoseti.ph1024.qc", {**KEYS, "observation": "lit"}, sets.quality(1.0, sets.BEGIN))

    (dark,) = obs.calib.build("panoseti/ph1024.dark", where='observation != "dark.1"')

    found = obs.open_product(dark, chunks=None)
    assert found["count"].values.min() == 2 * sets.CELLS * sets.FRAMES
    pull = (found["pedestal"] - sets.LIGHT * sets.response(1)) / found["pedestal_error"]
    assert float(pull.std()) == pytest.approx(1.0, abs=0.2)


def test_the_commands_take_list_and_take_back(obs, tmp_path, monkeypatch):
    file = tmp_path / "site.yaml"
    file.write_text(f"root: {obs.root}\nstate: {obs.settings.state}\nengine: {{kind: inprocess}}\n")
    monkeypatch.setenv("HVEN_SITE", str(file))
    sets.add(obs, "sky.1", "sky.2", detectors=(1,))

    def run(*words):
        done = CliRunner().invoke(app, ["calib", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "panoseti/flat  L1/panoseti.flat" in run("known")
    result = json.loads(run("take", FLAT, "--shared", "--end", "2026-01-01", "--json"))
    assert (result["status"], [p["certified"] for p in result["products"]]) == ("ok", [True])
    assert "verified ok" in run("list")
    product = result["products"][0]["id"]
    span = ("--begin", "2025-11-01", "--end", "2026-01-01")
    run("decertify", product, "panoseti/calib/flat", *span, "--why", "frost")
    history = run("list", "--collection", "panoseti/calib/flat", "--history").splitlines()
    assert [line.split()[0] for line in history] == ["certify", "decertify"]
    assert history[1].endswith("frost")
    assert json.loads(run("stale", "--json")) == {"stale": [], "jobs": []}


def test_a_control_system_gets_products_certified_and_a_verdict_through_jobs(obs):
    sets.add(obs, "sky.1", "sky.2", detectors=(1,))
    process = process_in_jobs(obs.jobs, obs.registry, job_class=JobClass.OCS_DRIVEN)
    workshop = Workshop(obs.root, obs.registry, obs.instruments["panoseti"], process, user="ocs")

    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(take, workshop, FLAT, DataQuery.of(detector=1))
        campaign_site.until(lambda: campaign_site.work_off(obs.settings) + 1 and taking.done())
        taken = taking.result()

    assert taken.status == Status.OK
    assert obs.calibration("panoseti.flat", sets.BEGIN, detector=1).id == taken.certified[0].product_id
    assert [job.request.pipeline.partition("#")[0] for job in reversed(obs.jobs.find())] == [
        "panoseti/calibrations", "panoseti/calibrations", "panoseti/verify",
    ]  # fmt: skip
