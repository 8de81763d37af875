"""A Dask cluster that no job owns: ``dask_host.py KEYS PORT WORKERS``; it ends with its session."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import dask
from distributed import Nanny, Scheduler, SpecCluster

from hven.cluster.certificates import security
from hven.cluster.local import DASK
from hven.cluster.threads import WORKER_ENVIRONMENT


def main(keys, port, workers):
    secure = security(Path(keys))
    everywhere = {"host": "127.0.0.1", "protocol": "tls://", "security": secure}
    nanny = {**everywhere, "nthreads": 1, "env": WORKER_ENVIRONMENT, "dashboard": False, "local_directory": keys}
    with dask.config.set(DASK):
        SpecCluster(
            scheduler={"cls": Scheduler, "options": {**everywhere, "port": int(port), "dashboard": False}},
            workers={number: {"cls": Nanny, "options": nanny} for number in range(int(workers))},
            security=secure,
        )
        sys.stdout.write("up\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
