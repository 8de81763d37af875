"""What a runner says of its job, at the table itself and through the API."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from hven.batch.lease import JobQueue, Lease
from hven.batch.model import Counts, JobRequest, JobState, QuantumLine, Wish
from hven.batch.remote_queue import RemoteQueue
from hven.batch.store import JobStore
from hven.core.errors import ConflictError, ServiceUnavailableError
from hven.core.settings import BatchSettings, Settings
from hven.model.quantum import QuantumState
from hven.observatory import connect
from hven.registry.database import Database

sys.path.append(str(Path(__file__).parents[1] / "support"))
from api_server import serving

NOBODY = "0" * 32


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "data").mkdir()
    return Settings(root=tmp_path / "data", state=tmp_path / "state", batch=BatchSettings(lease_s=5))


@pytest.fixture
def store(settings):
    store = JobStore(Database(settings.platform_url))
    yield store
    store.database.close()


@pytest.fixture
def queue(settings, store):
    return JobQueue(store.database, lease_s=settings.batch.lease_s)


@pytest.fixture
def api(settings):
    with connect(settings) as obs, serving(obs) as server:
        yield server


@pytest.fixture
def job(store):
    return store.submit(JobRequest(pipeline="panoseti/calibrate"), user="ada").id


@pytest.fixture(params=["direct", "remote"])
def side_of(request, queue, settings):
    """Give the runner's side of a lease."""
    if request.param == "direct":
        yield lambda _lease: queue
        return
    api, made = request.getfixturevalue("api"), []

    def remote(lease):
        made.append(RemoteQueue(api.url, lease, lease_s=settings.batch.lease_s))
        return made[-1]

    yield remote
    for side in made:
        side.close()


def line(step="a", detector=1, state=QuantumState.DONE):
    return QuantumLine(step=step, data_id=f"detector={detector}", state=state, ended_ns=detector)


@pytest.mark.usefixtures("job")
def test_a_job_goes_from_begin_to_end(side_of, queue, store):
    lease = queue.claim()
    side = side_of(lease)

    side.begin(lease, runner="here:1")
    begun = side.job(lease)
    side.report(lease, [line()], total=2, message="at work")
    side.report(lease, [line(detector=2, state=QuantumState.FAILED)], total=2)
    assert side.renew(lease) == Wish.NONE
    side.finish(lease, JobState.FAILED, error="broken", hint="mend it", flavour="data")

    assert (begun.id, begun.user, begun.state, begun.runner) == (lease.job, "ada", JobState.RUNNING, "here:1")
    ended = store.get(lease.job)
    assert (ended.state, ended.error, ended.hint, ended.flavour) == (JobState.FAILED, "broken", "mend it", "data")
    assert (ended.counts, ended.message) == (Counts(total=2, done=1, failed=1), "at work")


@pytest.mark.usefixtures("job")
def test_saying_the_same_twice_does_no_harm(side_of, queue, store):
    lease = queue.claim()
    side = side_of(lease)

    for _ in range(2):
        side.begin(lease, runner="here:1")
    for _ in range(2):
        side.report(lease, [line(), line(detector=2)], total=2)
    for _ in range(2):
        side.profile(lease, {"a": {"m:f;m:g": 7, "m:f": 2}})

    assert store.get(lease.job).counts == Counts(total=2, done=2)
    assert store.profile(lease.job).folded() == "a;m:f 2\na;m:f;m:g 7"
    assert store.get(lease.job).attempt == 1


def test_a_runner_hears_what_it_should_do(side_of, queue, store, job):
    lease = queue.claim()
    side = side_of(lease)
    side.begin(lease, runner="here:1")

    queue.pause()
    paused = side.renew(lease)
    store.cancel(job, who="ada")

    assert (paused, side.renew(lease)) == (Wish.PAUSE, Wish.CANCEL)


def test_a_released_job_waits_for_the_next_runner(side_of, queue, store, job):
    lease = queue.claim()
    side = side_of(lease)
    side.begin(lease, runner="here:1")

    side.release(lease)

    assert (store.get(job).state, store.get(job).attempt) == (JobState.READY, 0)
    assert queue.claim().job == job


def refused(side, lease):
    """Verbs that a lease is not good for."""
    verbs = {
        "begin": lambda: side.begin(lease, runner="there:2"),
        "job": lambda: side.job(lease),
        "decisions": lambda: side.decisions(lease),
        "renew": lambda: side.renew(lease),
        "report": lambda: side.report(lease, [line()], total=1),
        "profile": lambda: side.profile(lease, {"a": {"m:f": 1}}),
        "release": lambda: side.release(lease),
        "finish": lambda: side.finish(lease, JobState.SUCCEEDED),
    }
    found = set()
    for name, verb in verbs.items():
        try:
            verb()
        except ConflictError:
            found.add(name)
    return found


ALL = {"begin", "job", "decisions", "renew", "report", "profile", "release", "finish"}


@pytest.mark.parametrize("end", ["finished", "released", "lost", "never was", "another job's"])
def test_a_lease_that_is_not_held_is_good_for_nothing(side_of, queue, store, job, end):
    lease = queue.claim()
    queue.begin(lease, runner="here:1")
    match end:
        case "finished":
            queue.finish(lease, JobState.SUCCEEDED)
        case "released":
            queue.release(lease)
        case "lost":
            JobQueue(store.database, lease_s=-1).renew(lease)
            queue.reap()
        case "never was":
            lease = Lease(job, NOBODY)
        case "another job's":
            lease = Lease(store.submit(JobRequest(pipeline="panoseti/calibrate"), user="bert").id, lease.name)
    before = table(store)

    assert refused(side_of(lease), lease) == ALL
    assert table(store) == before


def table(store):
    """All jobs, without what depends on the time of day."""
    return [job.model_copy(update={"expected_start_ns": None}) for job in store.find()]


@pytest.mark.usefixtures("job")
def test_a_restarted_api_is_asked_again_and_nothing_is_lost(api, queue, store):
    lease = queue.claim()
    side = RemoteQueue(api.url, lease, lease_s=30)
    side.begin(lease, runner="here:1")
    api.stop()
    again = threading.Timer(1.0, api.start)
    again.start()

    side.report(lease, [line()], total=1)
    side.finish(lease, JobState.SUCCEEDED)

    again.join()
    side.close()
    assert (store.get(lease.job).state, store.get(lease.job).counts.done) == (JobState.SUCCEEDED, 1)


@pytest.mark.usefixtures("job")
def test_an_api_that_stays_away_is_given_up_when_the_lease_is_void(api, queue):
    lease = queue.claim()
    side = RemoteQueue(api.url, lease, lease_s=1)
    api.stop()
    began = time.monotonic()

    with pytest.raises(ServiceUnavailableError):
        side.renew(lease)

    side.close()
    api.start()
    assert time.monotonic() - began >= 1
