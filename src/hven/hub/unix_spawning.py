"""How root starts a person's server as that person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hven.core.settings import EngineSettings
from hven.hub.as_account import folder_for
from hven.hub.spawning import OnlyItsOwn, choose_size


class UnixSpawner(OnlyItsOwn):
    """A person's server, under their account, in their home."""


def prepare_person(engine: EngineSettings, people: Path, spawner: Any) -> None:
    """Set the chosen size and make the private folder of a person's sockets; called before each start.

    Root makes only this folder, below one that nobody else changes. The home is filled by the server itself, as its
    user: see `hven.hub.user_server`.
    """
    choose_size(engine, spawner)
    folder = people / spawner.user.name
    folder_for(spawner.user.name, folder)
    spawner.environment = {**spawner.environment, "JUPYTER_RUNTIME_DIR": str(folder)}


def has_systemd() -> bool:
    """Whether systemd runs this machine."""
    return Path("/run/systemd/system").is_dir()
