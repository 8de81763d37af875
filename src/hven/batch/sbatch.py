"""Errands in Slurm under a job's own account: hand its runner to Slurm, end it, clear up.

A runner in Slurm is told its job as any other, by a line through its standard input. That line lies in a private folder
on all nodes until the runner begins: neither arguments nor environment nor the script, all of which Slurm keeps, hold
the lease.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hven.batch.order import Errand, Order
from hven.core.errors import ConfigurationError, ServiceUnavailableError
from hven.core.settings import Settings, SlurmSettings

LOG = "log"
_ORDER = "order"
_NAME = re.compile(r"hven-[a-z0-9.-]+")
_WARNED_S = 60
"""A runner is told so long before its time is over: its job goes on in a new one."""
_AWAY = re.compile(r"unable to contact|timed out|zero bytes|connection refused|standby", re.IGNORECASE)
_ENDED = re.compile(r"invalid job id|already complet", re.IGNORECASE)
_CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_SCRIPT = """#!/bin/sh
cd {folder} && exec <{order} && rm {order} && cd / || exit 1
umask 027
exec /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME={home} \\
    {python} -I -m hven.batch.runner --as-user
"""


def run_errand(settings: Settings, order: Order, errand: Errand) -> int:
    """Do what an order says about a job in Slurm; gives the exit code, and prints Slurm's number of a new job."""
    slurm = settings.slurm
    if slurm is None or not _NAME.fullmatch(errand.name):
        raise ConfigurationError(f"errand {errand.name!r} is for no job in Slurm")
    try:
        if errand.verb == "submit":
            sys.stdout.write(f"{submit(slurm, order, errand)}\n")
        elif errand.verb == "cancel":
            cancel(slurm, errand)
        else:
            shutil.rmtree(slurm.spool / errand.name, ignore_errors=True)
    except (ConfigurationError, ServiceUnavailableError) as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_code
    return 0


def submit(slurm: SlurmSettings, order: Order, errand: Errand) -> int:
    """Hand a job's runner to Slurm; gives Slurm's number.

    Raises
    ------
    ConfigurationError
        When Slurm refuses it, or the spool folder cannot be used.
    ServiceUnavailableError
        When Slurm does not answer; it may have taken the job.
    """
    folder = slurm.spool / errand.name
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        _write(folder / _ORDER, replace(order, errand=None).line())
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: {error.strerror}", hint="slurm.spool names a folder on all nodes."
        ) from None
    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    script = _SCRIPT.format(
        folder=shlex.quote(str(folder)),
        order=_ORDER,
        home=shlex.quote(str(home if home.is_dir() else folder)),
        python=shlex.quote(slurm.python or sys.executable),
    )
    said = ask(slurm, "sbatch", *_words(slurm, folder, errand), given=script)
    return int(said.partition(";")[0])


def cancel(slurm: SlurmSettings, errand: Errand) -> None:
    """End a job whatever it does; nothing happens to one that has ended."""
    for how in (("--full", "--signal=KILL", "--state=RUNNING"), ()):
        try:
            ask(slurm, "scancel", *how, f"--name={errand.name}", str(errand.number))
        except ConfigurationError as error:
            if not _ENDED.search(error.message):
                raise


def ask(slurm: SlurmSettings, program: str, *words: str, given: str = "") -> str:
    """Run one of Slurm's programs; what it prints.

    Raises
    ------
    ServiceUnavailableError
        When Slurm does not answer.
    ConfigurationError
        When it refuses.
    """
    command = [str(slurm.programs / program), *words]
    try:
        done = subprocess.run(  # noqa: S603 - Slurm's, from root's site file
            command, input=given, capture_output=True, text=True, check=False, env=_CLEAN, cwd="/"
        )
    except OSError as error:
        raise ConfigurationError(f"{command[0]}: {error.strerror}", hint="slurm.programs names its folder.") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        if _AWAY.search(reason):
            raise ServiceUnavailableError(f"Slurm does not answer: {reason}")
        raise ConfigurationError(f"Slurm refuses: {reason}", hint="slurm: in the site file says what jobs ask for.")
    return done.stdout.strip()


def _words(slurm: SlurmSettings, folder: Path, errand: Errand) -> Sequence[str]:
    asked = slurm.of(errand.job_class)
    wanted = {"account": slurm.account, "partition": asked.partition, "qos": asked.qos}
    return [
        "--parsable",
        f"--job-name={errand.name}",
        f"--output={folder / LOG}",
        "--open-mode=append",
        "--chdir=/",
        "--export=LANG=C.UTF-8",
        "--no-requeue",  # the batch service hands it over again, without what is finished
        f"--signal=B:TERM@{_WARNED_S}",
        f"--time={min(asked.walltime_min, errand.wall_min or asked.walltime_min)}",
        "--ntasks=1",
        f"--cpus-per-task={errand.cores}",
        f"--mem={errand.memory_mb}M",
        *(f"--{option}={value}" for option, value in wanted.items() if value),
    ]


def _write(file: Path, line: bytes) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(line)
