"""Products: find them, look one up, register one's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.data_id import KEYS, Level
from hven.model.product import Product
from hven.registry.wire import product_from_row
from hven.service.handlers.bodies import Registration, Some
from hven.service.handlers.parts import Own, Place

MOST = 10_000
_OTHERS = ("type", "level", "where", "collection", "limit")

router = APIRouter()


@router.get("/products")
def find(request: Request, obs: Place) -> list[dict[str, Any]]:
    """Products of a type and level that fit data ID keys and a condition; a repeated key allows any of its values."""
    given = request.query_params
    for name in given:
        if name not in KEYS and name not in _OTHERS:
            raise UnknownNameError("parameter", name, [*KEYS, *_OTHERS])
    level = given.get("level")
    if level is not None and level not in list(Level):
        raise UnknownNameError("level", level, Level)
    found = obs.query(
        given.get("type", ""),
        level=level,
        where=given.get("where", ""),
        collection=given.get("collection", ""),
        bad=False,
        **{key: given.getlist(key) for key in KEYS if key in given},
    )
    return [as_json(p) for p in found[: _limit(given.get("limit", ""))]]


@router.get("/products/{product_id}")
def show(product_id: str, obs: Place) -> dict[str, Any]:
    """One product, with the ids of what it was made from and of what was made from it."""
    product = obs.product(product_id)
    registry = obs.registry
    links = {"inputs": registry.inputs_of(product_id), "outputs": registry.outputs_of(product_id)}
    return {**as_json(product), **links}


@router.post("/products", status_code=201)
def register(body: Registration, own: Own) -> None:
    """Register published products of the caller's own."""
    own.register([product_from_row(row) for row in body.products], body.inputs, chosen=body.chosen)


@router.post("/products/protected")
def protected(body: Some, own: Own) -> dict[str, str]:
    """Why products of the caller's own must stay, by id."""
    return own.protected(body.ids)


@router.post("/products/remove")
def remove(body: Some, own: Own) -> None:
    """Forget products of the caller's own whose folders are gone."""
    own.remove(body.ids)


def as_json(product: Product) -> dict[str, Any]:
    """Product as JSON: its fields, with type, level and data ID in place of `ref`."""
    fields = {name: getattr(product, name) for name in Product.__slots__ if name != "ref"}
    ref = {"type": product.ref.type.name, "level": product.ref.type.level, "data_id": dict(product.ref.data_id)}
    return {**ref, **fields, "path": str(product.path), "flags": list(product.flags)}


def _limit(text: str) -> int:
    if not text:
        return MOST
    if not text.isascii() or not text.isdigit():
        raise ConfigurationError(f"limit is a whole number, got {text!r}")
    return min(int(text), MOST)
