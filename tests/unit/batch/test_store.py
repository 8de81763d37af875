from __future__ import annotations

from unittest.mock import ANY

import pytest
import sqlalchemy as sa

from hven.batch.model import JobClass, JobRequest, JobState, QuantumLine
from hven.batch.tables import JOB
from hven.core.errors import ConfigurationError, ConflictError, JobNotFoundError
from hven.model.quantum import QuantumState


def test_submitted_job_reads_back_as_it_was_asked_for(store):
    request = JobRequest(
        pipeline="panoseti/calibrate",
        values={"detector": (1, 3), "observation": ("obs.1",)},
        where="rows > 3",
        config={"pedestals": {"cell_s": 30.0}},
        job_class=JobClass.DATA_RELEASE,
    )

    job = store.submit(request, user="tycho")

    assert store.get(job.id) == job.model_copy(update={"position": 0, "expected_start_ns": ANY})
    assert job.request == request
    assert (job.user, job.state, job.attempt) == ("tycho", JobState.READY, 0)
    assert job.run.startswith("u/tycho/calibrate/")
    assert job.run.endswith(f"Z-{job.id}")


def test_jobs_of_one_pipeline_submitted_at_once_have_their_own_runs(store, request_):
    assert len({store.submit(request_, user="tycho").run for _ in range(5)}) == 5


def test_interactive_jobs_stand_before_batch_jobs(store):
    slow = store.submit(JobRequest(pipeline="p/a", job_class=JobClass.DATA_RELEASE), user="tycho")
    fast = store.submit(JobRequest(pipeline="p/a"), user="tycho")

    assert (store.get(fast.id).position, store.get(slow.id).position) == (0, 1)
    assert store.ahead(JobClass.DATA_ACCESS.priority) == 1
    assert store.ahead(JobClass.DATA_RELEASE.priority) == 2


def test_running_jobs_count_as_ahead(store, queue, request_):
    store.submit(request_, user="tycho")
    queue.claim()

    assert store.get(store.submit(request_, user="tycho").id).position == 1


def test_jobs_are_found_by_user_and_state_newest_first(store, request_):
    a, b, c = (store.submit(request_, user=user) for user in ("tycho", "sophie", "tycho"))
    store.hold(c.id, who="tycho")

    assert [job.id for job in store.find(user="tycho")] == [c.id, a.id]
    assert [job.id for job in store.find(states=[JobState.READY])] == [b.id, a.id]
    assert [job.id for job in store.find(limit=2)] == [c.id, b.id]


def test_a_held_job_waits_until_it_is_let_go(store, queue, request_):
    job = store.submit(request_, user="tycho")

    assert store.hold(job.id, who="tycho").state == JobState.HELD
    assert queue.claim() is None
    assert store.unhold(job.id, who="tycho").state == JobState.READY
    assert queue.claim().job == job.id


def test_cancelling_a_waiting_job_deletes_it(store, queue, request_):
    job = store.cancel(store.submit(request_, user="tycho").id, who="sophie")

    assert job.state == JobState.DELETED
    assert job.ended_ns >= job.submitted_ns
    assert queue.claim() is None


def test_cancelling_a_running_job_asks_its_runner(store, queue, request_):
    job = store.submit(request_, user="tycho")
    queue.begin(queue.claim(), runner="here:1")

    cancelled = store.cancel(job.id, who="tycho")

    assert (cancelled.state, cancelled.cancelling) == (JobState.RUNNING, True)


@pytest.mark.parametrize("verb", ["cancel", "hold", "unhold", "restart"])
def test_a_verb_that_does_not_fit_the_state_is_refused_and_changes_nothing(store, queue, request_, verb):
    job = store.submit(request_, user="tycho")
    queue.finish(queue.claim(), JobState.SUCCEEDED)
    before = store.get(job.id), store.events()

    with pytest.raises(ConflictError, match=f"job {job.id} is SUCCEEDED"):
        getattr(store, verb)(job.id, who="tycho")

    assert (store.get(job.id), store.events()) == before


@pytest.mark.parametrize("verb", ["cancel", "hold", "unhold", "restart"])
def test_an_unknown_job_is_named(store, verb):
    with pytest.raises(JobNotFoundError, match="job 7"):
        getattr(store, verb)(7, who="tycho")


def test_restart_queues_a_failed_job_in_the_same_run_without_its_error(store, queue, request_):
    job = store.submit(request_, user="tycho")
    queue.finish(queue.claim(), JobState.FAILED, error="no", hint="do", flavour="data")
    assert (store.get(job.id).error, store.get(job.id).flavour) == ("no", "data")

    again = store.restart(job.id, who="tycho")

    assert (again.state, again.error, again.hint, again.flavour, again.attempt) == (JobState.READY, "", "", None, 0)
    assert again.run == job.run
    assert queue.claim().job == job.id


def test_failures_are_grouped_by_step_and_cause(store, queue, request_):
    job = store.submit(request_, user="tycho")
    lease = queue.claim()
    states = {"a": "no gain", "b": "no gain", "c": "torn"}
    lines = [
        QuantumLine(step="gain", data_id=d, state=QuantumState.FAILED, error=e, flavour="data")
        for d, e in states.items()
    ]
    queue.report(lease, [*lines, QuantumLine(step="gain", data_id="d", state=QuantumState.DONE)], total=4)

    found = store.failures(job.id)

    assert [(f.error, f.data_ids) for f in found] == [("no gain", ("a", "b")), ("torn", ("c",))]


def test_every_change_leaves_a_line_in_the_audit(store, queue, request_):
    job = store.submit(request_, user="tycho")
    store.hold(job.id, who="sophie")
    store.unhold(job.id, who="sophie")
    lease = queue.claim()
    queue.begin(lease, runner="here:1")
    store.cancel(job.id, who="operator")
    queue.finish(lease, JobState.DELETED)
    store.restart(job.id, who="tycho")

    told = [(event.who, event.what) for event in reversed(store.events(job_id=job.id))]

    assert told == [
        ("tycho", "submit"),
        ("sophie", "hold"),
        ("sophie", "unhold"),
        ("batch", "claim"),
        ("batch", "begin"),
        ("operator", "cancel"),
        ("batch", "end"),
        ("tycho", "restart"),
    ]


def test_tables_of_another_version_are_refused(store):
    with store.database.write() as connection:
        connection.execute(sa.text("UPDATE schema_version SET version = 99 WHERE name = 'batch'"))

    with pytest.raises(ConfigurationError, match="version 99"):
        type(store)(store.database)


def test_numbers_of_jobs_are_never_used_again(store, request_):
    job = store.submit(request_, user="tycho")
    with store.database.write() as connection:
        connection.execute(JOB.delete())

    assert store.submit(request_, user="tycho").id > job.id
