"""What `sudo` starts under other accounts, ``python -I -m hven.batch.entry --as-user``: a runner, or errands in Slurm.

Errands are short and many: what only runners need is loaded for runners only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hven.batch.order import check_roots, read_order
from hven.batch.sbatch import run_errand
from hven.cluster.threads import only_one_for_algebra
from hven.core.loading import loading
from hven.core.settings import load_settings

_STDIN = 0


def main(arguments: Sequence[str]) -> int:
    """Do what the order from the standard input says; gives the exit code."""
    order = read_order(_STDIN)
    if order.errand is None:
        only_one_for_algebra()
        with loading():
            from hven.batch.attempt import run_order
        return run_order(order, arguments)
    site = Path(order.site)
    check_roots(site)
    return run_errand(load_settings(site, environ={}), order, order.errand)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
