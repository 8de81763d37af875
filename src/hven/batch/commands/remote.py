"""Commands through the API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hven.batch.commands.model import Command, CommandRequest, CommandState
from hven.registry.api_client import PATIENCE_S, ApiClient


class RemoteCommands:
    """Commands through the API, in the name of the token's user; errors are those of `Commands`.

    Parameters
    ----------
    url
        The API's address.
    token
        JupyterHub token; it is sent in a header and nowhere else.
    patience_s
        How long an API that is being restarted is asked again; a command may be sent twice.
    """

    def __init__(self, url: str, token: str, *, patience_s: float = PATIENCE_S) -> None:
        self._api = ApiClient(url, f"token {token}", patience_s=patience_s)

    def send(self, request: CommandRequest) -> Command:
        """Take a command down."""
        return Command.model_validate(self._api.ask("POST", "/commands", json=request.model_dump(mode="json")))

    def get(self, command: str) -> Command:
        """Command by id."""
        return Command.model_validate(self._api.ask("GET", f"/commands/{command}"))

    def find(self, states: Collection[CommandState] = (), *, limit: int | None = None) -> list[Command]:
        """Commands, newest first."""
        parameters: dict[str, Any] = {"state": [str(s) for s in states]}
        parameters |= {"limit": limit} if limit is not None else {}
        return [Command.model_validate(found) for found in self._api.ask("GET", "/commands", params=parameters)]

    def abort(self, command: str) -> Command:
        """Stop a command."""
        return Command.model_validate(self._api.ask("POST", f"/commands/{command}/abort", again=False))

    def close(self) -> None:
        """Close connections."""
        self._api.close()
