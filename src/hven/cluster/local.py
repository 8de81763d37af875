"""Dask on this machine: worker processes behind TLS on loopback."""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, LocalCluster

from hven.cluster.certificates import make_keys, security
from hven.cluster.client import ClientEngine
from hven.core.settings import Profile

if TYPE_CHECKING:
    from distributed import Future

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_OWN_THREADS = ("NUMBA_NUM_THREADS", "BLOSC_NTHREADS", "RAYON_NUM_THREADS", "ARROW_IO_THREADS")
_DASK = {
    # The engine decides what a dead worker means, see `ClientEngine.map`.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(_ONE_THREAD, "1"),
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.disk": False,
    # An idle cluster costs little.
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.low-level-log-length": 1000,
}


def start_cluster(profile: Profile, *, folder: Path, dashboard: bool) -> LocalCluster:
    """Start a scheduler and worker processes on 127.0.0.1 behind TLS.

    Parameters
    ----------
    profile
        Workers, threads and memory of each.
    folder
        Private folder (0700) for keys and what workers spill.
    dashboard
        Serve Dask's dashboard on a free loopback port.
    """
    make_keys(folder)
    environment = dict.fromkeys(_OWN_THREADS, "1") | {"ZARR_THREADING__MAX_WORKERS": "1"}
    with dask.config.set(_DASK):
        return LocalCluster(
            n_workers=profile.workers,
            threads_per_worker=profile.threads_per_worker,
            memory_limit=int(profile.memory_gb * 1e9),
            processes=True,
            host="127.0.0.1",
            protocol="tls://",
            security=security(folder),
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": dashboard},
            silence_logs=logging.WARNING if dashboard else logging.CRITICAL,
            local_directory=str(folder),
            env=environment,
        )


class LocalEngine(ClientEngine):
    """Worker processes on this machine, started with the engine and ended by `close`."""

    def __init__(self, profile: Profile) -> None:
        self._folder = private_folder()
        self._cleaner = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._cores = profile.workers * profile.threads_per_worker
        self._cluster = start_cluster(profile, folder=self._folder, dashboard=False)
        super().__init__(Client(self._cluster, set_as_default=False))

    @property
    def cores(self) -> int:
        """Threads of all workers."""
        return self._cores

    def _drop(self, futures: list[Future[Any]]) -> None:
        """End the workers' processes: what runs must not go on writing."""
        super()._drop(futures)
        if self._cancelled.is_set() and self._client.status == "running":
            self._client.restart(timeout=60)

    def close(self) -> None:
        """End workers and scheduler and remove the keys."""
        self._client.close()
        self._cluster.close()
        self._cleaner()


def private_folder() -> Path:
    """Make a folder that only its owner may enter."""
    return Path(tempfile.mkdtemp(prefix="hven-dask-"))


def notebook_client(profile: Profile, *, service_prefix: str = "") -> Client:
    """Client of a new cluster on this machine; the cluster ends with the kernel or with `client.cluster.close()`.

    Parameters
    ----------
    profile
        Size.
    service_prefix
        Address of the user's server below the hub, e.g. ``/user/ada/``; the dashboard's link then goes through it.
    """
    folder = private_folder()
    cluster = start_cluster(profile, folder=folder, dashboard=True)
    weakref.finalize(cluster, shutil.rmtree, folder, ignore_errors=True)
    if service_prefix:
        dask.config.set({"distributed.dashboard.link": f"{service_prefix}proxy/{{port}}/status"})
    return Client(cluster)
