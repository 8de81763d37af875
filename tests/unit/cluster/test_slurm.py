"""Dask workers as jobs of a real Slurm; what every engine does is in tests/contracts/test_engines.py."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from private_slurm import wait_for

from hven.cluster.make import make_engine
from hven.cluster.slurm import SlurmEngine
from hven.core.errors import ConfigurationError, OutOfMemoryError, SettingsError, WorkerLostError
from hven.core.settings import EngineSettings, Profile, SlurmClass, load_settings


def whole():
    """Functions that travel whole: nodes do not know the tests."""

    def kill_on_three(number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    def take_memory(megabytes):
        block = bytearray(megabytes << 20)
        time.sleep(3 if megabytes > 300 else 0)
        return len(block)

    def where(seconds):
        time.sleep(seconds)
        return os.environ["SLURM_JOB_ID"], os.environ["SLURM_JOB_QOS"], sorted(os.environ)

    return kill_on_three, take_memory, where


kill_on_three, take_memory, where = whole()


@pytest.fixture(scope="module")
def engine(slurm):
    settings = EngineSettings(kind="slurm", profiles={"medium": Profile(workers=2, memory_gb=0.6)})
    with make_engine(settings, slurm=slurm.settings(), job_class="calibration") as engine:
        yield engine


def test_workers_are_slurm_jobs_of_the_jobs_class_and_know_nothing_of_its_environment(engine, monkeypatch):
    found = [outcome.value for outcome in engine.map(where, [0.2] * 4)]
    assert {qos for _, qos, _ in found} == {"hven-calibration"}
    assert "PYTEST_CURRENT_TEST" not in {name for _, _, names in found for name in names}


def test_item_that_kills_its_worker_fails_alone(engine):
    outcomes = {o.index: o for o in engine.map(kill_on_three, range(8))}
    assert isinstance(outcomes.pop(3).error, WorkerLostError)
    assert {i: o.value for i, o in outcomes.items()} == {i: i for i in range(8) if i != 3}


def test_item_that_takes_too_much_memory_is_told_apart(engine):
    outcomes = {o.index: o for o in engine.map(take_memory, [1, 900, 2])}
    assert isinstance(outcomes[1].error, OutOfMemoryError)
    assert [outcomes[i].error for i in (0, 2)] == [None, None]


def test_a_worker_that_slurm_ends_costs_no_result_and_is_replaced(slurm, engine):
    before = set(slurm.jobs())
    outcomes = engine.map(where, [0.2] * 12)
    lost = next(outcomes).value[0]
    slurm.ask("scancel", lost)

    rest = list(outcomes)

    assert [o.error for o in rest] == [None] * 11
    assert lost in before
    wait_for(lambda: len(set(slurm.jobs()) - {lost}) == len(before))


def test_keys_are_the_owners_alone_and_stand_in_no_job(slurm, engine):
    (folder,) = slurm.spool.iterdir()
    key = (folder / "cluster.key").read_text()
    assert folder.stat().st_mode & 0o077 == (folder / "cluster.key").stat().st_mode & 0o077 == 0
    jobs = slurm.ask("scontrol", "show", "job", "--details")
    assert str(folder) in jobs
    written = [
        file.read_bytes() for name in ("ctld", "slurmd") for file in (slurm.folder / name).rglob("*") if file.is_file()
    ]
    assert not any(line.encode() in text for line in key.split("\n")[1:3] for text in [jobs.encode(), *written])


def test_close_ends_the_jobs_and_removes_the_keys(slurm):
    others = set(slurm.jobs())
    engine = SlurmEngine(Profile(workers=1, memory_gb=0.6), slurm.settings())
    own = set(slurm.jobs()) - others
    folders = set(slurm.spool.iterdir())
    engine.close()
    assert own
    wait_for(lambda: not own & set(slurm.jobs()))
    assert len(set(slurm.spool.iterdir())) == len(folders) - 1


def test_what_slurm_refuses_is_an_error_with_its_reason(slurm):
    settings = slurm.settings().model_copy(update={"classes": {"data-access": SlurmClass(qos="luxury")}})
    folders = set(slurm.spool.iterdir())
    with pytest.raises(ConfigurationError, match=r"(?i)qos"):
        SlurmEngine(Profile(workers=1), settings)
    assert set(slurm.spool.iterdir()) == folders


def test_a_spool_that_is_not_there_is_named(slurm):
    settings = slurm.settings().model_copy(update={"spool": Path("/nowhere")})
    with pytest.raises(ConfigurationError, match="/nowhere"):
        SlurmEngine(Profile(workers=1), settings)


def test_an_engine_in_slurm_needs_a_cluster_in_the_site_file(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("root: data\nstate: state\nengine: {kind: slurm}\n")
    with pytest.raises(SettingsError, match="section slurm"):
        load_settings(site, environ={})
