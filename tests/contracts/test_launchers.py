"""What the batch service may expect of whatever starts its runners: its own account, sudo under others, or Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hven.batch.launcher import job_log
from hven.batch.model import JobState
from hven.core.settings import BatchSettings, Settings

sys.path.append(str(Path(__file__).parents[1] / "support"))
from launchers import Kind, alive, at_work, ended, of_users, pid_of, wait_for


@pytest.fixture(params=["direct", "sudo", "slurm"])
def kind(request):
    made = request.getfixturevalue(f"{request.param}_kind")
    yield made
    made.end_jobs()


@pytest.fixture(scope="module")
def direct_kind(tmp_path_factory, repository):
    folder = tmp_path_factory.mktemp("launcher")
    (folder / "data").mkdir()
    settings = Settings(root=folder / "data", state=folder / "state", batch=BatchSettings(lease_s=5))
    site = folder / "site.yaml"
    site.write_text(f"root: {settings.root}\nstate: {settings.state}\nbatch: {{lease_s: 5}}\n")
    support = repository / "tests" / "support"
    words = [sys.executable, support / "launcher_driver.py", "direct", site, sys.executable, support / "slow_job.py"]
    pipe = subprocess.PIPE
    made = Kind(
        settings,
        "tycho",
        os.getuid(),
        lambda: subprocess.Popen([str(w) for w in words], stdin=pipe, stdout=pipe, text=True),
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def sudo_kind(accounts, installation, repository):
    with of_users("sudo", accounts, installation, repository) as made:
        yield made


@pytest.fixture(scope="module")
def slurm_kind(slurm, accounts, installation, repository):
    slurm.allow("people", "hvt-ada")
    with of_users("slurm", accounts, installation, repository, slurm) as made:
        yield made


def test_a_runner_does_its_job_and_its_output_is_the_jobs_log(kind):
    job = kind.submit()
    kind.ask("launch")

    assert ended(kind, job).state == JobState.SUCCEEDED
    assert kind.store.get(job).counts.done == 3
    wait_for(lambda: kind.ask("collect") == "0")
    assert "job begins" in job_log(kind.settings, job).read_text()


def test_a_runner_has_the_account_it_should_have_and_a_session_of_its_own(kind):
    job = kind.submit(quanta=100, seconds=0.1)
    kind.ask("launch")
    runner = pid_of(at_work(kind, job))

    assert Path(f"/proc/{runner}").stat().st_uid == kind.uid
    assert Path(f"/proc/{runner}/cwd").readlink() == Path("/")
    assert os.getsid(runner) != os.getsid(kind.driver.pid)


def test_no_process_shows_a_lease_in_its_arguments_or_environment(kind):
    job = kind.submit(quanta=100, seconds=0.1)
    lease = kind.ask("launch").encode()
    at_work(kind, job)
    assert len(lease) == 32

    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                text = (process / name).read_bytes()
            except OSError:
                continue
            if lease in text:
                found.add((process.name, name))
    assert found == set()


def test_what_has_ended_is_collected(kind):
    job = kind.submit(quanta=5, seconds=0.2)
    kind.ask("launch")

    at_work(kind, job)
    assert kind.ask("collect") == "1"
    ended(kind, job)
    wait_for(lambda: kind.ask("collect") == "0")


def test_a_runner_that_ended_by_itself_hears_nothing_more(kind):
    job = kind.submit(quanta=1000, seconds=0.1)
    kind.ask("launch")
    runner = pid_of(at_work(kind, job))
    os.kill(runner, signal.SIGKILL)
    wait_for(lambda: not alive(runner))

    assert kind.ask("kill") == "None"
    assert kind.ask("collect") == "0"


@pytest.mark.parametrize(("verb", "answer"), [("kill", "None"), ("end", "True")])
def test_a_killed_runner_is_gone(kind, verb, answer):
    job = kind.submit(quanta=1000, seconds=0.1)
    kind.ask("launch")
    runner = pid_of(at_work(kind, job))

    assert kind.ask(verb) == answer

    wait_for(lambda: not alive(runner))
    assert kind.ask("collect") == "0"


def test_a_cancelled_job_stops(kind):
    job = kind.submit(quanta=1000, seconds=0.1)
    kind.ask("launch")
    runner = pid_of(at_work(kind, job))

    kind.store.cancel(job, who=kind.user)

    assert ended(kind, job).state == JobState.DELETED
    wait_for(lambda: not alive(runner))


def test_a_runner_lives_on_when_the_service_is_killed(kind):
    job = kind.submit(quanta=20, seconds=0.1)
    kind.ask("launch")
    runner = pid_of(at_work(kind, job))

    kind.end_driver()

    assert (ended(kind, job).state, pid_of(kind.store.get(job))) == (JobState.SUCCEEDED, runner)


def test_logs_are_closed_to_others(kind):
    job = kind.submit()
    kind.ask("launch")
    ended(kind, job)
    wait_for(lambda: kind.ask("collect") == "0")

    log = job_log(kind.settings, job)
    assert log.stat().st_mode & 0o007 == 0
    assert log.stat().st_uid == (kind.uid if kind.user == "tycho" else log.parent.stat().st_uid)
