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
from batch_here import alive, pid_of, wait_for
from launchers import Kind, at_work, ended, of_users


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


def test_a_runner_does_its_job_its_output_is_the_jobs_log_closed_to_others_and_it_is_collected(kind):
    job = kind.submit(quanta=5, seconds=0.2)
    kind.ask("launch")

    at_work(kind, job)
    assert kind.ask("collect") == "1"
    assert ended(kind, job).state == JobState.SUCCEEDED
    assert kind.store.get(job).counts.done == 5
    wait_for(lambda: kind.ask("collect") == "0")
    log = job_log(kind.settings, job)
    assert "job begins" in log.read_text()
    assert log.stat().st_mode & 0o007 == 0
    assert log.stat().st_uid == (kind.uid if kind.user == "tycho" else log.parent.stat().st_uid)


def test_a_runner_has_its_account_and_session_shows_no_lease_and_stops_when_its_job_is_cancelled(kind):
    job = kind.submit(quanta=1000, seconds=0.1)
    lease = kind.ask("launch").encode()
    runner = pid_of(at_work(kind, job))

    assert Path(f"/proc/{runner}").stat().st_uid == kind.uid
    assert Path(f"/proc/{runner}/cwd").readlink() == Path("/")
    assert os.getsid(runner) != os.getsid(kind.driver.pid)
    assert len(lease) == 32
    assert shown_by_processes(lease) == set()

    kind.store.cancel(job, who=kind.user)

    assert ended(kind, job).state == JobState.DELETED
    wait_for(lambda: not alive(runner))


def shown_by_processes(secret):
    """Where one reads it in arguments or environments."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                text = (process / name).read_bytes()
            except OSError:
                continue
            if secret in text:
                found.add((process.name, name))
    return found


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


def test_a_runner_lives_on_when_the_service_is_killed(kind):
    job = kind.submit(quanta=20, seconds=0.1)
    kind.ask("launch")
    runner = pid_of(at_work(kind, job))

    kind.end_driver()

    assert (ended(kind, job).state, pid_of(kind.store.get(job))) == (JobState.SUCCEEDED, runner)
