"""What LDM-148 asks of a batch service: shares, quotas, preemption; with the real service, runners that do nothing."""

from __future__ import annotations

import sys

import pytest

from hven.batch.launcher import DirectLauncher
from hven.batch.lease import JobQueue
from hven.batch.model import ACTIVE, Estimate, JobClass, JobRequest, JobState, Wish
from hven.batch.service import BatchService
from hven.batch.store import JobStore
from hven.core.clock import NS
from hven.core.settings import BatchSettings, EngineSettings, Limit, Settings
from hven.registry.database import Database

SLEEP = (
    sys.executable,
    "-c",
    "import sys, time; from hven.batch.forkserver import serve; serve(lambda: time.sleep(600))",
)
"""A runner that does nothing, and never says so."""


class Room:
    """A batch service whose rounds the test calls, and whose jobs end when the test says so."""

    def __init__(self, settings, folder):
        self.database = Database(settings.platform_url)
        self.store = JobStore(self.database, settings.batch)
        self.queue = JobQueue(self.database, lease_s=60, rules=settings.batch)
        self.launcher = Noted(settings)
        self.service = BatchService(self.queue, self.launcher, heartbeat=folder / "beat")

    def submit(self, user="ada", job_class=JobClass.DATA_ACCESS, **takes):
        request = JobRequest(pipeline="panoseti/calibrate", job_class=job_class)
        return self.store.submit(request, user=user, **takes).id

    def running(self):
        return self.store.find(states=ACTIVE)

    def end(self, job):
        """A job does well."""
        self.queue.finish(self.launcher.leases[job], JobState.SUCCEEDED)
        self.launcher.end(job, "")

    def close(self):
        self.launcher.kill()
        self.database.close()


class Noted(DirectLauncher):
    """Remembers leases, in place of runners that would use them."""

    def __init__(self, settings):
        super().__init__(settings, command=SLEEP)
        self.leases = {}
        self.order = []

    def launch(self, lease, job):
        self.leases[job.id] = lease
        self.order.append(job.id)
        return super().launch(lease, job)


@pytest.fixture
def room(tmp_path):
    made = []

    def make(**rules):
        state = tmp_path / "state"
        engine = EngineSettings(kind="inprocess")
        made.append(Room(Settings(root=tmp_path, state=state, batch=BatchSettings(**rules), engine=engine), tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_who_submits_few_jobs_after_200_of_another_is_served_within_one_job(room):
    room = room(slots=2)
    for _ in range(200):
        room.submit("ada")
    for _ in range(5):  # five jobs of hers have run
        room.service.step()
        for job in room.running():
            room.end(job.id)
    room.service.step()
    first, second = room.submit("bo"), room.submit("bo")

    room.end(room.running()[0].id)
    room.service.step()

    assert first in {job.id for job in room.running()}
    assert room.store.get(second).position <= 3
    room.end(next(job.id for job in room.running() if job.user == "ada"))
    room.service.step()
    assert {job.user for job in room.running()} >= {"bo"}


def test_quotas_hold_at_every_moment(room):
    room = room(
        slots=6, user_limit=Limit(jobs=2, cores=6), total=Limit(memory_gb=20), user_limits={"cy": Limit(jobs=1)}
    )
    for number in range(18):
        room.submit(("ada", "bo", "cy")[number % 3], cores=1 + number % 4, memory_gb=4.0)
    most, seen = {"ada": 2, "bo": 2, "cy": 1}, 0
    while not all(job.state.ended for job in room.store.find()):
        room.service.step()
        running = room.running()
        seen = max(seen, len(running))
        for user, jobs in most.items():
            mine = [job for job in running if job.user == user]
            assert len(mine) <= jobs
            assert sum(job.cores for job in mine) <= 6
        assert sum(job.memory_gb for job in running) <= 20
        room.end(running[0].id)

    assert seen == 5


def seconds(room, job, what, since):
    """From one line of the audit to another."""
    told = {event.what: event.time_ns for event in room.store.events(job_id=job)}
    return (told[what] - since) / NS


def test_a_prompt_job_starts_at_once_on_its_reserved_slot(room):
    room = room(slots=2, reserved={"prompt": 1})
    for _ in range(2):
        room.submit()
    room.service.step()
    assert len(room.running()) == 1

    prompt = room.submit("hven-batch", JobClass.PROMPT)
    room.service.step()

    assert [job.id for job in room.running()] == [prompt, 1]
    submitted = room.store.get(prompt).submitted_ns
    assert seconds(room, prompt, "claim", submitted) < 2


def test_without_a_slot_a_prompt_job_starts_within_two_seconds_of_the_kill_it_causes(room):
    room = room(slots=1)
    release = room.submit("bo", JobClass.DATA_RELEASE)
    room.service.step()
    victim = room.launcher._running[release]

    prompt = room.submit("hven-batch", JobClass.PROMPT)
    room.service.step()

    assert victim.ended()
    assert [job.id for job in room.running()] == [prompt]
    waiting = room.store.get(release)
    assert (waiting.state, waiting.attempt, waiting.position) == (JobState.READY, 0, 1)
    killed = next(event for event in room.store.events(job_id=release) if event.what == "preempt")
    assert (killed.who, killed.parameters) == ("batch", {"by": prompt, "killed": True})
    assert seconds(room, prompt, "claim", killed.time_ns) < 2
    room.end(prompt)
    room.service.step()
    assert [job.id for job in room.running()] == [release]


def test_a_runner_that_was_killed_for_another_job_can_say_no_more(room):
    room = room(slots=1)
    release = room.submit("bo", JobClass.DATA_RELEASE)
    room.service.step()
    lost = room.launcher.leases[release]
    room.submit("hven-batch", JobClass.PROMPT)
    room.service.step()

    assert room.queue.holder(lost) is None


def test_other_classes_ask_to_give_way_when_a_quantum_has_ended_and_ask_once(room):
    room = room(slots=1)
    release = room.submit("bo", JobClass.DATA_RELEASE)
    room.service.step()
    mine = room.submit("ada")

    room.service.step()
    room.service.step()

    assert room.queue.renew(room.launcher.leases[release]) == Wish.YIELD
    assert [event.what for event in room.store.events(job_id=release)].count("preempt") == 1
    room.queue.release(room.launcher.leases[release])
    room.service.step()
    assert [job.id for job in room.running()] == [mine]
    assert room.store.get(release).state == JobState.READY


def test_what_is_in_the_way_of_prompt_work_and_out_of_reach_is_asked_to_stop(room):
    room = room(slots=1)
    release = room.submit("bo", JobClass.DATA_RELEASE)
    lease = room.queue.claim()
    room.queue.begin(lease, runner="elsewhere:1:2")
    room.submit("hven-batch", JobClass.PROMPT)

    room.service.step()

    assert room.queue.renew(lease) == Wish.PAUSE
    assert room.store.get(release).state == JobState.RUNNING


def test_a_dead_runner_is_noticed_in_the_next_round(room):
    room = room(slots=1)
    job = room.submit()
    room.service.step()
    room.launcher._running[job].kill()

    room.service.step()

    assert (room.store.get(job).attempt, room.launcher.order) == (2, [job, job])


def test_the_queue_tells_when_a_job_will_start(room):
    room = room(slots=1)
    request = JobRequest(pipeline="panoseti/calibrate")
    hours = [
        room.store.submit(request, user="ada", estimate=Estimate(quanta=1, done=0, wall_minutes=60)).id
        for _ in range(3)
    ]
    room.service.step()

    waiting = [room.store.get(job) for job in hours[1:]]

    assert [job.position for job in waiting] == [1, 2]
    first, second = (job.expected_start_ns for job in waiting)
    assert second - first == pytest.approx(3600 * NS, rel=0.01)


def test_a_waiting_job_moves_into_another_class_and_the_audit_tells(room):
    room = room(slots=1)
    job, other = room.submit("ada"), room.submit("bo")

    moved = room.store.reclass(other, JobClass.OFFLINE, who="olga")

    assert (moved.request.job_class, moved.position, room.store.get(job).position) == (JobClass.OFFLINE, 0, 1)
    event = room.store.events(job_id=other)[0]
    assert (event.who, event.what, event.parameters) == ("olga", "reclass", {"from": "data-access", "to": "offline"})
