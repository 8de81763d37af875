"""Products are opened by many threads of a service that has just begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from demo_products import EVENTS, EVENTS_REF, make_events

OPEN = """
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hven.store.read import open_product

folder = Path(sys.argv[1])
in_memory = open_product(folder, chunks=None, indexes=False).load()


def sizes(opened):
    return {str(name): variable.to_numpy().size for name, variable in opened.variables.items()}


def just_after():
    while "dask" not in sys.modules:
        time.sleep(0.0001)
    return sizes(in_memory)


with ThreadPoolExecutor(1) as pool:
    after = pool.submit(just_after)
    assert sizes(open_product(folder)) == after.result()
"""


def test_threads_that_open_products_first_do_not_break_each_other(publish, tmp_path: Path):
    folder = tmp_path / publish(EVENTS_REF, EVENTS, make_events()).path

    came = subprocess.run([sys.executable, "-c", OPEN, folder], capture_output=True, text=True, check=False)

    assert came.returncode == 0, came.stderr
