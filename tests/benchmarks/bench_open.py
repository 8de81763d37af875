"""Open one product among few and among many, beside a direct Zarr open."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from harness import Figure, interleave

import hven
from hven.core.settings import Settings
from hven.instruments import load
from hven.model.data_id import DataId, DatasetRef, Level
from hven.model.product import Product
from hven.model.provenance import Provenance, SoftwareRecord
from hven.observatory import Observatory
from hven.store import arrays
from hven.store.current import set_current
from hven.store.publish import stage
from hven.store.staging import unlock
from hven.store.version import new_version

OPENS = 20
FEW, MANY = 10, 10_000
TYPE = next(t for t in load("panoseti").dataset_types if t.level == Level.L1 and t.name == "panoseti.ph1024.pedestals")


def _dataset() -> xr.Dataset:
    sizes = {"cell": 4, "y": 32, "x": 32}
    variables = {
        v.name: (v.dims, np.zeros([sizes.get(d, 4) for d in v.dims], "M8[ns]" if v.dtype == "" else v.dtype or "f4"))
        for v in TYPE.variables
        if not v.optional
    }
    coords = [n for n in TYPE.coordinates if n in variables]
    return xr.Dataset(variables).set_coords(coords)


def _provenance(identifier: str, ref: DatasetRef) -> Provenance:
    return Provenance(
        id=identifier,
        dataset_type=str(ref.type),
        schema_version=TYPE.schema_version,
        data_id=dict(ref.data_id),
        run="panoseti/runs/bench/1",
        task="bench",
        task_version="1",
        config={},
        inputs=(),
        quantum_key=identifier,
        output="pedestals",
        created_ns=0,
        user="bench",
        site="bench",
        software=SoftwareRecord(version="0", commit="", environment="", python=""),
    )


def _ref(number: int) -> DatasetRef:
    keys = {"instrument": "panoseti", "day_obs": 20250101, "observation": f"o{number // 10}", "detector": number % 10}
    return DatasetRef(TYPE.type_name, DataId(keys))


def _publish(root: Path) -> Product:
    with stage(root, _ref(0)) as staging:
        arrays.write_dataset(staging.path, TYPE, _dataset())
        return staging.publish(_provenance(staging.id, staging.ref), TYPE)


def _observatory(folder: Path, count: int) -> Observatory:
    """One real product, and rows for the rest: opening one does not look at the others' files."""
    (folder / "data").mkdir(parents=True)
    obs = hven.connect(Settings(root=folder / "data", state=folder / "state"))
    real = _publish(obs.root)
    rows = [replace(real, id=new_version(), ref=_ref(n), quantum_key=str(n)) for n in range(1, count)]
    obs.registry.register([real, *rows], inputs={})
    set_current(obs.root, real)
    return obs


def figures() -> Iterator[Figure]:
    folder = Path(tempfile.mkdtemp())
    few, many = (_observatory(folder / str(n), n) for n in (FEW, MANY))
    direct = few.root / few.query(TYPE.name, level="L1")[0].path / "data.zarr"

    def through(obs: Observatory) -> None:
        for _ in range(OPENS):
            obs.open(TYPE.name, level="L1", **dict(_ref(0).data_id))

    def plain() -> None:
        for _ in range(OPENS):
            xr.open_zarr(direct, consolidated=False)

    costs = interleave(lambda: through(few), lambda: through(many), plain, repeats=7)
    yield Figure("open among 10,000 against among 10", costs[1].wall / costs[0].wall, "x", "<=", 1.3)
    note = f"{costs[1].wall / OPENS * 1e3:.1f} ms against {costs[2].wall / OPENS * 1e3:.1f} ms"
    yield Figure("open among 10,000 against direct Zarr", costs[1].wall / costs[2].wall, "x", "<=", 2.0, note)
    few.close()
    many.close()
    unlock(folder)
    shutil.rmtree(folder)
