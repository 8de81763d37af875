"""Small products to test with: index entries alone, or published on disk."""

from __future__ import annotations

import itertools
from pathlib import PurePosixPath

import numpy as np
import uuid_utils
import xarray as xr

from hven.core.clock import NS, parse_utc
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance, SoftwareRecord
from hven.model.variable import Variable
from hven.store import arrays
from hven.store.current import set_current
from hven.store.publish import stage

NIGHT = parse_utc("2025-10-22T04:00:00")
_KEYS = ("instrument", "day_obs", "observation", "detector")
_numbers = itertools.count()


def ref(name="L1/panoseti.ph1024", **data_id):
    values = {"instrument": "panoseti", "day_obs": 20251021, "observation": "crab.20251022T040000Z", "detector": 1}
    return DatasetRef(TypeName.parse(name), DataId({k: v for k, v in {**values, **data_id}.items() if v is not None}))


def product(name="L1/panoseti.ph1024", *, run="panoseti/runs/calibrate/1", hours=0.0, quantum_key=None, **data_id):
    """Build an index entry without anything on disk."""
    where, begin = ref(name, **data_id), NIGHT + round(hours * 3600 * NS)
    identifier = str(uuid_utils.uuid7())
    return Product(
        id=identifier,
        ref=where,
        run=run,
        path=PurePosixPath(str(where.type.level), "test", identifier),
        form="array",
        begin_ns=begin,
        end_ns=begin + 3600 * NS,
        rows=10,
        size_bytes=1000,
        digest="d" * 64,
        created_ns=begin + next(_numbers),
        user="ada",
        site="tryout",
        schema_version="1.0",
        task="frames.calibrate",
        quantum_key=f"key {next(_numbers)}" if quantum_key is None else quantum_key,
        output="calibrated",
        flags=("partial",),
    )


def publish(
    root,
    name="L1/panoseti.ph1024",
    *,
    run="panoseti/runs/calibrate/1",
    inputs=(),
    user="",
    maker="ada",
    acl="",
    numbers=range(3),
    **data_id,
):
    """Publish a small real product and make it current; what a pipeline does before it registers."""
    where = ref(name, **data_id)
    declared = DatasetType(
        where.type.name,
        where.type.level,
        "array",
        _KEYS,
        (Variable("a", ("time",), "int64", "1", "Numbers."),),
        "Test.",
    )
    with stage(root, where, user=user, acl=acl) as staging:
        times = np.datetime64(NIGHT, "ns") + np.arange(len(numbers))
        arrays.write_dataset(
            staging.path, declared, xr.Dataset({"a": ("time", np.asarray(numbers, np.int64))}, {"time": times})
        )
        record = _provenance(staging.id, where, run, inputs, maker)
        published = staging.publish(record, declared)
    if not user:
        set_current(root, published)
    return published


def _provenance(identifier, where, run, inputs, maker):
    return Provenance(
        id=identifier,
        dataset_type=str(where.type),
        schema_version="1.0",
        data_id=dict(where.data_id),
        run=run,
        task="frames.calibrate",
        task_version="1",
        config={},
        inputs=tuple(
            InputRecord(
                slot="frames",
                role="input",
                dataset_type=str(p.ref.type),
                data_id=dict(p.ref.data_id),
                id=p.id,
                digest=p.digest,
            )
            for p in inputs
        ),
        quantum_key=f"key of {identifier}",
        output="calibrated",
        created_ns=NIGHT,
        user=maker,
        site="tryout",
        software=SoftwareRecord(version="0", commit="", environment="", python="3.12"),
    )
