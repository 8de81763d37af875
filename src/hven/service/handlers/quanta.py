"""Quantum records: how quanta ended."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from hven.registry.entries import quantum_entry, quantum_of
from hven.service.handlers.bodies import FindHistory, FindQuanta, Quanta
from hven.service.handlers.lookup import rows
from hven.service.handlers.parts import Own, Seen

router = APIRouter(prefix="/quanta")


@router.post("")
def record(body: Quanta, own: Own) -> None:
    """Keep how quanta of one's own runs ended."""
    own.record_quanta([quantum_of(record.model_dump()) for record in body])


@router.post("/find")
def find(body: FindQuanta, seen: Seen) -> StreamingResponse:
    """Quantum records, newest first."""
    found = seen.quanta(run=body.run, state=body.state, output=body.output, query=body.query)
    return rows(map(quantum_entry, found))


@router.post("/history")
def history(body: FindHistory, seen: Seen) -> StreamingResponse:
    """Computed quanta of a task, newest first."""
    return rows(map(quantum_entry, seen.history(body.task, version=body.version, limit=body.limit)))
