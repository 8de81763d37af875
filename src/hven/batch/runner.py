"""The process of one job: ``python -m hven.batch.runner [--as-user]``; with ``--serve SITE``, what forks them.

It loads the rest when it runs: Dask's worker processes load the main module of their parent anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hven.cluster.threads import only_one_for_algebra
from hven.core.loading import loading


def main(arguments: Sequence[str]) -> int:
    """Run the job of the order that comes through the standard input; gives the exit code."""
    only_one_for_algebra()
    with loading():
        from hven.batch.forkserver import SERVES, serve
    if arguments[:1] != [SERVES]:
        return _run(arguments)
    with loading():
        from hven.batch.forks import load_early
    load_early(Path(arguments[1]))
    return serve(lambda: _run([]))


def _run(arguments: Sequence[str]) -> int:
    with loading():
        from hven.batch.attempt import run_order
        from hven.batch.environments.enter import order_stream
        from hven.batch.order import read_order
    return run_order(read_order(order_stream(arguments)), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
