"""Frames in memory for the tests of tasks."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hven.model.data_id import DataId

BEGIN_NS = 1_700_000_040_000_000_000


@pytest.fixture(scope="session")
def data_id():
    return DataId(instrument="panoseti", day_obs=20231114, observation="Palomar.20231114T221400Z", detector=254)


@pytest.fixture(scope="session")
def raw_frames():
    """Make an L0-like dataset of images (time, y, x), 1 ms apart unless times are given."""

    def make(images, *, valid=None, step_ns=1_000_000, times=None, **more):
        rows = len(images)
        times = BEGIN_NS + np.arange(rows, dtype=np.int64) * step_ns if times is None else times
        valid = np.ones((rows, 4), bool) if valid is None else valid
        number = np.where(valid, (np.arange(rows)[:, None] + 65_000) % 65_536, 0).astype("uint32")
        return xr.Dataset(
            {
                "images": (("time", "y", "x"), images),
                "quabo_valid": (("time", "quabo"), valid),
                "pkt_num": (("time", "quabo"), number),
                "pkt_nsec": (("time", "quabo"), np.where(valid, (times % 10**9)[:, None], 0).astype("uint32")),
                "host_lag": ("time", np.full(rows, 1_400_000, "int64")),
                "tai_offset": ("time", np.zeros(rows, "int16")),
                "seqno": ("time", np.zeros(rows, "uint16")),
                "frame_in_file": ("time", np.arange(rows, dtype="uint32")),
            },
            {"time": ("time", np.asarray(times).astype("datetime64[ns]"))},
            {"clock_status": "wr-locked", "integration_time_s": step_ns * 1e-9, **more},
        )

    return make
