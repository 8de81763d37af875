"""Annotations in the registry."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ConfigurationError, ConflictError, UnknownNameError
from hven.model.annotation import Annotation, Kind
from hven.model.data_id import DataId
from hven.registry.schema import annotation, storable


def check(connection: Connection, new: Annotation) -> None:
    """Raise UnknownNameError, ConflictError or ConfigurationError for what makes no sense."""
    if not new.text.strip():
        raise ConfigurationError("an annotation says why", hint="Others will want to know.")
    if new.begin_ns is not None and new.end_ns is not None and new.begin_ns >= new.end_ns:
        raise ConfigurationError("the time ends before it begins", hint="Give begin before end; end is not included.")
    if new.kind is Kind.BAD and not new.data_id and (new.begin_ns is None or new.end_ns is None):
        raise ConfigurationError("this would mark everything", hint="Give data ID keys, or begin and end.")
    if new.kind is Kind.RETRACT:
        _check_retracted(connection, new)


def _check_retracted(connection: Connection, new: Annotation) -> None:
    known = {one.id: one for one in all_of(connection)}
    if new.retracts not in known or known[new.retracts].kind is Kind.RETRACT:
        raise UnknownNameError("annotation", new.retracts, [i for i, one in known.items() if one.kind is not new.kind])
    if any(one.retracts == new.retracts for one in known.values()):
        raise ConflictError(f"{new.retracts} has been retracted already")


def is_there(connection: Connection, annotation_id: str) -> bool:
    """Whether there is an annotation of this id."""
    return connection.scalar(sa.select(annotation.c.id).where(annotation.c.id == annotation_id)) is not None


def annotate(connection: Connection, new: Annotation) -> None:
    """Add an annotation; one of the same id is there already."""
    if is_there(connection, new.id):
        return
    connection.execute(
        sa.insert(annotation).values(
            id=new.id,
            kind=str(new.kind),
            data_id=json.dumps(dict(new.data_id)),
            begin_ns=new.begin_ns,
            end_ns=new.end_ns,
            text=storable(new.text),
            who=new.who,
            at_ns=new.at_ns,
            retracts=new.retracts,
        )
    )


def all_of(connection: Connection) -> list[Annotation]:
    """All annotations, oldest first."""
    rows = connection.execute(sa.select(annotation).order_by(annotation.c.at_ns, annotation.c.id))
    return [
        Annotation(
            row.id, Kind(row.kind), DataId(json.loads(row.data_id)), row.text, row.who, row.at_ns,
            row.begin_ns, row.end_ns, row.retracts,
        )
        for row in rows
    ]  # fmt: skip
