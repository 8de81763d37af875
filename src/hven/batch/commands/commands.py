"""Commands as a control system uses them: the same verbs at the table itself and through the API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from hven import instruments
from hven.batch.commands.model import Command, CommandRequest, CommandState, Summary
from hven.batch.commands.refusals import note
from hven.batch.commands.store import CommandStore, not_there
from hven.batch.store import JobStore
from hven.calibration.declared import find_calibration
from hven.core.errors import AccessDeniedError, ConflictError, NotFoundError, UnknownNameError
from hven.core.settings import Settings
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline


class Commands(Protocol):
    """Takes commands, in the name of one user; `send` and `abort` are for those who may operate."""

    def send(self, request: CommandRequest) -> Command:
        """Take a command down and come back; the batch service does it.

        The same request again, after an answer was lost, gives the same command.

        Raises
        ------
        UnknownNameError
            For an instrument, pipeline, calibration, subset, step or data ID key that does not exist; nothing is taken
            down.
        ConfigurationError
            When the configuration does not fit.
        ConflictError
            When another command has this id.
        AccessDeniedError
            For those who may not operate.
        """
        ...

    def get(self, command: str) -> Command:
        """Command by id; raises NotFoundError."""
        ...

    def find(self, states: Collection[CommandState] = (), *, limit: int | None = None) -> list[Command]:
        """Commands in some states (in any if empty), newest first."""
        ...

    def abort(self, command: str) -> Command:
        """Stop a command; what its job has made stays. ConflictError when it has ended."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class DirectCommands:
    """Commands at the table itself.

    Parameters
    ----------
    settings
        Of the site.
    store
        Table of commands.
    user
        In whose name.
    operator
        Whether they may command.
    closed
        Collections that they may not see: what works on these or makes these is not there for them.
    """

    def __init__(
        self,
        settings: Settings,
        store: CommandStore,
        *,
        user: str,
        operator: bool,
        closed: frozenset[str] = frozenset(),
    ) -> None:
        self.settings = settings
        self.store = store
        self.user = user
        self.operator = operator
        self.closed = closed

    def send(self, request: CommandRequest) -> Command:
        """Check the request and take it down."""
        self._must_operate()
        _check(self.settings, request)
        try:
            return self.store.put(request, who=self.user)
        except ConflictError as error:
            note(self.store.database, request, who=self.user, why=error.message)
            raise

    def get(self, command: str) -> Command:
        """Command by id."""
        found = self.store.get(command)
        if not self._is_seen(found):
            raise not_there(command)
        return self._living(found)

    def find(self, states: Collection[CommandState] = (), *, limit: int | None = None) -> list[Command]:
        """Commands, newest first."""
        found = self.store.find(states, limit=None if self.closed else limit)
        return [self._living(command) for command in filter(self._is_seen, found)][:limit]

    def abort(self, command: str) -> Command:
        """Stop a command."""
        self._must_operate()
        return self.store.abort(command, who=self.user)

    def close(self) -> None:
        """Close the table's connections."""
        self.store.database.close()

    def _is_seen(self, command: Command) -> bool:
        return self.closed.isdisjoint(command.request.collections.values())

    def _living(self, command: Command) -> Command:
        """With the counts of its job, while that goes on."""
        if command.state != CommandState.IN_PROGRESS or command.job is None:
            return command
        try:
            job = JobStore(self.store.database, self.settings.batch).get(command.job)
        except NotFoundError:
            return command
        return command.model_copy(update={"summary": Summary(counts=job.counts, collection=job.run)})

    def _must_operate(self) -> None:
        if not self.operator:
            raise AccessDeniedError(
                f"{self.user} may not command the observatory's processing",
                hint="Commands are for control systems and operators; `hven submit` is for everybody.",
            )


def _check(settings: Settings, request: CommandRequest) -> None:
    """Raise where a request names what does not exist, before anything is taken down."""
    name = request.instrument
    if name not in settings.instruments:
        raise UnknownNameError("instrument", name, settings.instruments)
    instrument = instruments.load(name)
    if request.calibration:
        find_calibration(instrument, request.calibration.name)
    else:
        bind(load_pipeline(instrument, request.pipeline), instrument, request.config)
    _ = request.query  # raises for an unknown data ID key
