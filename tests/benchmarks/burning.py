"""An instrument whose quanta burn processor time and leave a small table: what the platform adds shows beside it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import xarray as xr
from pydantic import Field

from hven import instruments
from hven.model.data_id import DataId, DatasetRef, Level
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.model.variable import Variable
from hven.registry.protocol import Registry
from hven.store import tables
from hven.store.paths import product_path
from hven.store.version import new_version

KEYS = ("instrument", "day_obs", "observation", "detector")
DAY_OBS = 20251021
DETECTORS = 100
"""Of one observation."""
ROWS = 10
BEGIN_NS = 1_761_117_502_000_000_000

WHEN = Variable("when", ("event",), "datetime64[ns]", "", "Time.")
VALUE = Variable("value", ("event",), "float32", "count", "Height.")


class BurnConfig(Config):
    """How much to burn."""

    cpu_s: Annotated[float, Field(ge=0, description="Processor time of a quantum.")] = 0.1


def _burn(inputs: Inputs, config: BurnConfig) -> Mapping[str, xr.Dataset]:
    end = time.thread_time() + config.cpu_s
    values = np.arange(1000.0)
    while time.thread_time() < end:
        np.sqrt(values)
    return {"burnt": inputs["seed"]}


BURN = Task(
    "burning.burn",
    "1",
    "Burn processor time and give back what came in.",
    (Slot("seed", (WHEN, VALUE), "Rows."),),
    (Output("burnt", (WHEN, VALUE), "The same rows.", "event"),),
    KEYS,
    BurnConfig,
    _burn,
)
SEED = DatasetType("burning.seed", Level.L1, "table", KEYS, (WHEN, VALUE), "Rows.", "event", coordinates=("when",))
BURNT = DatasetType("burning.burnt", Level.L2, "table", KEYS, (WHEN, VALUE), "Rows.", "event", coordinates=("when",))
PIPELINE = """
name: burning/burn
doc: Burn.
instrument: burning
steps:
  burn: {task: "burning:BURN", inputs: {seed: L1/burning.seed}, outputs: {burnt: L2/burning.burnt}}
"""
_PLUGIN = "from pathlib import Path\nimport burning\nINSTRUMENT = burning.instrument(Path(__file__).parent)\n"


def instrument(folder: Path) -> Instrument:
    """Instrument whose pipeline file lies in a folder."""
    return Instrument(
        "burning", "Burning", (SEED, BURNT), {}, lambda _: iter(()), lambda _, b: b, lambda *_: None, folder
    )


@contextmanager
def installed(folder: Path) -> Iterator[Instrument]:
    """Make it a plug-in that every process finds by its entry point."""
    package = folder / "hven_burning-1.dist-info"
    package.mkdir(parents=True)
    (folder / "pipelines").mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hven-burning\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[hven.instruments]\nburning = burning_plugin:INSTRUMENT\n")
    (folder / "burning_plugin.py").write_text(_PLUGIN)
    (folder / "pipelines" / "burn.yaml").write_text(PIPELINE)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{Path(__file__).parent}"
    try:
        yield instruments.load("burning")
    finally:
        sys.path.remove(str(folder))
        del os.environ["PYTHONPATH"]


def seed(root: Path, registry: Registry, count: int, *, files: bool = True) -> None:
    """Register inputs of so many quanta; their rows are one file under many names."""
    products = [_product(number) for number in range(count)]
    registry.register(products, inputs={})
    if files:
        _write(root, products)


def _write(root: Path, products: list[Product]) -> None:
    first = root / products[0].path
    first.mkdir(parents=True)
    times = BEGIN_NS + np.arange(ROWS)
    rows = {"value": ("event", np.arange(ROWS, dtype=np.float32))}
    tables.write_dataset(first, SEED, xr.Dataset(rows, {"when": ("event", times.view("datetime64[ns]"))}))
    for product in products[1:]:
        folder = root / product.path
        folder.mkdir(parents=True)
        os.link(first / tables.DATA, folder / tables.DATA)


def _product(number: int) -> Product:
    observation = f"o{number // DETECTORS:05d}"
    data_id = DataId(instrument="burning", day_obs=DAY_OBS, observation=observation, detector=number % DETECTORS)
    ref, version = DatasetRef(SEED.type_name, data_id), new_version()
    return Product(
        id=version,
        ref=ref,
        run="burning/runs/seed/1",
        path=product_path(ref, version),
        form="table",
        begin_ns=BEGIN_NS,
        end_ns=BEGIN_NS + ROWS,
        rows=ROWS,
        size_bytes=1000,
        digest=f"{number:064x}",
        created_ns=number,
        user="bench",
        site="bench",
        schema_version="1.0",
    )
