"""What pages ask about showers: which pixels of a frame the cleaning kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.tasks.frames.quality import cell_of
from hven.tasks.showers.clean_and_measure import ShowerConfig
from hven.tasks.showers.cleaning import clean


def kept_pixels(frames: xr.Dataset, index: int, config: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Pixels (y, x) of one calibrated frame that the two-level cleaning keeps, by the task's own rule.

    Parameters
    ----------
    frames
        Calibrated pulse heights: `signal, noise, pixel_mask, begin, time`.
    index
        Number of the frame.
    config
        Configuration with which the showers were made, as their provenance records it.
    """
    how = ShowerConfig.model_validate(dict(config))
    one = frames.isel(time=index)
    when = one["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    cell = int(cell_of(when[None], frames["begin"].to_numpy().astype("datetime64[ns]").astype(np.int64))[0])
    image = one["signal"].where(frames["pixel_mask"] == 0).to_numpy()
    kept = np.zeros(image.shape, np.bool_)
    clean(image, frames["noise"].isel(cell=cell).to_numpy(), how.picture, how.boundary, kept)
    return kept
