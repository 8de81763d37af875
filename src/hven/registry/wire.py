"""Records on the way between API and client: short rows for what comes in tens of thousands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from hven.core.errors import ConfigurationError, HvenError
from hven.model.data_id import KEYS, DataId, DatasetRef, TypeName
from hven.model.product import Product
from hven.model.query import DataQuery

Row = list[Any]
ROWS_AT_ONCE = 1000
"""Rows in one line of a long answer."""

_PLAIN = ("id", "run", "form", "begin_ns", "end_ns", "rows", "size_bytes", "digest", "created_ns", "user", "site",
          "schema_version", "task", "quantum_key", "output")  # fmt: skip


def product_to_row(product: Product) -> Row:
    """Values of a product in a fixed order: type, data ID by key, path, flags, then the plain ones."""
    data_id = product.ref.data_id
    return [
        str(product.ref.type),
        [data_id.get(key) for key in KEYS],
        str(product.path),
        product.flags,
        *[getattr(product, name) for name in _PLAIN],
    ]


def product_from_row(row: Sequence[Any]) -> Product:
    """Product of a row.

    Raises
    ------
    ConfigurationError
        For what is no row of a product.
    """
    try:
        type_name, values, path, flags, *plain = row
        data_id = DataId({k: v for k, v in zip(KEYS, values, strict=True) if v is not None})
        return Product(
            ref=DatasetRef(_type_name(type_name), data_id),
            path=PurePosixPath(path),
            flags=tuple(flags),
            **dict(zip(_PLAIN, plain, strict=True)),
        )
    except (TypeError, ValueError, HvenError) as error:
        raise ConfigurationError(f"this is no record of a product: {error}") from None


def ref_to_json(ref: DatasetRef) -> dict[str, Any]:
    """Dataset as JSON."""
    return {"type": str(ref.type), "data_id": dict(ref.data_id)}


def data_id_from_json(values: Mapping[str, Any]) -> DataId:
    """Data ID from JSON."""
    return DataId(dict(values))


def query_to_json(query: DataQuery) -> dict[str, Any]:
    """Query as JSON."""
    return {"values": {k: list(v) for k, v in query.values.items()}, "where": query.where}


def query_from_json(values: Mapping[str, Sequence[Any]], where: str) -> DataQuery:
    """Query from JSON."""
    return DataQuery.of(where, **{key: list(several) for key, several in values.items()})


@lru_cache(maxsize=1024)
def _type_name(text: str) -> TypeName:
    return TypeName.parse(text)
