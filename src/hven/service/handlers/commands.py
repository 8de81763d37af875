"""Commands of a control system: send, look, abort."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from hven.batch.commands.model import Command, CommandRequest, CommandState
from hven.service.handlers.parts import ChangeCommands, ReadCommands

router = APIRouter()


@router.post("/commands", status_code=202)
def send(request: CommandRequest, commands: ChangeCommands) -> Command:
    """Take a command down; the same again gives the same command."""
    return commands.send(request)


@router.get("/commands")
def find(
    commands: ReadCommands,
    state: Annotated[list[CommandState] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Command]:
    """Commands, newest first."""
    return commands.find(state or (), limit=limit)


@router.get("/commands/{command}")
def show(command: str, commands: ReadCommands) -> Command:
    """One command."""
    return commands.get(command)


@router.post("/commands/{command}/abort")
def abort(command: str, commands: ChangeCommands) -> Command:
    """Stop it."""
    return commands.abort(command)
