"""The process of one job: ``python -m hven.batch.runner [--as-user]``, started by a launcher.

It loads the rest when it runs: Dask's worker processes load the main module of their parent anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hven.cluster.threads import only_one_for_algebra
from hven.core.loading import loading


def main(arguments: Sequence[str]) -> int:
    """Run the job of the order that comes through the standard input; gives the exit code."""
    only_one_for_algebra()
    with loading():
        from hven.batch.attempt import run_order
        from hven.batch.environments.enter import order_stream
        from hven.batch.order import read_order
    return run_order(read_order(order_stream(arguments)), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
