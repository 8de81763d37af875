"""Looking things up for `hven.registry.remote`: what the caller may not see is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import Any

import pydantic_core
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from hven.model.data_id import TypeName
from hven.model.product import Product
from hven.registry.entries import certification_entry
from hven.registry.wire import ROWS_AT_ONCE, Row, product_to_row
from hven.service.handlers.bodies import At, Books, Find, Keys, One, Owner, Ref
from hven.service.handlers.parts import Seen

router = APIRouter(prefix="/lookup")


@router.post("/id")
def by_id(body: One, seen: Seen) -> Row:
    """One product."""
    return product_to_row(seen.get(body.id))


@router.post("/one")
def one(body: Ref, seen: Seen) -> Row | None:
    """Product of one dataset."""
    found = seen.find_one(body.ref, collection=body.collection)
    return None if found is None else product_to_row(found)


@router.post("/find")
def find(body: Find, seen: Seen) -> StreamingResponse:
    """Products that fit a query."""
    wanted = TypeName.parse(body.type) if body.type else None
    return rows(map(product_to_row, seen.find(wanted, body.query, collection=body.collection, limit=body.limit)))


@router.post("/quanta")
def by_quantum(body: Keys, seen: Seen) -> StreamingResponse:
    """Products by quantum key."""
    found: Sequence[Product] = list(seen.by_quantum(body.keys, owner=body.owner).values())
    return rows(map(product_to_row, found))


@router.post("/owned")
def owned(body: Owner, seen: Seen) -> StreamingResponse:
    """Products born in somebody's own runs."""
    return rows(map(product_to_row, seen.owned(body.owner)))


@router.post("/inputs")
def inputs(body: One, seen: Seen) -> list[str]:
    """Ids of what a product was made from."""
    return seen.inputs_of(body.id)


@router.post("/outputs")
def outputs(body: One, seen: Seen) -> list[str]:
    """Ids of what was made from a product."""
    return seen.outputs_of(body.id)


@router.post("/calibration")
def calibration(body: At, seen: Seen) -> Row:
    """Calibration valid at a time."""
    return product_to_row(seen.calibration(body.ref, body.time_ns, collection=body.collection))


@router.post("/certifications")
def certifications(body: Books, seen: Seen) -> StreamingResponse:
    """What is certified, or all entries of the books."""
    return rows(map(certification_entry, seen.certifications(collection=body.collection, history=body.history)))


def rows(found: Iterable[Any]) -> StreamingResponse:
    """Long answer: lines of JSON with many rows each, and in the last line their number."""

    def lines() -> Iterator[bytes]:
        count = 0
        for some in batched(found, ROWS_AT_ONCE):
            count += len(some)
            yield pydantic_core.to_json(some) + b"\n"
        yield b"%d\n" % count

    return StreamingResponse(lines(), media_type="application/x-ndjson")
