"""Quantum records in the registry."""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.model.access import Viewer
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.registry.bulk import upsert_rows
from hven.registry.products import fits
from hven.registry.rows import quantum_of, quantum_row
from hven.registry.schema import quantum
from hven.registry.visible import visible
from hven.registry.where import QUANTUM_NAMES


def record(connection: Connection, records: Sequence[QuantumRecord]) -> None:
    """Keep records; a later one of the same run, step and data ID replaces the former."""
    upsert_rows(connection, quantum, map(quantum_row, records))


def find(
    connection: Connection,
    *,
    run: str,
    state: QuantumState | None,
    output: str,
    query: DataQuery,
    viewer: Viewer | None = None,
) -> list[QuantumRecord]:
    """Quantum records, newest first."""
    statement = sa.select(quantum).where(visible(viewer, quantum.c.run), *fits(query, QUANTUM_NAMES))
    if run:
        statement = statement.where(quantum.c.run == run)
    if state is not None:
        statement = statement.where(quantum.c.state == str(state))
    if output:
        statement = statement.where(quantum.c.outputs.contains(json.dumps(output), autoescape=True))
    last = sa.case((quantum.c.ended_ns == 0, quantum.c.started_ns), else_=quantum.c.ended_ns)
    newest = (last.desc(), quantum.c.started_ns.desc(), quantum.c.run.desc())
    rows = connection.execute(statement.order_by(*newest, quantum.c.step, quantum.c.data_key))
    return [quantum_of(row) for row in rows]


def history(
    connection: Connection, task: str, *, version: str, limit: int | None, viewer: Viewer | None = None
) -> list[QuantumRecord]:
    """Newest records of quanta of a task that were computed and not found."""
    ran = quantum.c.state.in_([str(QuantumState.DONE), str(QuantumState.PARTIAL)]) & ~quantum.c.reused
    statement = sa.select(quantum).where(quantum.c.task == task, ran, visible(viewer, quantum.c.run))
    if version:
        statement = statement.where(quantum.c.task_version == version)
    newest = (quantum.c.ended_ns.desc(), quantum.c.run.desc(), quantum.c.step, quantum.c.data_key)
    return [quantum_of(row) for row in connection.execute(statement.order_by(*newest).limit(limit))]
