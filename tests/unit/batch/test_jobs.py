"""Jobs of a plug-in instrument from estimate to products, with the real executor.

In the real runner where it is about the runner; else in this process, which does the same.
"""

from __future__ import annotations

import os
import signal
import time

import batch_here
import campaign_site
import pytest

from hven.batch.handle import JobHandle
from hven.batch.jobs import DirectJobs
from hven.batch.launcher import DirectLauncher
from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest, JobState
from hven.batch.remote import RemoteJobs
from hven.batch.service import BatchService
from hven.batch.store import JobStore
from hven.cluster.inprocess import InProcess
from hven.core.errors import (
    AccessDeniedError,
    ConfigurationError,
    DatasetNotFoundError,
    QuantumError,
    ServiceUnavailableError,
    UnknownNameError,
)
from hven.core.settings import BatchSettings, EngineSettings, Profile, Settings
from hven.model.data_id import TypeName
from hven.model.query import DataQuery
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

DETECTORS = (1, 2, 3)
ONE_DATABASE = pytest.mark.parametrize("database_settings", ["sqlite"], indirect=True)
"""Of what engines and workers do; `test_service.py` ends runners on both databases."""


@pytest.fixture
def tiny(tmp_path, repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "tests" / "support")
    from tiny_plugin import installed

    with installed(tmp_path / "plugin", monkeypatch) as instrument:
        yield instrument


@pytest.fixture
def site(tmp_path, database_settings):
    (tmp_path / "data").mkdir()
    return Settings(
        root=tmp_path / "data",
        state=tmp_path / "state",
        instruments=("tiny",),
        batch=BatchSettings(lease_s=5),
        engine=EngineSettings(kind="inprocess", profiles={"one": Profile(workers=2)}, default_profile="one"),
        **database_settings,
    )


@pytest.fixture
def registry(site, tiny):
    import tiny as maker

    with DirectRegistry(site.registry_url, site.root) as registry:
        for detector in DETECTORS:
            maker.publish_frames(site.root, registry, detector, maker.frames(300, detector))
        yield registry


@pytest.fixture
def jobs(site, registry):
    jobs = DirectJobs(site, JobStore(Database(site.platform_url)), registry, user="tycho")
    yield jobs
    jobs.close()


@pytest.fixture
def service(site, jobs):
    """The batch service at work in this process."""
    with batch_here.at_work(batch_here.make(site, jobs.store.database)):
        yield


def request(**more):
    return JobRequest(pipeline="tiny/all", **more)


@pytest.fixture
def run(site):
    """Submit a job and do it in this process; gives its result."""

    def do(jobs, **more):
        job = jobs.submit(request(**more)).id
        campaign_site.work_off(site)
        return JobHandle(jobs, job).result(0)

    return do


def test_estimate_counts_quanta_and_says_that_there_is_no_history(jobs):
    found = jobs.estimate(request())

    assert (found.quanta, found.done, found.to_do) == (10, 0, 10)
    assert found.unknown == ("tiny.levels", "tiny.pair", "tiny.peaks", "tiny.subtract")
    assert (found.core_minutes, found.wall_minutes, found.peak_bytes, found.output_bytes) == (None,) * 4


@pytest.mark.usefixtures("service")
def test_a_job_makes_the_products_that_the_notebook_makes(jobs, registry, site, tiny, tmp_path):
    import tiny as maker

    result = JobHandle(jobs, jobs.submit(request()).id).result(120)

    assert (result.job.state, result.job.counts.total, result.job.counts.done) == (JobState.SUCCEEDED, 10, 10)
    assert result.failures == ()
    result.raise_for_failures()
    made = {str(p.ref): p.digest for p in (registry.get(i) for i in result.products)}
    assert {registry.get(i).run for i in result.products} == {result.job.run}
    assert {registry.get(i).user for i in result.products} == {"tycho"}
    other = site.model_copy(update={"root": tmp_path / "notebook"})
    with DirectRegistry(f"sqlite:///{tmp_path}/notebook.sqlite", other.root) as own, InProcess(1) as engine:
        for detector in DETECTORS:
            maker.publish_frames(other.root, own, detector, maker.frames(300, detector))
        report = run_pipeline(
            load_pipeline(tiny, "all"), instrument=tiny, registry=own, settings=other, engine=engine,
            query=DataQuery(), run="tiny/runs/all/1", user="tycho",
        )  # fmt: skip
        assert made == {str(p.ref): p.digest for p in report.products}


def test_what_is_done_is_estimated_as_done_and_found_by_the_next_job(jobs, run):
    first = run(jobs, values={"detector": (1,)})
    half = jobs.estimate(request())
    again = run(jobs, values={"detector": (1,)})
    whole = jobs.estimate(request(values={"detector": (1,)}))

    assert first.job.counts.reused == 0
    assert again.job.counts.reused == again.job.counts.done == again.job.counts.total
    assert (whole.to_do, whole.core_minutes, whole.unknown) == (0, 0, ())
    assert (half.quanta, half.done) == (10, 3)
    assert half.unknown == ()
    assert half.core_minutes > 0
    assert half.wall_minutes == pytest.approx(half.core_minutes / 2)
    assert half.output_bytes > 0
    assert half.history == 4


def test_options_of_a_job_reach_its_tasks_and_a_failed_quantum_is_told_with_its_cause(jobs, run):
    result = run(jobs, config={"peaks": {"fail_detector": 2}})

    assert (result.job.state, result.job.flavour) == (JobState.FAILED, "pipeline")
    assert (result.job.counts.failed, result.job.counts.blocked, result.job.counts.done) == (1, 1, 8)
    [failure] = result.failures
    assert (failure.step, "detector 2 is broken" in failure.error) == ("peaks", True)
    assert "detector=2" in failure.data_ids[0]
    with pytest.raises(QuantumError, match="1 of 10 quanta failed, 1 were blocked"):
        result.raise_for_failures()


@ONE_DATABASE
def test_a_cancelled_job_stops_its_engine(jobs, service):
    handle = JobHandle(jobs, jobs.submit(request(config={"peaks": {"sleep_s": 1.0}})).id)
    while (job := handle.progress()).counts.done < 3:
        assert not job.state.ended, job
        time.sleep(0.1)

    handle.cancel()

    job = handle.wait(60)
    assert (job.state, job.error) == (JobState.DELETED, "")
    assert job.counts.done < 10


@ONE_DATABASE
def test_a_killed_runner_leaves_no_worker_and_its_heir_finds_what_is_done(site, jobs, tmp_path):
    engine = EngineSettings(kind="local", profiles={"one": Profile(workers=1)}, default_profile="one")
    local = site.model_copy(update={"engine": engine})
    queue = JobQueue(jobs.store.database, lease_s=2)
    launcher = DirectLauncher(local.model_copy(update={"batch": BatchSettings(lease_s=2)}))
    service = BatchService(queue, launcher, heartbeat=tmp_path / "beat")
    pids = tmp_path / "pids"
    pids.mkdir()
    job = jobs.submit(request(config={"peaks": {"sleep_s": 1.0, "pids": str(pids)}})).id
    service.step()
    while not list(pids.iterdir()):
        assert not jobs.get(job).state.ended, jobs.get(job)
        time.sleep(0.1)
    runner = int(jobs.get(job).runner.split(":")[1])

    os.kill(runner, signal.SIGKILL)

    workers = [int(p.name) for p in pids.iterdir()]
    wait_until_gone(workers)
    while not jobs.get(job).state.ended or launcher.collect():
        service.step()
        time.sleep(0.2)
    launcher.kill()
    ended = jobs.get(job)
    assert (ended.state, ended.attempt, ended.counts.done) == (JobState.SUCCEEDED, 2, 10)
    assert ended.counts.reused >= 6


def wait_until_gone(pids):
    end = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}/exe") for pid in pids):  # noqa: PTH110 - a zombie's link leads nowhere
        assert time.monotonic() < end, "workers live on"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"pipeline": "tiny/al"}, UnknownNameError),
        ({"pipeline": "tine/all"}, UnknownNameError),
        ({"config": {"peaks": {"treshold": 1.0}}}, ConfigurationError),
        ({"config": {"peak": {}}}, ConfigurationError),
        ({"config": {"peaks": {"threshold": float("nan")}}}, ConfigurationError),
        ({"config": {"peaks": {"threshold": float("-inf")}}}, ConfigurationError),
        ({"values": {"colour": (1,)}}, UnknownNameError),
        ({"values": {"detector": (99,)}}, DatasetNotFoundError),
    ],
)
def test_a_request_that_cannot_work_is_refused_at_once(jobs, wrong, error):
    with pytest.raises(error):
        jobs.submit(JobRequest.model_validate({"pipeline": "tiny/all", **wrong}))

    assert jobs.find() == []


def test_a_number_that_json_does_not_have_is_refused_before_it_is_sent():
    remote = RemoteJobs("http://127.0.0.1:9", "token")

    with pytest.raises(ConfigurationError, match="nan"):
        remote.submit(JobRequest(pipeline="tiny/all", config={"peaks": {"threshold": float("nan")}}))


def test_other_peoples_jobs_are_theirs_alone_unless_one_operates(jobs, site, registry):
    job = jobs.submit(request()).id
    sophie = DirectJobs(site, jobs.store, registry, user="sophie")
    operator = DirectJobs(site, jobs.store, registry, user="operator", operator=True)

    for verb in (sophie.cancel, sophie.hold, sophie.unhold, sophie.restart):
        with pytest.raises(AccessDeniedError, match=f"job {job} is tycho's"):
            verb(job)

    assert sophie.get(job).state == JobState.READY
    assert operator.hold(job).state == JobState.HELD
    assert jobs.unhold(job).state == JobState.READY
    assert jobs.cancel(job).state == JobState.DELETED
    assert jobs.restart(job).state == JobState.READY


def test_shared_jobs_are_for_operators_from_submission_to_restart(jobs, site, registry):
    operator = DirectJobs(site, jobs.store, registry, user="tycho", operator=True)
    with pytest.raises(AccessDeniedError, match="tycho may not run shared processing"):
        jobs.submit(request(shared=True))
    assert jobs.find() == []

    job = operator.submit(request(shared=True))
    assert job.run.startswith("tiny/runs/all/")
    jobs.hold(job.id)
    with pytest.raises(AccessDeniedError):
        jobs.unhold(job.id)
    jobs.cancel(job.id)
    with pytest.raises(AccessDeniedError):
        jobs.restart(job.id)
    assert operator.restart(job.id).state == JobState.READY


def test_only_operators_choose_another_class_than_peoples_own(jobs, site, registry):
    operator = DirectJobs(site, jobs.store, registry, user="tycho", operator=True)
    with pytest.raises(AccessDeniedError, match="tycho may not submit jobs of class prompt"):
        jobs.submit(request(job_class="prompt"))
    assert jobs.find() == []

    assert operator.submit(request(job_class="prompt")).request.job_class == "prompt"


def test_logs_are_for_their_owners_and_operators(jobs, site, registry):
    job = jobs.submit(request()).id
    assert jobs.log(job) == ""
    assert DirectJobs(site, jobs.store, registry, user="op", operator=True).log(job) == ""
    with pytest.raises(AccessDeniedError, match=f"job {job} is tycho's"):
        DirectJobs(site, jobs.store, registry, user="sophie").log(job)


def test_own_and_shared_jobs_make_the_same_in_different_places(jobs, run, site, registry):
    operator = DirectJobs(site, jobs.store, registry, user="op", operator=True)
    own = run(jobs)
    assert registry.find(TypeName.parse("L1/tiny.signal")) == []
    assert all(registry.get(i).path.parts[:2] == ("users", "tycho") for i in own.products)
    assert (jobs.estimate(request()).to_do, operator.estimate(request(shared=True)).to_do) == (0, 10)

    shared = run(operator, shared=True)
    assert shared.job.counts.reused == 0
    assert {registry.get(i).digest for i in shared.products} == {registry.get(i).digest for i in own.products}
    again = run(jobs)
    assert set(again.products) == set(shared.products)
    assert again.job.counts.reused == 10


def test_waiting_for_a_job_has_an_end(jobs):
    handle = JobHandle(jobs, jobs.submit(request()).id)

    with pytest.raises(ServiceUnavailableError, match="READY after"):
        handle.wait(0)
    assert repr(handle) == f"<Job {handle.id} tiny/all: READY, 0 of 0 quanta>"
    assert handle.log() == ""
