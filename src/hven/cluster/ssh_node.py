"""What runs on a host of the ssh engine: ``python -P -m hven.cluster.ssh_node``, started by `hven.cluster.ssh`.

It says where it is in one line, gets its order with the cluster's keys in one line through its standard input, says
when its workers run, and works until that input ends: with the engine, with the caller's death or with the connection.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask
from distributed import Nanny

from hven.cluster.certificates import CERTIFICATE, KEY, security, write_keys
from hven.cluster.forking import fork_here, fork_workers
from hven.cluster.local import DASK, private_folder
from hven.cluster.private_pages import PrivateWorker
from hven.cluster.threads import WORKER_ENVIRONMENT

HELLO = "hven-node "
"""Begins the line with which a node answers; what a shell says before it is passed over."""

READY = "hven-node-ready"
"""Begins the line that says that all workers run; none may work before, as a nanny whose worker dies then gives up."""


def versions() -> dict[str, str]:
    """What must be the same on all hosts for Dask to work."""
    return {"python": ".".join(map(str, sys.version_info[:2])), "distributed": version("distributed")}


def main() -> None:
    """Say hello, work, clear up."""
    caller, _, here, _ = os.environ["SSH_CONNECTION"].split()
    tell = _output()
    tell(f"{HELLO}{json.dumps({'caller': caller, 'here': here, 'versions': versions()})}")
    line = sys.stdin.readline()
    if not line:
        return
    order = json.loads(line)
    fork_here()
    fork_workers()
    folder = private_folder()
    try:
        write_keys(folder, {CERTIFICATE: order["certificate"], KEY: order["key"]})
        with dask.config.set(DASK):
            asyncio.run(_work(order, folder, here, lambda: tell(READY)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _output() -> Callable[[str], object]:
    """Take the standard output for the caller; what workers print joins the errors, else it waits for a reader."""
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda line: output.write(f"{line}\n")


async def _work(order: dict[str, Any], folder: Path, here: str, tell_ready: Callable[[], object]) -> None:
    nannies = [
        Nanny(
            order["scheduler"],
            nthreads=order["threads"],
            memory_limit=order["memory"],
            local_directory=str(folder),
            worker_class=PrivateWorker,
            security=security(folder),
            protocol="tls://",
            host=here,
            dashboard=False,
            env=WORKER_ENVIRONMENT,
        )
        for _ in range(order["workers"])
    ]
    try:
        await asyncio.gather(*nannies)
        tell_ready()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    finally:
        await asyncio.gather(*(nanny.close(timeout=5) for nanny in nannies), return_exceptions=True)


if __name__ == "__main__":
    main()
