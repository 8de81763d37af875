"""The gateway: latest values as JSON, and everything that is published as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hven.core.errors import GoneError, HvenError, describe
from hven.prompt.access import Hearing
from hven.service.handlers.parts import Heard, ReadGateway
from hven.telemetry.gateway import Gateway, Record

POLL_S = 0.1
QUIET_S = 15.0
"""After so long without a record a comment says that the stream lives."""

STREAM_S = 600.0
"""A stream ends by then; its client asks again, and shows its token again."""

EVENTS = "text/event-stream"

router = APIRouter()
Sequence = Annotated[int, Query(ge=0, lt=2**63)]


@router.get("/gateway")
def latest(gateway: ReadGateway, heard: Heard, channel: str = "") -> dict[str, Any]:
    """Latest values; a stream that begins at `sequence` goes on from here."""
    found = gateway.snapshot(channel)
    return asdict(replace(found, records=tuple(filter(heard.may_hear, found.records))))


@router.get("/gateway/stream")
async def stream(
    gateway: ReadGateway,
    heard: Heard,
    channel: str = "",
    since: Sequence | None = None,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**63)] = None,
) -> Response:
    """Records after a sequence (from now on if none is named) as they come; `Last-Event-ID` goes before `since`.

    A client that asks for what is kept no longer gets status 410 and an event `error` saying from where to go on.
    """
    asked = since if last_event_id is None else last_event_id
    try:
        begin = await run_in_threadpool(_begin, gateway, asked)
    except GoneError as error:
        return Response(_error(error), error.status_code, media_type=EVENTS)
    return StreamingResponse(_events(gateway, begin, channel, heard), media_type=EVENTS)


def _begin(gateway: Gateway, asked: int | None) -> int:
    if asked is None:
        return gateway.last()
    gateway.since(asked, limit=1)
    return asked


async def _events(gateway: Gateway, last: int, channel: str, heard: Hearing) -> AsyncIterator[str]:
    yield f"retry: 1000\nid: {last}\n\n"
    end = time.monotonic() + STREAM_S
    said = time.monotonic()
    while time.monotonic() < end:
        try:
            found = await run_in_threadpool(gateway.since, last)
        except HvenError as error:
            yield _error(error)
            return
        for record in found:
            last, said = record.sequence, time.monotonic()
            yield await run_in_threadpool(_event, record, channel, heard)
        if time.monotonic() - said > QUIET_S:
            said = time.monotonic()
            yield f": alive\nid: {last}\n\n"
        if not found:
            await anyio.sleep(POLL_S)


def _event(record: Record, channel: str, heard: Hearing) -> str:
    """One event; of what is not for the client only the place is told, so that it goes on from there."""
    if channel not in {"", record.channel} or not heard.may_hear(record):
        return f"id: {record.sequence}\n\n"
    return f"id: {record.sequence}\ndata: {json.dumps(asdict(record))}\n\n"


def _error(error: HvenError) -> str:
    return f"event: error\ndata: {json.dumps(describe(error))}\n\n"
