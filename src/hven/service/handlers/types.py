"""Dataset types: what a dataset holds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from hven.model.dataset_type import DatasetType
from hven.service.handlers.parts import Place, Reader

router = APIRouter()


@router.get("/describe/{name}")
def describe(name: str, obs: Place, _caller: Reader, level: str | None = None) -> dict[str, Any]:
    """Declaration of a dataset type; the level may be left out where there is one."""
    return as_json(obs.dataset_type(name, level))


def as_json(declared: DatasetType) -> dict[str, Any]:
    """Declaration as JSON."""
    plain = ("name", "level", "form", "keys", "doc", "row_dim", "coordinates", "schema", "tolerance")
    variables = [
        {
            "name": v.name,
            "dims": v.dims,
            "dtype": v.dtype,
            "units": v.units,
            "doc": v.doc,
            "flags": dict(v.flags),
            "optional": v.optional,
        }
        for v in declared.variables
    ]
    return {**{name: getattr(declared, name) for name in plain}, "variables": variables}
