"""Commands in the database: taken down once, moved on once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from hven.batch.commands.model import Command, CommandRequest, CommandState, Summary
from hven.batch.commands.tables import COMMAND, METADATA, MIGRATIONS, NAME, VERSION
from hven.core.clock import now_ns
from hven.core.errors import ConflictError, NotFoundError
from hven.registry.database import Database
from hven.registry.schema import storable

OPEN = (CommandState.ACK, CommandState.IN_PROGRESS)


class CommandStore:
    """Commands in a database.

    Parameters
    ----------
    database
        That of `platform_url`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(
            METADATA, name=NAME, version=VERSION, when_older="Commands of that version are lost.", migrations=MIGRATIONS
        )

    def put(self, request: CommandRequest, *, who: str) -> Command:
        """Take a command down; the same again gives what is known of it.

        Raises
        ------
        ConflictError
            When another command has this id.
        """
        values = {"id": request.id, "digest": request.digest, "request": request.model_dump(mode="json"), "who": who}
        with self.database.write() as connection:
            known = connection.scalar(sa.select(COMMAND.c.digest).where(COMMAND.c.id == request.id))
            if known is None:
                connection.execute(COMMAND.insert().values(**values, state=CommandState.ACK, sent_ns=now_ns()))
            elif known != request.digest:
                raise ConflictError(
                    f"command {request.id} was sent before and asked for something else",
                    hint="A new command needs a new id; `hven command show` tells what the old one was.",
                )
        return self.get(request.id)

    def get(self, command: str) -> Command:
        """Command by id; raises NotFoundError."""
        found = self._commands(COMMAND.c.id == command)
        if not found:
            raise not_there(command)
        return found[0]

    def find(self, states: Collection[CommandState] = (), *, limit: int | None = None) -> list[Command]:
        """Commands in some states (in any if empty), newest first."""
        return self._commands(*([COMMAND.c.state.in_(list(states))] if states else []), limit=limit)

    def untold(self) -> list[Command]:
        """Commands whose state has not been published yet, oldest first."""
        return self._commands(COMMAND.c.told != COMMAND.c.state)[::-1]

    def told(self, command: Command) -> None:
        """Note that a state has been published."""
        with self.database.write() as connection:
            connection.execute(COMMAND.update().where(_is(command)).values(told=command.state))

    def begin(self, command: Command, job: int | None) -> bool:
        """Note that an acknowledged command has begun, and its one job; gives whether it was noted here."""
        return self._move(command, CommandState.IN_PROGRESS, job=job, began_ns=now_ns())

    def end(
        self, command: Command, state: CommandState, *, summary: Summary | None = None, error: str = "", hint: str = ""
    ) -> bool:
        """Note how an open command ended; gives whether it was noted here."""
        said = {"error": storable(error), "hint": storable(hint), "ended_ns": now_ns()}
        kept = {"summary": summary.model_dump(mode="json")} if summary else {}
        return self._move(command, state, **said, **kept)

    def abort(self, command: str, *, who: str) -> Command:
        """Ask an open command to stop; ConflictError when it has ended."""
        open_ = (COMMAND.c.id == command) & COMMAND.c.state.in_(OPEN)
        with self.database.write() as connection:
            said = f"aborted by {who}"
            done = connection.execute(COMMAND.update().where(open_).values(aborting=True, error=said)).rowcount
        found = self.get(command)
        if not done:
            raise ConflictError(f"command {command} is {found.state} and cannot be aborted")
        return found

    def _move(self, command: Command, state: CommandState, **values: Any) -> bool:
        with self.database.write() as connection:
            change = COMMAND.update().where(_is(command), COMMAND.c.state == command.state)
            return connection.execute(change.values(state=state, **values)).rowcount == 1

    def _commands(self, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> list[Command]:
        query = COMMAND.select().where(*conditions).order_by(COMMAND.c.sent_ns.desc(), COMMAND.c.id.desc()).limit(limit)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Command.model_validate({k: v for k, v in row.items() if k not in _HIDDEN}) for row in rows]


def not_there(command: str) -> NotFoundError:
    """Error for an id that is none."""
    return NotFoundError(f"there is no command {command!r}", hint="`hven command list` shows the latest.")


_HIDDEN = frozenset({"id", "digest", "told"})


def _is(command: Command) -> sa.ColumnElement[bool]:
    return COMMAND.c.id == command.request.id
