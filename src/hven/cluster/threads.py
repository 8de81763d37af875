"""How many threads libraries start in a worker: its share is one."""

from __future__ import annotations

import os

WHEN_LOADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Libraries of linear algebra read it once, when they are loaded."""

_OWN = ("NUMBA_NUM_THREADS", "BLOSC_NTHREADS", "RAYON_NUM_THREADS", "ARROW_IO_THREADS")
WORKER_ENVIRONMENT = dict.fromkeys(_OWN, "1") | {"ZARR_THREADING__MAX_WORKERS": "1"}
"""Of worker processes: each uses no more threads than its share."""


def only_one_for_algebra() -> None:
    """To be called before anything loads numpy, in a process whose threads all compute, or that computes little.

    A second thread waits busily whenever it has nothing to do: 0.1 CPU-s go by while numpy is loaded, and as much for
    scipy.
    """
    for name, value in WHEN_LOADED.items():
        os.environ.setdefault(name, value)
