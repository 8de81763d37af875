"""Retention, for those who may operate: look at the plan, ask for it, restore, hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from hven.service.handlers.bodies import NewHold, OldHold
from hven.service.handlers.parts import Keeping

router = APIRouter()


@router.get("/retention")
def leaving(retention: Keeping) -> list[dict[str, Any]]:
    """What has expired or lies in the trash."""
    return [asdict(one) for one in retention.leaving()]


@router.get("/retention/plan")
def plan(retention: Keeping) -> dict[str, Any]:
    """What would be done now, and why."""
    return asdict(retention.plan())


@router.post("/retention/apply")
def apply(retention: Keeping) -> dict[str, Any]:
    """Ask the batch service to do it."""
    return asdict(retention.apply(really=True))


@router.post("/retention/restore")
def restore(body: NewHold, retention: Keeping) -> bool:
    """Ask the batch service to bring a product back and hold it."""
    return retention.restore(body.target, body.reason)


@router.get("/retention/deeds")
def deeds(
    retention: Keeping, target: str = "", limit: Annotated[int, Query(ge=1, le=10_000)] = 100
) -> list[dict[str, Any]]:
    """Who did what and why."""
    return [asdict(deed) for deed in retention.deeds(target, limit=limit)]


@router.get("/holds")
def holds(retention: Keeping) -> list[dict[str, Any]]:
    """All holds."""
    return [asdict(hold) for hold in retention.holds()]


@router.post("/holds")
def hold(body: NewHold, retention: Keeping) -> None:
    """Keep a product, or all that is in a collection, from going."""
    retention.hold(body.target, body.reason)


@router.post("/holds/remove")
def unhold(body: OldHold, retention: Keeping) -> None:
    """Take a hold away."""
    retention.unhold(body.target, body.who)
