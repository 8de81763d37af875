"""Records as table rows and back."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from hven.model.data_id import KEYS, DataId, DatasetRef, Level, TypeName
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.registry.schema import product, storable

_WHEN_MADE = frozenset({"day_obs", "observation", "exposure", "visit"})
_NO_KEYS: dict[str, Any] = dict.fromkeys(KEYS)
_FIRST_KEY = product.c.keys().index(KEYS[0])
_AFTER_KEYS = product.c.keys().index("run")
_QUANTUM_KEY = product.c.keys().index("quantum_key")
_END = len(product.c)


def product_row(product: Product) -> dict[str, Any]:
    """Row of a product."""
    data_id = product.ref.data_id
    return {
        **_NO_KEYS,
        **dict(data_id.items()),
        "id": product.id,
        "level": str(product.ref.type.level),
        "type": product.ref.type.name,
        "data_key": str(data_id),
        "run": product.run,
        "path": str(product.path),
        "form": product.form,
        "begin_ns": product.begin_ns,
        "end_ns": product.end_ns,
        "rows": product.rows,
        "size_bytes": product.size_bytes,
        "digest": product.digest,
        "created_ns": product.created_ns,
        "user": product.user,
        "site": product.site,
        "schema_version": product.schema_version,
        "task": product.task,
        "quantum_key": product.quantum_key or None,
        "output": product.output,
        "flags": " ".join(product.flags),
    }


def product_of(row: Any) -> Product:
    """Product of a row that begins with the columns of `product`, which has the order of `Product`'s fields."""
    identity, level, name = row[:_FIRST_KEY]
    run, path, *others = row[_AFTER_KEYS:_QUANTUM_KEY]
    quantum_key, output, flags = row[_QUANTUM_KEY:_END]
    ref = DatasetRef(_type_name(level, name), data_id_of(row))
    more = {"quantum_key": quantum_key or "", "output": output, "flags": tuple(flags.split())}
    return Product(identity, ref, run, PurePosixPath(path), *others, **more)


def data_id_of(row: Any) -> DataId:
    """Data ID of a row of `product` or `quantum`, whose key columns follow the first three."""
    keys = zip(KEYS, row[_FIRST_KEY:_AFTER_KEYS], strict=False)
    return DataId.ordered({key: value for key, value in keys if value is not None})


@lru_cache(maxsize=1024)
def _type_name(level: str, name: str) -> TypeName:
    return TypeName(Level(level), name)


def scope(ref: DatasetRef) -> str:
    """What a calibration is for: its data ID without the keys that say when it was made."""
    return str(DataId({k: v for k, v in ref.data_id.items() if k not in _WHEN_MADE}))


def quantum_row(record: QuantumRecord) -> dict[str, Any]:
    """Row of a quantum record."""
    return {
        **_NO_KEYS,
        **record.data_id,
        "run": record.run,
        "step": record.step,
        "data_key": str(record.data_id),
        "task": record.task,
        "quantum_key": record.quantum_key,
        "state": str(record.state),
        "outputs": json.dumps(record.outputs),
        "products": json.dumps(record.products),
        "reused": record.reused,
        "error": storable(record.error),
        "flavour": record.flavour,
        "traceback": storable(record.traceback),
        "runner": record.runner,
        "started_ns": record.started_ns,
        "ended_ns": record.ended_ns,
        "wall_s": record.wall_s,
        "cpu_s": record.cpu_s,
        "peak_bytes": record.peak_bytes,
        "task_version": record.task_version,
        "began_ns": record.began_ns,
        "read_s": record.read_s,
        "write_s": record.write_s,
        "publish_s": record.publish_s,
        "output_bytes": record.output_bytes,
        "workers": json.dumps(record.workers),
    }


def quantum_of(row: Any) -> QuantumRecord:
    """Quantum record of a row."""
    return QuantumRecord(
        run=row.run,
        step=row.step,
        task=row.task,
        data_id=data_id_of(row),
        quantum_key=row.quantum_key,
        state=QuantumState(row.state),
        outputs=tuple(json.loads(row.outputs)),
        products=tuple(json.loads(row.products)),
        reused=row.reused,
        error=row.error,
        flavour=row.flavour,
        traceback=row.traceback,
        runner=row.runner,
        started_ns=row.started_ns,
        ended_ns=row.ended_ns,
        wall_s=row.wall_s,
        cpu_s=row.cpu_s,
        peak_bytes=row.peak_bytes,
        task_version=row.task_version,
        began_ns=row.began_ns,
        read_s=row.read_s,
        write_s=row.write_s,
        publish_s=row.publish_s,
        output_bytes=row.output_bytes,
        workers=tuple((worker, wall_s) for worker, wall_s in json.loads(row.workers)),
    )
