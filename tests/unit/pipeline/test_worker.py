from __future__ import annotations

import subprocess
import sys

import numpy as np

from hven.pipeline.worker import _peak_bytes


def test_the_peak_of_a_worker_is_its_own_and_not_its_parents():
    held = np.ones(80_000_000)
    code = "from hven.pipeline.worker import _peak_bytes; print(_peak_bytes())"

    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    assert child < held.nbytes < _peak_bytes()
