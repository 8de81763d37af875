"""Commands that were refused because another had their id: published, so that somebody hears of it."""

from __future__ import annotations

from hven.batch.commands.model import CommandRequest
from hven.registry.database import Database
from hven.telemetry.gateway import Gateway

CHANNEL = "refusals"
"""Of the telemetry gateway; the rule `command-refused` looks at it."""

_LONGEST = 4000


def note(database: Database, command: CommandRequest, *, who: str, why: str) -> None:
    """Publish that a command was refused, and how often by now."""
    gateway = Gateway(database)
    before = next((record.value for record in gateway.latest(CHANNEL) if record.name == command.id), {})
    count = int(before.get("refused", 0)) + 1
    told = {"refused": count, "who": who, "why": why[:_LONGEST], **command.collections}
    gateway.publish(CHANNEL, command.id, told)
