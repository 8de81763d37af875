"""Random numbers that depend on what they are for, never on the order or the size of blocks."""

from __future__ import annotations

import zlib

import numpy as np


def random(seed: int, *purpose: str | int) -> np.random.Generator:
    """Generator for one purpose.

    Examples
    --------
    >>> random(1, "noise", 254, 0).integers(100) == random(1, "noise", 254, 0).integers(100)
    np.True_
    """
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else p for p in purpose]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
