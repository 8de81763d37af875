from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from small_products import publish, ref

from hven import instruments
from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.runner import this_process

OBSERVATION = "crab.20251022T040000Z"


def cause(obs, name="panoseti.showers", **data_id):
    broken = obs.explain(name, **data_id).broken
    return None if broken is None else f"{broken.about}: {broken.text}"


@pytest.fixture
def raw(obs):
    made = publish(obs.root, "L0/panoseti.ph1024", run="panoseti/raw/all")
    obs.registry.register([made], inputs={})
    return made


def record(obs, state, output, *, ended=1, **more):
    values = {"run": "r", "step": output, "task": "frames.x", "quantum_key": "k", "data_id": ref().data_id}
    obs.registry.record_quanta([QuantumRecord(state=state, outputs=(output,), ended_ns=ended, **{**values, **more})])


def test_what_is_there_has_no_broken_link(obs):
    made = publish(obs.root, "L2/panoseti.showers")
    obs.registry.register([made], inputs={})

    assert cause(obs) is None
    assert "there: 1 dataset" in str(obs.explain("panoseti.showers", detector=1))


def test_no_raw_file(obs):
    assert cause(obs, observation=OBSERVATION) == "L0/panoseti.ph1024: no raw file has arrived"


def test_no_command_is_offered_that_would_make_nothing(obs):
    chain = str(obs.explain("panoseti.showers", observation="nope"))

    assert "hven process" not in chain
    assert "L2/panoseti.showers: not run: what it is made from is missing" in chain


def test_the_command_is_of_the_smallest_pipeline_for_the_data_that_were_asked_for(obs, raw):
    chain = str(obs.explain("panoseti.showers", day_obs=20251021, observation=OBSERVATION, detector=[1, 2]))
    others = str(obs.explain("panoseti.showers", instrument="panoseti"))

    chosen = f"--day-obs 20251021 --observation {OBSERVATION} --detector 1 --detector 2"
    assert f"not run: `hven process panoseti/showers {chosen} --shared` would make it" in chain
    assert f"not run: `hven process panoseti/calibrate {chosen} --shared` would make it" in chain
    assert """`hven process panoseti/showers --where 'instrument in ("panoseti",)' --shared`""" in others
    obs.find("panoseti.showers", where='instrument in ("panoseti",)')


def test_of_several_inputs_that_would_do_the_one_with_raw_files_is_followed(obs):
    made = publish(obs.root, "L0/panoseti.ph256", run="panoseti/raw/all")
    obs.registry.register([made], inputs={})

    assert cause(obs).startswith("L1/panoseti.ph256.pedestals: not run: `hven process panoseti/calibrate")


def test_a_raw_file_that_waits(obs, tmp_path):
    instruments.load("panoseti").simulate(tmp_path / "raw", night=20251021, seed=1, scale=0.01)
    run = next((tmp_path / "raw").rglob("*.pff")).parent
    shutil.copytree(run, obs.root / "incoming" / run.name)

    assert "not ingested" in cause(obs, "panoseti.showers")
    assert "no raw file" in cause(obs, "panoseti.showers", observation="another")


def test_a_raw_file_in_quarantine_and_why(obs):
    folder = obs.root / "quarantine" / "panoseti" / "20251021" / OBSERVATION
    folder.mkdir(parents=True)
    for reason in ("frame 3: no marker", "/in/a.pff: frame 3: no marker", "a.pff: frame 3: no marker"):
        (folder / "a.json").write_text(json.dumps({"path": "/in/a.pff", "reason": reason}))

        assert cause(obs, observation=OBSERVATION).endswith("quarantined: /in/a.pff: frame 3: no marker")
    assert "no raw file" in cause(obs, observation="another")


def test_raw_files_without_such_data(obs):
    (obs.root / "L0" / "panoseti" / "20251021" / OBSERVATION / "raw").mkdir(parents=True)

    assert "raw files are archived" in cause(obs, observation=OBSERVATION)


def test_raw_files_that_could_not_be_converted_and_why(obs):
    (obs.root / "L0" / "panoseti" / "20251021" / OBSERVATION / "raw").mkdir(parents=True)
    output = "L0/panoseti.ph1024"
    record(obs, QuantumState.FAILED, output, task="archive.convert", error="a.pff: frame 5, byte 12700: no quabo")

    text = cause(obs, detector=1)

    assert text.startswith("L0/panoseti.ph1024: task archive.convert failed at 1970")
    assert "a.pff: frame 5, byte 12700: no quabo" in text


def test_a_pipeline_that_has_not_run(obs, raw):
    assert (
        cause(obs) == "L1/panoseti.ph1024.pedestals: not run: `hven process panoseti/calibrate --shared` would make it"
    )


def test_a_task_that_failed_and_its_error(obs, raw):
    record(obs, QuantumState.FAILED, "L1/panoseti.ph1024.pedestals", error="DataError: bad")
    record(obs, QuantumState.BLOCKED, "L1/panoseti.ph1024", error="needs pedestals")

    text = cause(obs, detector=1)

    assert text.startswith("L1/panoseti.ph1024.pedestals: task frames.x failed at 1970")
    assert "DataError: bad" in text


def test_a_task_that_runs_now(obs, raw):
    record(obs, QuantumState.DONE, "L2/panoseti.showers", ended=5)
    record(obs, QuantumState.RUNNING, "L2/panoseti.showers", ended=0, run="s", started_ns=6, runner=this_process())

    assert "task frames.x is running in s since 1970" in cause(obs)


def test_a_task_whose_run_was_killed(obs, raw):
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = this_process().partition(":")[0]
    killed.kill()
    killed.communicate()
    record(obs, QuantumState.RUNNING, "L2/panoseti.showers", ended=0, runner=f"{host}:{killed.pid}:1")

    assert f"its process {killed.pid} has died; run it again" in cause(obs)


def test_a_task_that_runs_on_another_host(obs, raw):
    record(obs, QuantumState.RUNNING, "L2/panoseti.showers", ended=0, runner="node7:12:1")

    assert "on node7, whose processes are not seen from here" in cause(obs)


def test_a_task_that_had_nothing_to_make(obs, raw):
    record(obs, QuantumState.NO_WORK, "L2/panoseti.showers")

    assert "found nothing to make" in cause(obs)


def test_a_product_that_has_expired(obs, raw):
    record(obs, QuantumState.DONE, "L2/panoseti.showers")

    assert "expired" in cause(obs)


def test_another_detectors_failure_is_not_this_ones_cause(obs, raw):
    record(obs, QuantumState.FAILED, "L2/panoseti.showers", data_id=ref(detector=7).data_id)

    assert "not run" in cause(obs, detector=1)


def test_what_only_people_make(obs):
    panoseti = obs.instruments["panoseti"]
    by_hand = replace(obs.dataset_type("panoseti.gain"), name="panoseti.by_hand")
    obs.instruments = {"panoseti": replace(panoseti, dataset_types=(*panoseti.dataset_types, by_hand))}

    assert "certified by a person" in cause(obs, "panoseti.by_hand")


def test_what_is_certified_for_a_time_is_made_by_its_own_command(obs):
    assert "hven calib" not in str(obs.explain("panoseti.gain"))
    made = publish(obs.root, "L0/panoseti.ph1024", run="panoseti/raw/all")
    obs.registry.register([made], inputs={})

    chain = str(obs.explain("panoseti.gain", detector=1))

    assert "`hven calib take panoseti/gain --detector 1 --shared` would make it" in chain


def test_a_calibration_that_is_missing_until_it_is_certified(strict_night):
    obs = strict_night
    report = obs.process("panoseti/showers", shared=True)
    assert {r.state for r in report.records if r.step.endswith(".signal")} == {QuantumState.BLOCKED}

    text = cause(obs, detector=1)

    missing = "L1/panoseti.gain: calibration missing: no calibration L1/panoseti.gain (instrument=panoseti, detector=1)"
    assert text.startswith(f"{missing} is valid at 2025-10-22T")
    assert text.endswith(
        "in panoseti/calib/... Make one with `hven calib take`, or certify one with `hven calib certify`."
    )
    assert "L1/panoseti.ph1024: blocked: no calibration" in str(obs.explain("panoseti.showers", detector=1))
    assert "more)" in cause(obs)

    gain = publish(obs.root, "L1/panoseti.gain", day_obs=None, observation=None)
    obs.registry.register([gain], inputs={})
    obs.certify(gain, "2025-10-21", "2025-10-23", "panoseti/calib/gain")

    assert (
        cause(obs, detector=1)
        == "L1/panoseti.ph1024: not run: `hven process panoseti/calibrate --detector 1 --shared` would make it"
    )
    assert "calibrations are valid" in str(obs.explain("panoseti.showers", detector=1))
    assert "detector=3" in cause(obs, detector=3)
