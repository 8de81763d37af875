"""Quick starts: what a process loads stays until it ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import without the garbage collector, which else looks through all modules again and again, and finds nothing.

    It leaves alone what was loaded, to the end of the process.

    Examples
    --------
    >>> with loading():
    ...     import json
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
