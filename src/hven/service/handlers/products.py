"""Products: find them, look one up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from hven.core.errors import AccessDeniedError, ConfigurationError, DatasetNotFoundError, UnknownNameError
from hven.model.collection import AccessClass
from hven.model.data_id import KEYS, Level
from hven.model.product import Product
from hven.observatory import Observatory
from hven.service.auth import Caller
from hven.service.handlers.parts import Place, Reader

MOST = 10_000
_OTHERS = ("type", "level", "where", "collection", "limit")

router = APIRouter()


@router.get("/products")
def find(request: Request, obs: Place, caller: Reader) -> list[dict[str, Any]]:
    """Products of a type and level that fit data ID keys and a condition; a repeated key allows any of its values."""
    given = request.query_params
    for name in given:
        if name not in KEYS and name not in _OTHERS:
            raise UnknownNameError("parameter", name, [*KEYS, *_OTHERS])
    level = given.get("level")
    if level is not None and level not in list(Level):
        raise UnknownNameError("level", level, Level)
    hidden = _hidden(obs, caller)
    if given.get("collection") in hidden:
        raise AccessDeniedError(f"{given['collection']} is for operators")
    found = obs.query(
        given.get("type", ""),
        level=level,
        where=given.get("where", ""),
        collection=given.get("collection", ""),
        **{key: given.getlist(key) for key in KEYS if key in given},
    )
    return [as_json(p) for p in found if p.run not in hidden][: _limit(given.get("limit", ""))]


@router.get("/products/{product_id}")
def show(product_id: str, obs: Place, caller: Reader) -> dict[str, Any]:
    """One product, with the ids of what it was made from and of what was made from it."""
    product = obs.product(product_id)
    if product.run in _hidden(obs, caller):
        raise DatasetNotFoundError(f"there is no product {product_id}")
    registry = obs.registry
    links = {"inputs": registry.inputs_of(product_id), "outputs": registry.outputs_of(product_id)}
    return {**as_json(product), **links}


def as_json(product: Product) -> dict[str, Any]:
    """Product as JSON: its fields, with type, level and data ID in place of `ref`."""
    fields = {name: getattr(product, name) for name in Product.__slots__ if name != "ref"}
    ref = {"type": product.ref.type.name, "level": product.ref.type.level, "data_id": dict(product.ref.data_id)}
    return {**ref, **fields, "path": str(product.path), "flags": list(product.flags)}


def _hidden(obs: Observatory, caller: Caller) -> set[str]:
    """Collections that the caller may not see."""
    if caller.may("operate"):
        return set()
    return {c.name for c in obs.registry.collections() if c.access == AccessClass.OPERATORS}


def _limit(text: str) -> int:
    if not text:
        return MOST
    if not text.isascii() or not text.isdigit():
        raise ConfigurationError(f"limit is a whole number, got {text!r}")
    return min(int(text), MOST)
