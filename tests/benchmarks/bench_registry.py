"""Registry: rows in, one dataset out, beside the Butler's where it is installed."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from harness import Figure

from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.product import Product
from hven.registry.direct import DirectRegistry
from hven.store.version import new_version

ROWS = 50_000
BATCH = 5_000
LOOK_UPS = 500
TYPE = TypeName.parse("L1/panoseti.ph1024")


def _products(count: int) -> list[Product]:
    return [_product(number) for number in range(count)]


def _product(number: int) -> Product:
    data_id = DataId(
        instrument="panoseti",
        day_obs=20250101 + number // 1000 % 28,
        observation=f"o{number // 10}",
        detector=number % 10,
    )
    return Product(
        id=new_version(),
        ref=DatasetRef(TYPE, data_id),
        run="panoseti/runs/bench/1",
        path=PurePosixPath(f"L1/panoseti/{number}"),
        form="array",
        begin_ns=number * 10**9,
        end_ns=(number + 1) * 10**9,
        rows=1000,
        size_bytes=10**6,
        digest="0" * 64,
        created_ns=number,
        user="bench",
        site="bench",
        schema_version="1.0",
        quantum_key=f"{number:064x}",
        output="signal",
    )


def _seconds_each(function: object, arguments: list[object]) -> float:
    costs = []
    for argument in arguments:
        begin = time.perf_counter()
        function(argument)
        costs.append(time.perf_counter() - begin)
    return statistics.median(costs)


def _hven(folder: Path) -> tuple[float, float]:
    registry = DirectRegistry(f"sqlite:///{folder}/registry.sqlite", folder)
    products = _products(ROWS)
    begin = time.perf_counter()
    for start in range(0, ROWS, BATCH):
        registry.register(products[start : start + BATCH], inputs={})
    rate = ROWS / (time.perf_counter() - begin)
    look_up = _seconds_each(registry.find_one, [p.ref for p in products[:: ROWS // LOOK_UPS]])
    registry.close()
    return rate, look_up


def _butler(folder: Path) -> tuple[float, float]:
    """The same work by the Butler: detectors and exposures, one dataset each."""
    from lsst.daf.butler import Butler, DatasetType

    Butler.makeRepo(str(folder / "butler"))
    butler = Butler.from_config(str(folder / "butler"), writeable=True)
    registry = butler.registry
    registry.insertDimensionData(
        "instrument", {"name": "Cam", "class_name": "x", "detector_max": 10, "visit_max": ROWS, "exposure_max": ROWS}
    )
    registry.insertDimensionData("physical_filter", {"instrument": "Cam", "name": "r", "band": "r"})
    registry.insertDimensionData("detector", *({"instrument": "Cam", "id": d, "full_name": f"d{d}"} for d in range(10)))
    registry.insertDimensionData("day_obs", {"instrument": "Cam", "id": 20250101})
    exposures = range(ROWS // 10)
    registry.insertDimensionData("group", *({"instrument": "Cam", "name": str(e)} for e in exposures))
    registry.insertDimensionData(
        "exposure",
        *(
            {
                "instrument": "Cam",
                "id": e,
                "obs_id": str(e),
                "physical_filter": "r",
                "group": str(e),
                "day_obs": 20250101,
            }
            for e in exposures
        ),
    )
    kind = DatasetType("raw", ("instrument", "detector", "exposure"), "StructuredDataDict", universe=butler.dimensions)
    registry.registerDatasetType(kind)
    registry.registerRun("r")
    ids = [{"instrument": "Cam", "detector": n % 10, "exposure": n // 10} for n in range(ROWS)]
    begin = time.perf_counter()
    for start in range(0, ROWS, BATCH):
        registry.insertDatasets(kind, ids[start : start + BATCH], run="r")
    rate = ROWS / (time.perf_counter() - begin)
    look_up = _seconds_each(lambda i: butler.find_dataset(kind, i, collections="r"), ids[:: ROWS // LOOK_UPS])
    return rate, look_up


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        rate, look_up = _hven(Path(folder))
        yield Figure("registry inserts", rate, "rows/s", ">=", 20_000, f"{ROWS} rows in batches of {BATCH}")
        yield Figure("registry look-up", look_up * 1e3, "ms", "<=", 0.5, f"median of {LOOK_UPS}")
        if importlib.util.find_spec("lsst") is None:
            return
        their_rate, their_look_up = _butler(Path(folder))
        yield Figure("inserts against Butler", rate / their_rate, "x", ">=", 5, f"Butler {their_rate:.0f} rows/s")
        yield Figure(
            "look-up against Butler", their_look_up / look_up, "x", ">=", 5, f"Butler {their_look_up * 1e3:.2f} ms"
        )
