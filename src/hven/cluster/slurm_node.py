"""What a Dask worker's Slurm job runs: ``python -I -m hven.cluster.slurm_node``, submitted by `hven.cluster.slurm`.

It works until its scheduler goes away or Slurm ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import dask
from distributed import Nanny

from hven.cluster.certificates import security
from hven.cluster.forking import fork_here, fork_workers
from hven.cluster.local import DASK, private_folder
from hven.cluster.private_pages import PrivateWorker
from hven.cluster.threads import WORKER_ENVIRONMENT

_STOP_S = 5


def main(arguments: Sequence[str]) -> None:
    """Work as the arguments say, which dask-jobqueue writes; clear up."""
    asked = _parser().parse_args(arguments)
    fork_here()
    fork_workers()
    folder = private_folder()
    try:
        with dask.config.set(DASK):
            asyncio.run(_work(asked, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler")
    parser.add_argument("--name")
    parser.add_argument("--nthreads", type=int)
    parser.add_argument("--memory-limit")
    parser.add_argument("--death-timeout", type=float)
    parser.add_argument("--interface")
    parser.add_argument("--protocol")
    for file in ("ca-file", "cert", "key"):
        parser.add_argument(f"--tls-{file}", type=Path)
    return parser


async def _work(asked: argparse.Namespace, folder: Path) -> None:
    nanny = Nanny(
        asked.scheduler,
        name=asked.name,
        nthreads=asked.nthreads,
        memory_limit=asked.memory_limit,
        death_timeout=asked.death_timeout,
        interface=asked.interface,
        protocol=asked.protocol,
        security=security(asked.tls_cert.parent),
        local_directory=str(folder),
        worker_class=PrivateWorker,
        dashboard=False,
        env=WORKER_ENVIRONMENT,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(nanny.close(_STOP_S)))
    await nanny
    await nanny.finished()


if __name__ == "__main__":
    main(sys.argv[1:])
