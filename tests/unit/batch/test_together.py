"""Services, people and dying runners at the table of jobs at the same time."""

from __future__ import annotations

import random
from collections import Counter

from hven.batch.lease import JobQueue
from hven.batch.leaving import MAX_DEATHS
from hven.batch.model import JobState, QuantumLine
from hven.batch.store import JobStore
from hven.core.errors import ConflictError
from hven.core.settings import BatchSettings
from hven.model.quantum import QuantumState
from hven.registry.database import Database

JOBS = 30


def _service(url, seed):
    """Claim and work until nothing is left; every third runner falls silent."""
    chance = random.Random(seed)
    database = Database(url)
    rules = BatchSettings(slots=100)
    patient, dying = JobQueue(database, lease_s=30, rules=rules), JobQueue(database, lease_s=0, start_s=0, rules=rules)
    while any(not job.state.ended for job in JobStore(database).find()):
        patient.reap()
        lost = chance.random() < 1 / 3
        queue = dying if lost else patient
        if lease := queue.claim():
            _try(_work, queue, lease, lost)
    database.close()


def _work(queue, lease, lost):
    queue.begin(lease, runner="here:1")
    line = QuantumLine(step="s", data_id="d", state=QuantumState.DONE, reused=True)
    queue.report(lease, [line], total=1)
    queue.renew(lease)
    if not lost:
        queue.finish(lease, JobState.SUCCEEDED)


def _person(url, seed):
    """Cancel, hold and let go of what they like."""
    chance = random.Random(seed)
    database = Database(url)
    store = JobStore(database)
    for _ in range(60):
        job = chance.randrange(1, JOBS + 1)
        _try(store.hold, job)
        _try(store.cancel if job % 5 == 0 else store.unhold, job)
    for job in store.find(states=[JobState.HELD]):
        store.unhold(job.id, who="ada")
    database.close()


def _try(do, *given):
    try:
        do(*given) if do is _work else do(*given, who="ada")
    except ConflictError:
        return


def test_every_job_ends_once_whatever_happens_at_the_same_time(store, request_, database_url, forked):
    for _ in range(JOBS):
        store.submit(request_, user="tycho")
    processes = [forked.Process(target=_service, args=(database_url, seed)) for seed in range(2)]
    processes.append(forked.Process(target=_person, args=(database_url, 7)))
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    for job in store.find():
        told = Counter(event.what for event in store.events(job_id=job.id))
        assert job.state in {JobState.SUCCEEDED, JobState.DELETED, JobState.FAILED}
        assert told["end"] == (job.state == JobState.SUCCEEDED)
        assert told["claim"] == told["lost"] + told["end"] == job.attempt
        assert told["begin"] <= told["claim"] <= MAX_DEATHS
        assert told["hold"] >= told["unhold"]
        assert (job.state == JobState.SUCCEEDED) <= (job.counts.done == 1)
        assert job.state != JobState.FAILED or told["lost"] == MAX_DEATHS
        assert (job.state == JobState.DELETED) <= (told["cancel"] == 1)
