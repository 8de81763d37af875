from __future__ import annotations

import pytest

from hven.batch.lease import JobQueue, Lease
from hven.batch.leaving import MAX_DEATHS
from hven.batch.model import Counts, JobClass, JobRequest, JobState, QuantumLine, Wish
from hven.batch.store import JobStore
from hven.core.errors import ConflictError
from hven.core.settings import BatchSettings
from hven.model.quantum import QuantumState
from hven.registry.database import Database


@pytest.fixture
def dying(store):
    """Queue whose leases are over at once."""
    return JobQueue(store.database, lease_s=0, start_s=0)


def line(data_id, state=QuantumState.DONE, **more):
    return QuantumLine(step="pedestals", data_id=data_id, state=state, **more)


def test_the_most_urgent_and_oldest_job_is_claimed_first(store, queue):
    slow = store.submit(JobRequest(pipeline="p/a", job_class=JobClass.DATA_RELEASE), user="tycho")
    first = store.submit(JobRequest(pipeline="p/a"), user="tycho")
    second = store.submit(JobRequest(pipeline="p/a"), user="tycho")

    assert [queue.claim().job for _ in range(3)] == [first.id, second.id, slow.id]
    assert queue.claim() is None


def _claim_all(url, claimed):
    database = Database(url)
    queue = JobQueue(database, lease_s=30, rules=BatchSettings(slots=100))
    while lease := queue.claim():
        claimed.put(lease.job)
    claimed.put(None)
    database.close()


def test_processes_that_claim_at_the_same_time_share_no_job(store, request_, database_url, forked):
    jobs = [store.submit(request_, user="tycho").id for _ in range(40)]
    claimed = forked.Queue()
    processes = [forked.Process(target=_claim_all, args=(database_url, claimed)) for _ in range(3)]
    for process in processes:
        process.start()

    found, ended = [], 0
    while ended < len(processes):
        job = claimed.get(timeout=60)
        ended += job is None
        found += [] if job is None else [job]
    for process in processes:
        process.join()

    assert sorted(found) == jobs


def test_a_job_goes_from_claimed_to_running_to_its_end(store, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = queue.claim()
    assert (store.get(job).state, queue.active()) == (JobState.PENDING, 1)

    queue.begin(lease, runner="here:12")
    assert (store.get(job).state, store.get(job).runner) == (JobState.RUNNING, "here:12")

    queue.finish(lease, JobState.SUCCEEDED)
    ended = store.get(job)
    assert (ended.state, queue.active(), ended.attempt) == (JobState.SUCCEEDED, 0, 1)
    assert ended.submitted_ns <= ended.started_ns <= ended.ended_ns


def test_progress_counts_quanta_by_state(store, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = queue.claim()
    queue.begin(lease, runner="here:1")
    states = [QuantumState.DONE, QuantumState.PARTIAL, QuantumState.FAILED, QuantumState.BLOCKED, QuantumState.NO_WORK]
    queue.report(lease, [line(str(i), state) for i, state in enumerate(states)], total=8, message="at work")
    queue.report(lease, [line("9", reused=True), line("2")], total=8)

    found = store.get(job)

    assert found.counts == Counts(total=8, done=4, reused=1, partial=1, failed=0, blocked=1, no_work=1)
    assert found.counts.ended == 6
    assert found.message == "at work"


def test_a_silent_runner_loses_its_job_to_an_heir_and_can_do_no_more(store, dying, queue, request_):
    job = store.submit(request_, user="tycho").id
    lost = dying.claim()

    assert queue.reap() == [job]
    heir = queue.claim()
    assert heir.job == job
    assert heir.name != lost.name
    queue.begin(heir, runner="here:2")
    for act in (
        lambda: queue.begin(lost, runner="here:1"),
        lambda: queue.renew(lost),
        lambda: queue.report(lost, [line("1")], total=1),
        lambda: queue.release(lost),
        lambda: queue.finish(lost, JobState.SUCCEEDED),
    ):
        with pytest.raises(ConflictError, match="another runner"):
            act()
    found = store.get(job)
    assert (found.state, found.attempt, found.counts, found.runner) == (JobState.RUNNING, 2, Counts(), "here:2")


def test_a_runner_that_renews_keeps_its_job(store, dying, queue, request_):
    store.submit(request_, user="tycho")
    lease = dying.claim()

    queue.renew(lease)

    assert queue.reap() == []


def test_an_heir_counts_from_zero(store, dying, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = dying.claim()
    dying.begin(lease, runner="here:1")
    dying.report(lease, [line("1"), line("2")], total=2)
    queue.reap()
    queue.begin(queue.claim(), runner="here:2")

    assert store.get(job).counts == Counts()


def test_a_job_that_kills_its_runners_fails_in_the_end(store, dying, request_):
    job = store.submit(request_, user="tycho").id
    for _ in range(MAX_DEATHS):
        assert dying.claim().job == job
        dying.reap()

    failed = store.get(job)

    assert dying.claim() is None
    assert (failed.state, failed.flavour) == (JobState.FAILED, "infrastructure")
    assert f"died {MAX_DEATHS} times without getting on" in failed.error


def test_a_job_whose_runner_died_while_it_was_cancelled_is_deleted(store, dying, request_):
    job = store.submit(request_, user="tycho").id
    dying.claim()
    store.cancel(job, who="tycho")

    dying.reap()

    assert store.get(job).state == JobState.DELETED


def test_a_runner_hears_what_it_should_do(store, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = queue.claim()
    queue.begin(lease, runner="here:1")

    heard = [queue.renew(lease)]
    queue.pause()
    heard.append(queue.renew(lease))
    store.cancel(job, who="tycho")
    heard.append(queue.renew(lease))
    queue.pause()
    heard.append(queue.renew(lease))

    assert heard == [Wish.NONE, Wish.PAUSE, Wish.CANCEL, Wish.CANCEL]


def test_a_paused_job_goes_on_and_the_attempt_does_not_count(store, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = queue.claim()
    queue.begin(lease, runner="here:1")
    queue.pause()

    queue.release(lease)

    assert (store.get(job).state, store.get(job).attempt) == (JobState.READY, 0)
    assert queue.renew(queue.claim()) == Wish.NONE


def test_a_job_that_is_paused_while_it_is_cancelled_is_deleted(store, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = queue.claim()
    queue.begin(lease, runner="here:1")
    queue.pause()
    store.cancel(job, who="tycho")

    queue.release(lease)

    assert (store.get(job).state, queue.claim()) == (JobState.DELETED, None)


def test_a_cancelled_job_is_not_tried_again(store, queue, request_):
    job = store.submit(request_, user="tycho").id
    lease = queue.claim()
    store.cancel(job, who="tycho")

    queue.finish(lease, JobState.FAILED, error="the cluster was lost", flavour="infrastructure")

    assert (store.get(job).state, queue.claim()) == (JobState.FAILED, None)


def test_a_lease_that_never_was_is_refused(store, queue, request_):
    job = store.submit(request_, user="tycho").id

    with pytest.raises(ConflictError):
        queue.begin(Lease(job, ""), runner="here:1")


def test_claims_see_the_tables_another_store_made(database_url, store, request_):
    store.submit(request_, user="tycho")
    other = Database(database_url)

    assert JobStore(other).find()[0].user == "tycho"
    other.close()
