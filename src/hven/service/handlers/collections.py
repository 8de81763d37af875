"""Collections: list, define, tag, certify."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from hven.model.collection import Collection
from hven.service.handlers.bodies import Certify, Define, Range, Share, Tag
from hven.service.handlers.parts import Own, Seen

router = APIRouter(prefix="/collections")


@router.get("")
def find(seen: Seen) -> list[dict[str, Any]]:
    """Collections that the caller may see."""
    return [asdict(collection) for collection in seen.collections()]


@router.post("")
def define(body: Define, own: Own) -> None:
    """Make a collection, or change it."""
    own.define(Collection(body.name, body.kind, body.access, body.doc, body.children))


@router.post("/tag")
def tag(body: Tag, own: Own) -> None:
    """Put products into a TAGGED collection."""
    own.tag(body.collection, body.products)


@router.post("/share")
def share(body: Share, own: Own) -> None:
    """Let a group see a run of the caller's own."""
    own.share(body.collection, body.group)


@router.post("/unshare")
def unshare(body: Share, own: Own) -> None:
    """Let a group see a run of the caller's own no longer."""
    own.unshare(body.collection, body.group)


@router.post("/certify")
def certify(body: Certify, own: Own) -> None:
    """Make a product a calibration."""
    own.certify(body.collection, body.validity, why=body.why, supersede=body.supersede)


@router.post("/decertify")
def decertify(body: Range, own: Own) -> None:
    """Let a product be the calibration of a range no longer."""
    own.decertify(body.collection, body.validity, why=body.why)
