"""Table of commands, in the database of the jobs."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, Table, select
from sqlalchemy.engine import Connection

from hven.model.digest import digest_json
from hven.registry.schema import Text

NAME = "commands"
VERSION = 2
METADATA = MetaData()

COMMAND = Table(
    "command",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("who", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("told", Text, nullable=False, default=""),
    Column("aborting", Boolean, nullable=False, default=False),
    Column("job", Integer),
    Column("summary", JSON, nullable=False, default={}),
    Column("error", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("sent_ns", BigInteger, nullable=False),
    Column("began_ns", BigInteger, nullable=False, default=0),
    Column("ended_ns", BigInteger, nullable=False, default=0),
)
"""One row per command; `digest` tells whether one sent again is the same, `told` is the state last published."""


def without_certify(connection: Connection) -> None:
    """Version 2: commands ask for calibrations by their names; one that asked otherwise and goes on has failed."""
    for row in connection.execute(select(COMMAND.c.id, COMMAND.c.request, COMMAND.c.state)).all():
        request = {name: value for name, value in row.request.items() if name != "certify"}
        changed = {"request": request, "digest": digest_json(request)}
        if row.request.get("certify") and row.state in {"ack", "in progress"}:
            changed |= {"state": "failed", "error": "products of a pipeline are not certified any more",
                        "hint": "Command a calibration by its name."}  # fmt: skip
        connection.execute(COMMAND.update().where(COMMAND.c.id == row.id).values(**changed))


MIGRATIONS = (without_certify,)
