"""Launchers at work in a process of their own, with a runner whose quanta take as long as a job says."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import installation as installing
from accounts import GROUPS, SERVICES
from api_server import serving
from batch_here import end_group, pid_of, wait_for

from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.settings import Settings
from hven.hub.machine.files import SystemFile, fill, sudoers_name, write
from hven.observatory import connect
from hven.registry.database import Database

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

    def submit(self, quanta=3, seconds=0.0, **more):
        config = {"slow": {"quanta": quanta, "s": seconds}}
        request = JobRequest(pipeline="panoseti/slow", config=config, **more)
        self.jobs.append(self.store.submit(request, user=self.user).id)
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
        for job in map(self.store.get, self.jobs):
            if job.runner:
                end_group(pid_of(job))
        for file in self.settings.root.rglob("*.made"):
            file.unlink()
        if self.driver is not None:
            wait_for(lambda: self.ask("collect") == "0")
        for job in map(self.store.get, self.jobs):
            if not job.state.ended:  # its runner gave it back in time
                self.store.cancel(job.id, who=self.user)
        self.jobs = []

    def close(self):
        self.end_driver()
        self.store.database.close()


@contextmanager
def of_users(kind, accounts, installation, repository, slurm=None, **asked):
    """A launcher of the installation, with a stand-in for its runners."""
    with installing.open_folder("launcher") as folder, sudoers(folder / "own") as prefix:
        put_stand_in(prefix, installation, repository, errands=slurm is not None)
        more = {"batch": {"lease_s": 5}}
        if slurm is not None:
            asked = {"runner_memory_gb": 0.5, **asked}
            section = slurm.settings(spool=folder / "spool", python=str(prefix / "python"), **asked)
            more["slurm"] = section.model_dump(mode="json")
            more["engine"] = {
                "kind": "inprocess",
                "profiles": {"one": {"workers": 1, "memory_gb": 0.1}},
                "default_profile": "one",
            }
            more["batch"]["launcher"] = "slurm"
        site = installing.make_site(folder, accounts, installing.Installation(installation.prefix), **more)
        site.file.write_text(site.file.read_text().replace(str(installation.prefix), str(prefix)))
        for name in ("platform", "registry"):
            file = site.state / f"{name}.sqlite"
            file.touch()
            file.chmod(0o660)
        own = site.root / "users" / "hvt-ada"
        own.mkdir()
        os.chown(own, accounts.ada.uid, accounts.ada.gid)
        with connect(site.file) as obs, serving(obs) as api:
            words = [installation.python, prefix / "launcher_driver.py", kind, site.file, api.url]
            pipe = subprocess.PIPE
            made = Kind(
                obs.settings,
                "hvt-ada",
                accounts.ada.uid,
                lambda: accounts.batch.popen(*words, stdin=pipe, stdout=pipe, text=True, umask=0o007),
            )
            yield made
            made.close()


def put_stand_in(prefix, installation, repository, *, errands):
    """The real runner with other work, where sudo's configuration expects it; for errands, the real program there."""
    (prefix / "libexec").mkdir(parents=True)
    for name in ("slow_job.py", "launcher_driver.py"):
        shutil.copy(repository / "tests" / "support" / name, prefix / name)
    script = prefix / "libexec" / "hven-runner"
    script.write_text(SCRIPT.format(python=installation.python, runner=prefix / "slow_job.py"))
    script.chmod(0o755)
    shutil.copy(script, prefix / "python")  # of the nodes
    (prefix / "venv").symlink_to(installation.prefix / "venv")
    if errands:
        script.write_text(SCRIPT.format(python=installation.python, runner="-m hven.batch.entry"))


@contextmanager
def sudoers(prefix):
    """The line of the installation, for a program below another prefix."""
    template = Path(__file__).parents[2] / "platform" / "sudo" / "sudoers"
    values = {"prefix": str(prefix), "batch": SERVICES["batch_account"], "users": GROUPS["users_group"]}
    file = SystemFile(Path("/etc/sudoers.d") / sudoers_name(prefix), fill(template.read_text(), values), 0o440)
    write(file)
    try:
        yield prefix
    finally:
        file.path.unlink()


def at_work(kind, job):
    return wait_for(lambda: (found := kind.store.get(job)).counts.done and found)


def ended(kind, job):
    return wait_for(lambda: (found := kind.store.get(job)).state.ended and found)
