"""What the batch service may expect of whatever starts its runners: under its own account, or by sudo under others."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hven.batch.launcher import job_log
from hven.batch.model import JobRequest, JobState
from hven.batch.store import JobStore
from hven.core.settings import BatchSettings, Settings
from hven.observatory import connect
from hven.registry.database import Database

sys.path.append(str(Path(__file__).parents[1] / "support"))
from api_server import serving

SCRIPT = """#!/bin/sh
cd / || exit 1
exec /usr/bin/env -i PATH=/usr/bin:/bin LANG=C.UTF-8 {python} -I {runner} --as-user
"""


@dataclass
class Kind:
    """A launcher at work in a process of its own, and what is particular about it."""

    settings: Settings
    user: str
    uid: int
    start: object
    store: JobStore = field(init=False)
    driver: subprocess.Popen | None = None
    jobs: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.store = JobStore(Database(self.settings.platform_url))

    def submit(self, quanta=3, seconds=0.0):
        config = {"slow": {"quanta": quanta, "s": seconds}}
        self.jobs.append(self.store.submit(JobRequest(pipeline="panoseti/slow", config=config), user=self.user).id)
        return self.jobs[-1]

    def ask(self, verb):
        """Let the launcher do something; its answer."""
        if self.driver is None:
            self.driver = self.start()
        self.driver.stdin.write(f"{verb}\n")
        self.driver.stdin.flush()
        return self.driver.stdout.readline().strip()

    def end_driver(self):
        if self.driver is not None:
            self.driver.kill()
            self.driver.communicate()
            self.driver = None

    def end_jobs(self):
        """Leave nothing of a test: no runner, no file that says that a quantum was done."""
        while self.jobs:
            if (job := self.store.get(self.jobs.pop())).runner:
                end_group(pid_of(job))
        for file in self.settings.root.rglob("*.made"):
            file.unlink()
        if self.driver is not None:
            wait_for(lambda: self.ask("collect") == "0")

    def close(self):
        self.end_driver()
        self.store.database.close()


@pytest.fixture(params=["direct", "sudo"])
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
    import installation as installing

    with installing.open_folder("launcher") as folder, sudoers(folder / "own") as prefix:
        put_stand_in(prefix, installation, repository)
        site = installing.make_site(
            folder, accounts, installing.Installation(installation.prefix), batch={"lease_s": 5}
        )
        site.file.write_text(site.file.read_text().replace(str(installation.prefix), str(prefix)))
        for name in ("platform", "registry"):
            file = site.state / f"{name}.sqlite"
            file.touch()
            file.chmod(0o660)
        own = site.root / "users" / "hvt-ada"
        own.mkdir()
        os.chown(own, accounts.ada.uid, accounts.ada.gid)
        with connect(site.file) as obs, serving(obs) as api:
            words = [installation.python, prefix / "launcher_driver.py", "sudo", site.file, api.url]
            pipe = subprocess.PIPE
            made = Kind(
                obs.settings,
                "hvt-ada",
                accounts.ada.uid,
                lambda: accounts.batch.popen(*words, stdin=pipe, stdout=pipe, text=True, umask=0o007),
            )
            yield made
            made.close()


def put_stand_in(prefix, installation, repository):
    """The real runner with other work, where sudo's configuration expects it."""
    (prefix / "libexec").mkdir(parents=True)
    for name in ("slow_job.py", "launcher_driver.py"):
        shutil.copy(repository / "tests" / "support" / name, prefix / name)
    script = prefix / "libexec" / "hven-runner"
    script.write_text(SCRIPT.format(python=installation.python, runner=prefix / "slow_job.py"))
    script.chmod(0o755)


@contextmanager
def sudoers(prefix):
    """The line of the installation, for a program below another prefix."""
    from accounts import GROUPS, SERVICES

    from hven.hub.machine.files import SystemFile, fill, sudoers_name, write

    template = Path(__file__).parents[2] / "platform" / "sudo" / "sudoers"
    values = {"prefix": str(prefix), "batch": SERVICES["batch_account"], "users": GROUPS["users_group"]}
    file = SystemFile(Path("/etc/sudoers.d") / sudoers_name(prefix), fill(template.read_text(), values), 0o440)
    write(file)
    try:
        yield prefix
    finally:
        file.path.unlink()


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def at_work(kind, job):
    return wait_for(lambda: (found := kind.store.get(job)).counts.done and found)


def ended(kind, job):
    return wait_for(lambda: (found := kind.store.get(job)).state.ended and found)


def pid_of(job):
    return int(job.runner.split(":")[1])


def end_group(pid):
    try:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    except ProcessLookupError:
        return


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_a_runner_does_its_job_and_its_output_is_the_jobs_log(kind):
    job = kind.submit()
    kind.ask("launch")

    assert ended(kind, job).state == JobState.SUCCEEDED
    assert kind.store.get(job).counts.done == 3
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

    log = job_log(kind.settings, job)
    assert log.stat().st_mode & 0o007 == 0
    assert log.stat().st_uid == (kind.uid if kind.user == "tycho" else log.parent.stat().st_uid)
