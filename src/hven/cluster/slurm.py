"""Dask in Slurm: the scheduler here, each worker a Slurm job of the same user, TLS between all of them.

The cluster's throw-away keys lie in a private folder that all nodes see; jobs are told where, never what.
"""

from __future__ import annotations

import logging
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import dask
from dask_jobqueue.slurm import SLURMCluster, SLURMJob
from distributed import Client

from hven.cluster.certificates import make_keys, security
from hven.cluster.client import StartedEngine
from hven.cluster.local import DASK, NO_PAGES
from hven.cluster.private_pages import PrivateScheduler
from hven.cluster.threads import WHEN_LOADED, WORKER_ENVIRONMENT
from hven.core.errors import ConfigurationError
from hven.core.settings import Profile, SlurmSettings

_NANNY_MB = 256
"""What a worker's Slurm job needs beside the worker: else Slurm would end it before Dask can say why."""
_LOOK_S = 2.0
_ALONE_S = 60.0
"""A worker that finds no scheduler for so long ends: Slurm may start it when its scheduler is long gone."""


class SlurmEngine(StartedEngine):
    """Workers as Slurm jobs, submitted with the engine and ended by `close` or with this process.

    One that Slurm ends is replaced; what it did is done again by another.

    Parameters
    ----------
    profile
        Size: as many Slurm jobs as workers.
    settings
        The site's cluster.
    job_class
        Class of processing, which says how urgent workers are.

    Raises
    ------
    ConfigurationError
        When Slurm refuses the workers, with its reason; or where the spool folder cannot be used.
    """

    def __init__(self, profile: Profile, settings: SlurmSettings, *, job_class: str = "data-access") -> None:
        with ExitStack() as stack:
            folder = spooled(settings, "dask")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            make_keys(folder)
            cluster = _cluster(profile, settings, folder, job_class)
            stack.callback(cluster.close)
            _submit(cluster, profile.workers, settings.programs)
            client = Client(cluster, set_as_default=False)
            stack.callback(client.close)
            super().__init__(client, profile.workers * profile.threads_per_worker)
            self._closing = stack.pop_all()

    def close(self) -> None:
        """End scheduler and workers and remove the keys."""
        self._closing.close()


def spooled(settings: SlurmSettings, name: str) -> Path:
    """A new folder on all nodes that only its owner may enter.

    Raises
    ------
    ConfigurationError
        Where the spool folder cannot be used.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=settings.spool))
    except OSError as error:
        raise ConfigurationError(
            f"{settings.spool}: {error.strerror}",
            hint="slurm.spool names a folder on all nodes in which users may make folders.",
        ) from None


def _cluster(profile: Profile, settings: SlurmSettings, folder: Path, job_class: str) -> SLURMCluster:
    asked = settings.of(job_class)
    memory = round(profile.memory_gb * 1e9)
    keys = security(folder)
    network = settings.interface or None
    extra = [
        "--no-requeue",
        "--export=LANG=C.UTF-8",
        f"--output={folder}/%j.log",
        *([f"--qos={asked.qos}"] if asked.qos else []),
    ]
    with dask.config.set(DASK | NO_PAGES):
        return SLURMCluster(
            job_cls=_job_class(settings.programs),  # type: ignore[arg-type] # it is annotated as an instance
            cores=profile.threads_per_worker,
            processes=1,
            memory=f"{memory}B",
            job_mem=f"{-(-memory // 2**20) + _NANNY_MB}M",
            walltime=str(asked.walltime_min),
            queue=asked.partition or None,
            account=settings.account or None,
            job_name="hven-worker",
            job_extra_directives=extra,
            job_script_prologue=["cd /", "umask 077", *_threads()],
            python=f"{shlex.quote(settings.python or sys.executable)} -I",
            worker_command="hven.cluster.slurm_node",
            interface=network,
            death_timeout=_ALONE_S,
            security=keys,
            protocol="tls://",
            scheduler_cls=PrivateScheduler,
            scheduler_options={
                "interface": network,
                "dashboard": False,
                "dashboard_address": "127.0.0.1:0",
                "local_directory": str(folder),
            },
            silence_logs=logging.CRITICAL,
        )


def _threads() -> list[str]:
    return [f"export {name}={value}" for name, value in (WHEN_LOADED | WORKER_ENVIRONMENT).items()]


def _job_class(programs: Path) -> type[SLURMJob]:
    """Jobs submitted by the programs of a folder."""

    class Job(SLURMJob):
        submit_command = shlex.quote(str(programs / "sbatch"))
        cancel_command = shlex.quote(str(programs / "scancel"))

    return Job


def _submit(cluster: SLURMCluster, workers: int, programs: Path) -> None:
    """Hand the workers to Slurm, which starts them when it can, and keep their number up."""
    sbatch = str(programs / "sbatch")
    try:
        trial = subprocess.run(  # noqa: S603 - Slurm's, from the site file
            [sbatch, "--test-only"], input=cluster.job_script(), capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ConfigurationError(f"{sbatch}: {error.strerror}", hint="slurm.programs names its folder.") from None
    if trial.returncode:
        raise ConfigurationError(
            f"Slurm takes no Dask workers: {' '.join(trial.stderr.split())}",
            hint="slurm: in the site file says what they ask for.",
        )
    cluster.scale(workers)
    cluster.adapt(minimum=workers, maximum=workers, interval=_LOOK_S)
