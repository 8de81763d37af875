"""Dask on this machine: worker processes behind TLS on loopback."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import dask
from dask.utils import parse_bytes
from distributed import Client, Nanny, SpecCluster

from hven.cluster.certificates import make_keys, security
from hven.cluster.client import StartedEngine
from hven.cluster.cores import Cores, shrunk, take_cores
from hven.cluster.forking import fork_workers
from hven.cluster.private_pages import PrivateScheduler, PrivateWorker
from hven.cluster.threads import WHEN_LOADED, WORKER_ENVIRONMENT
from hven.core.logging import get_logger
from hven.core.settings import Profile

_NOTEBOOK_WAITS_S, _WORK_WAITS_S = 60.0, 3600.0
_COMES_BACK = "5 minutes"  # starting Python on a busy machine takes its time
_log = get_logger(__name__)

DASK = {
    # The engine decides what a dead worker means, see `ClientEngine.map`.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.nanny.pre-spawn-environ": WHEN_LOADED,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.http.routes": [],
    "distributed.admin.system-monitor.disk": False,
    # An idle cluster costs little.
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.tick.interval": "500ms",
    "distributed.worker.memory.monitor-interval": "250ms",
    "distributed.admin.low-level-log-length": 1000,
}
"""Dask's configuration, of schedulers and workers alike."""
NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": []}
"""Of a scheduler that nobody looks at: its pages take a quarter of a second of processor time to load."""


class OwnCluster(SpecCluster):
    """A cluster on this machine whose size stays within the cores that were taken for it.

    Parameters
    ----------
    most
        Workers at most; any number where nobody else needs the cores.
    cores
        Given back at the end.
    """

    def __init__(self, *, most: int | None, cores: Cores, **options: Any) -> None:
        self._most = most
        self._cores = cores
        super().__init__(**options)

    def scale(self, n: int = 0, memory: str | int | None = None, cores: int | None = None) -> Any:
        """Change the number of workers, as far as there are cores for them."""
        if memory is not None:
            n = max(n, math.ceil(parse_bytes(memory) / self._memory_per_worker()))
        if cores is not None:
            n = max(n, math.ceil(cores / self._threads_per_worker()))
        if self._most is not None and n > self._most:
            _log.warning("there are no cores for so many workers", wanted=n, workers=self._most)
            n = self._most
        return super().scale(n)

    def _update_worker_status(self, op: str, msg: Any) -> None:
        """Let a worker that has died come back; Dask would give it up after 15 s, and wait for ever without workers."""
        with dask.config.set({"distributed.deploy.lost-worker-timeout": _COMES_BACK}):
            super()._update_worker_status(op, msg)

    def close(self, timeout: float | None = None) -> Any:
        """End workers and scheduler, then let others use the cores."""
        done = super().close(timeout)
        self._cores.give_back()
        return done


def start_cluster(
    profile: Profile, *, folder: Path, dashboard: bool, cores: Cores | None = None, most: int | None = None
) -> OwnCluster:
    """Start a scheduler and worker processes on 127.0.0.1 behind TLS.

    Parameters
    ----------
    profile
        Workers, threads and memory of each.
    folder
        Private folder (0700) for keys and what workers spill.
    dashboard
        Serve Dask's dashboard on a free loopback port, to this user only.
    cores, most
        See `OwnCluster`.
    """
    make_keys(folder)
    fork_workers()
    everywhere = {"host": "127.0.0.1", "protocol": "tls://", "security": security(folder)}
    silence = logging.WARNING if dashboard else logging.CRITICAL
    worker = {
        **everywhere,
        "nthreads": profile.threads_per_worker,
        "memory_limit": int(profile.memory_gb * 1e9),
        "local_directory": str(folder),
        "worker_class": PrivateWorker,
        "dashboard": False,
        "env": WORKER_ENVIRONMENT,
        "silence_logs": silence,
    }
    scheduler = {
        **everywhere,
        "dashboard": dashboard,
        "dashboard_address": "127.0.0.1:0",
        "local_directory": str(folder),  # Dask's default has a lock that all clusters of the machine wait for
    }
    with dask.config.set(DASK if dashboard else DASK | NO_PAGES):
        return OwnCluster(
            most=most,
            cores=cores or Cores([]),
            scheduler={"cls": PrivateScheduler, "options": scheduler},
            workers={number: {"cls": Nanny, "options": worker} for number in range(profile.workers)},
            worker={"cls": Nanny, "options": worker},
            security=everywhere["security"],
            silence_logs=silence,
        )


def _sized(profile: Profile, folder: Path | None, *, stays: bool) -> tuple[Profile, Cores | None, int | None]:
    """A size that the machine has cores for, the cores, and how many workers it may grow to."""
    if folder is None:
        return profile, None, None
    wanted = profile.workers * profile.threads_per_worker
    cores = take_cores(folder, wanted, stays=stays, patience_s=_NOTEBOOK_WAITS_S if stays else _WORK_WAITS_S)
    fitting = shrunk(profile, len(cores))
    return fitting, cores, fitting.workers


class LocalEngine(StartedEngine):
    """Worker processes on this machine, started with the engine and ended by `close`.

    Parameters
    ----------
    profile
        Size, at most.
    cores
        Folder of the machine's cores where they are shared: see `hven.cluster.cores`.
    """

    def __init__(self, profile: Profile, *, cores: Path | None = None) -> None:
        size, taken, most = _sized(profile, cores, stays=False)
        self._folder = private_folder()
        self._cleaner = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._cluster = start_cluster(size, folder=self._folder, dashboard=False, cores=taken, most=most)
        super().__init__(Client(self._cluster, set_as_default=False), size.workers * size.threads_per_worker)

    def close(self) -> None:
        """End workers and scheduler and remove the keys."""
        self._client.close()
        self._cluster.close()
        self._cleaner()


def private_folder() -> Path:
    """Make a folder that only its owner may enter."""
    return Path(tempfile.mkdtemp(prefix="hven-dask-"))


def notebook_client(profile: Profile, *, service_prefix: str = "", cores: Path | None = None) -> Client:
    """Client of a new cluster on this machine; the cluster ends with the kernel or with `client.cluster.close()`.

    Parameters
    ----------
    profile
        Size, at most.
    service_prefix
        Address of the user's server below the hub, e.g. ``/user/ada/``; the dashboard's link then goes through it.
    cores
        Folder of the machine's cores where they are shared: see `hven.cluster.cores`.
    """
    size, taken, most = _sized(profile, cores, stays=True)
    folder = private_folder()
    cluster = start_cluster(size, folder=folder, dashboard=True, cores=taken, most=most)
    weakref.finalize(cluster, shutil.rmtree, folder, ignore_errors=True)
    if service_prefix:
        dask.config.set({"distributed.dashboard.link": f"{service_prefix}proxy/{{port}}/status"})
    return Client(cluster)
