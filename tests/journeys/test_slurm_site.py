"""What a real Slurm does to jobs of the platform: who goes first, how many, and what happens when parts go away."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from hven.batch import sbatch
from hven.batch.launcher import job_log
from hven.batch.model import JobState
from hven.batch.order import Errand
from hven.batch.slurm_states import standings
from hven.batch.tables import JOB
from hven.core.settings import ServerSettings, SlurmClass
from hven.hub.machine.slurm_checks import examine_slurm

sys.path.append(str(Path(__file__).parents[1] / "support"))
from launchers import at_work, ended, of_users, wait_for

WHOLE_NODE = {"runner_memory_gb": 3.6}


@pytest.fixture(scope="module")
def site(slurm, accounts, installation, repository):
    slurm.allow("people", "hvt-ada")
    slurm.allow("operators", "hvt-batch")
    with of_users("slurm", accounts, installation, repository, slurm, **WHOLE_NODE) as made:
        yield made


@pytest.fixture(autouse=True)
def end_jobs(site, slurm):
    yield
    cancel_all(site)
    slurm.clear()
    wait_for(lambda: site.ask("collect") == "0")
    cancel_all(site)  # those that were given back meanwhile
    for made in (site.settings.root / "users").rglob("*.made"):
        made.unlink()


def cancel_all(site):
    for job in site.store.find():
        if not job.state.ended:
            site.store.cancel(job.id, who="hvt-ada")


def started(site, job, seconds=60):
    return wait_for(lambda: (found := site.store.get(job)).state == JobState.RUNNING and found, seconds)


def shared(site, job_class, **more):
    """A job of the observatory's, handed to Slurm."""
    job = site.submit(shared=True, job_class=job_class, **more)
    site.ask("launch")
    return job


def patience_s(site, job):
    """Seconds that are left to whoever has a job."""
    with site.store.database.read() as connection:
        until = connection.scalar(sa.select(JOB.c.lease_until_ns).where(JOB.c.id == job))
    return until / 1e9 - time.time()


@contextmanager
def slow_nodes(site):
    """Nodes on which a runner does not begin."""
    python = Path(site.settings.slurm.python)
    usual = python.read_text()
    python.write_text(usual.replace("cd /", f"while [ -e {python}.slow ]; do sleep 0.1; done; cd /", 1))
    slow = python.with_name("python.slow")
    slow.touch()
    try:
        yield slow
    finally:
        slow.unlink(missing_ok=True)
        python.write_text(usual)


def test_a_prompt_job_takes_the_place_of_a_data_release_job_which_goes_on_later(site):
    filling = [shared(site, "data-release", quanta=1000, seconds=0.1) for _ in range(4)]
    for job in filling:
        at_work(site, job)

    prompt = shared(site, "prompt", quanta=1)

    (given_back,) = wait_for(lambda: [j for j in map(site.store.get, filling) if j.state == JobState.READY])
    assert given_back.attempt == 0
    assert ended(site, prompt).state == JobState.SUCCEEDED
    site.ask("launch")
    assert started(site, given_back.id).attempt == 1


def test_one_person_gets_no_more_cores_than_the_class_gives_and_hears_why_a_job_waits(site, slurm):
    slurm.ask("sacctmgr", "--immediate", "modify", "qos", "hven-data-access", "set", "maxtresperuser=cpu=2")
    try:
        jobs = [site.submit(quanta=1000, seconds=0.1) for _ in range(3)]
        for _ in jobs:
            site.ask("launch")
        for job in jobs[:2]:
            at_work(site, job)

        reason = wait_for(lambda: site.ask("collect") and site.store.get(jobs[2]).message)
        assert reason == "waits in Slurm: QOSMaxCpuPerUserLimit"
        assert site.store.get(jobs[2]).state == JobState.PENDING

        site.store.cancel(jobs[2], who="hvt-ada")
        wait_for(lambda: site.ask("collect") and site.store.get(jobs[2]).state == JobState.DELETED)
    finally:
        slurm.ask("sacctmgr", "--immediate", "modify", "qos", "hven-data-access", "set", "maxtresperuser=cpu=4")


def test_what_runs_on_a_drained_node_ends_and_nothing_new_starts_there(site, slurm):
    job = site.submit(quanta=20, seconds=0.1)
    site.ask("launch")
    at_work(site, job)
    (node,) = set(slurm.ask("squeue", "--noheader", "--states=RUNNING", "--format=%N").split())
    slurm.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    try:
        next_job = site.submit(quanta=1000, seconds=0.1)
        site.ask("launch")
        at_work(site, next_job)

        assert ended(site, job).state == JobState.SUCCEEDED
        assert slurm.ask("squeue", "--noheader", "--states=RUNNING", "--format=%N") not in {"", node}
    finally:
        slurm.ask("scontrol", "update", f"nodename={node}", "state=resume")


def test_a_controller_that_goes_away_ends_nothing_and_gets_what_came_meanwhile(site, slurm):
    running = site.submit(quanta=1000, seconds=0.1)
    site.ask("launch")
    at_work(site, running)
    slurm.write_down()
    slurm.stop_controller()
    try:
        new = site.submit(quanta=1)
        site.ask("launch")
        wait_for(lambda: site.ask("collect") and site.store.get(new).message == "waits until Slurm answers")
        done = site.store.get(running).counts.done
        wait_for(lambda: site.store.get(running).counts.done > done)
    finally:
        slurm.start_controller()

    wait_for(lambda: site.ask("collect") and site.store.get(new).state.ended)
    assert site.store.get(new).state == JobState.SUCCEEDED
    assert site.store.get(new).attempt == 1


def test_a_number_that_slurm_gives_once_more_is_not_taken_for_the_former_job(site, slurm):
    job = site.submit(quanta=1000, seconds=0.1)
    site.ask("launch")
    at_work(site, job)
    (number,) = map(int, slurm.jobs())
    former = Errand("cancel", f"hven-test-{job}-00000000", number=number)

    sbatch.cancel(site.settings.slurm, former)
    found = standings(site.settings.slurm, {number})
    assert former.name not in found
    assert [standing.state for standing in found.values()] == ["RUNNING"]


def test_a_node_that_is_slow_to_begin_costs_no_attempt(site):
    with slow_nodes(site) as slow:
        job = site.submit(quanta=1)
        site.ask("launch")
        wait_for(lambda: site.ask("collect") and patience_s(site, job) > 300)
        assert site.store.get(job).state == JobState.PENDING
        slow.unlink()

        assert ended(site, job).attempt == 1


def test_a_node_that_ends_a_job_before_it_has_begun_gives_it_back_at_once(site, slurm):
    with slow_nodes(site):
        job = site.submit(quanta=1)
        site.ask("launch")
        wait_for(lambda: site.ask("collect") and patience_s(site, job) > 300)

        slurm.clear()
        wait_for(lambda: site.ask("collect") and patience_s(site, job) <= 0)


def test_the_doctor_says_what_slurm_lacks(site, slurm):
    def problems(account="hvt-batch", **changed):
        server = ServerSettings(batch_account=account)
        found = examine_slurm(site.settings.slurm.model_copy(update=changed), server)
        return [f.says for f in found if f.level != "ok"]

    assert problems() == []
    wrong = {"prompt": SlurmClass(qos="hven-night", partition="dawn")}
    assert problems(classes=wrong) == ["there is no quality of service hven-night", "there is no partition dawn"]
    assert "hvt-ada may not use hven-calibration" in problems(account="hvt-ada")[0]
    assert "has no sbatch, squeue" in problems(programs=slurm.spool)[0]


def test_the_next_service_takes_over_what_is_in_slurm(site):
    job = site.submit(quanta=1000, seconds=0.1)
    site.ask("launch")
    at_work(site, job)
    site.end_driver()

    assert site.ask("collect") == "1"
    site.ask("kill")
    assert site.ask("collect") == "0"
    assert "ended: CANCELLED" in job_log(site.settings, job).read_text()


def test_slurm_keeps_no_lease(site, slurm):
    job = site.submit(quanta=1000, seconds=0.1)
    lease = site.ask("launch")
    at_work(site, job)

    kept = [
        file.read_bytes()
        for name in ("ctld", "slurmd", "db")
        for file in (slurm.folder / name).rglob("*")
        if file.is_file()
    ]
    shown = slurm.ask("scontrol", "show", "job", "--details") + slurm.ask("sacct", "--allusers", "--format=ALL")
    left = [file.read_text() for file in site.settings.slurm.spool.rglob("*") if file.is_file()]
    assert len(lease) == 32
    assert [text for text in (shown, *left) if lease in text] == []
    assert [text for text in kept if lease.encode() in text] == []
