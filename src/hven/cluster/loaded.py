"""What all work needs, loaded before processes are forked: each of them would else load it anew."""

from __future__ import annotations

from importlib import import_module

from hven.core.loading import loading

_NEEDED = ("dask.array", "hven.pipeline.work")
"""Whoever makes a dataset of xarray's has Dask's arrays loaded."""


def load_work() -> None:
    """Load all of it, numba's part that comes with the first call, and what products say of the software."""
    with loading():
        for name in _NEEDED:
            import_module(name)
        import numpy as np

        import_module("hven.store.overviews").reduce_rows(np.zeros((1, 1)))
        import_module("hven.pipeline.identity").software()
