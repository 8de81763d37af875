"""Telemetry: samples that devices push."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from hven.service.handlers.parts import Operator, Place, Pushed
from hven.telemetry.topics import declared

router = APIRouter()
MOST = 100_000


@router.post("/telemetry/{topic}", status_code=202)
def push(
    topic: str,
    samples: Annotated[list[dict[str, Any]], Body(max_length=MOST)],
    spool: Pushed,
    obs: Place,
    caller: Operator,
) -> dict[str, int]:
    """Accept samples of a topic: `time` (ISO 8601 or nanoseconds, UTC) and fields; the batch service keeps them."""
    return {"accepted": spool.put(declared(obs.settings).topic(topic), samples, who=caller.name)}
