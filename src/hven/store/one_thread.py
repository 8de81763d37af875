"""One thread for the libraries beneath the store, where they were loaded for several."""

from __future__ import annotations

import numba
import pyarrow as pa
import zarr
from numcodecs import blosc


def use_one_thread() -> None:
    """Have them look again how many threads the environment gives, those that look only when they are loaded."""
    numba.config.NUMBA_NUM_THREADS = 1  # type: ignore[attr-defined] # numba's settings are made at its import
    blosc.set_nthreads(1)
    pa.set_io_thread_count(1)
    zarr.config.refresh()
