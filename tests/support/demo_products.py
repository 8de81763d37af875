"""Dataset types with every kind of variable, and datasets of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hven.model.data_id import DataId, DatasetRef, Level
from hven.model.dataset_type import DatasetType
from hven.model.provenance import Provenance, SoftwareRecord
from hven.model.variable import Variable
from hven.store.publish import Staging

BEGIN = 1_761_117_502_123_456_789
ROWS = 70_000  # one shard and a part of the next

FRAMES = DatasetType(
    name="demo.frames",
    level=Level.L1,
    form="array",
    keys=("instrument", "day_obs", "observation", "detector"),
    variables=(
        Variable("time", ("time",), "datetime64[ns]", "", "UTC time."),
        Variable("images", ("time", "y", "x"), "uint16", "count", "Pixels."),
        Variable("rate", ("time",), "float32", "Hz", "Rate."),
        Variable("packet", ("time", "quabo"), "uint32", "1", "Packet number."),
        Variable("good", ("time",), "bool", "", "Whether it is good."),
        Variable("mask", ("y", "x"), "uint8", "", "Pixel mask.", flags={"dead": 1, "hot": 2}),
        Variable("name", ("y",), "str", "", "Name of a row of pixels."),
        Variable("gain", (), "float64", "1", "Gain."),
    ),
    doc="Everything at once.",
    coordinates=("time",),
    overviews=("rate", "images"),
)

EVENTS = DatasetType(
    name="demo.events",
    level=Level.L2,
    form="table",
    keys=("instrument",),
    variables=(
        Variable("time", ("event",), "datetime64[ns]", "", "UTC time."),
        Variable("size", ("event",), "float32", "pe", "Sum."),
        Variable("kind", ("event",), "str", "", "Kind."),
        Variable("good", ("event",), "bool", "", "Whether it is good."),
    ),
    doc="Events.",
    row_dim="event",
)

FRAMES_REF = DatasetRef(FRAMES.type_name, DataId(instrument="demo", day_obs=20251021, observation="crab.1", detector=3))
EVENTS_REF = DatasetRef(EVENTS.type_name, DataId(instrument="demo"))


def make_frames(rows: int = ROWS) -> xr.Dataset:
    generator = np.random.default_rng(1)
    rate = generator.normal(size=rows).astype("f4")
    rate[::7] = np.nan
    return xr.Dataset(
        {
            "images": (("time", "y", "x"), generator.poisson(30, (rows, 4, 4)).astype("u2")),
            "rate": (("time",), rate),
            "packet": (("time", "quabo"), generator.integers(0, 2**32 - 1, (rows, 4)).astype("u4")),
            "good": (("time",), generator.random(rows) > 0.5),
            "mask": (("y", "x"), np.arange(16, dtype="u1").reshape(4, 4)),
            "name": ("y", np.array(["north", "südlich", "", "w"], dtype=object)),
            "gain": ((), 2.5),
        },
        {"time": ("time", (BEGIN + np.arange(rows) * 1_000_003).view("datetime64[ns]"), {"scale": "utc"})},
        {"clock_status": "wr-locked", "pointing": np.float32(1.5), "levels": np.arange(3)},
    )


def make_events(rows: int = 9) -> xr.Dataset:
    return xr.Dataset(
        {
            "size": ("event", np.linspace(0, 1, rows, dtype="f4")),
            "kind": ("event", np.array([f"kind {i}" for i in range(rows)], dtype=object)),
            "good": ("event", np.arange(rows) % 2 == 0),
        },
        {"time": ("event", (BEGIN + np.arange(rows)).view("datetime64[ns]"))},
        {"note": "made here"},
    )


def provenance(staging: Staging, dataset_type: DatasetType) -> Provenance:
    return Provenance(
        id=staging.id,
        dataset_type=str(staging.ref.type),
        schema_version=dataset_type.schema_version,
        data_id=dict(staging.ref.data_id),
        run="demo/runs/test/1",
        task="demo.make",
        task_version="1",
        config={},
        inputs=(),
        quantum_key="k" * 64,
        output="frames",
        created_ns=BEGIN,
        user="tycho",
        site="hven",
        software=SoftwareRecord(version="0", commit="", environment="", python="3"),
    )
