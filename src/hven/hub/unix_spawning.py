"""How root starts a person's server as that person."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hven.core.errors import ConfigurationError
from hven.core.settings import ServerSettings, Settings
from hven.hub.as_account import folder_for
from hven.hub.machine.files import has_systemd
from hven.hub.machine.folders import bring_about, user_folder
from hven.hub.spawning import OnlyItsOwn, choose_size


class UnixSpawner(OnlyItsOwn):
    """A person's server, under their account, in their home."""


def prepare_person(settings: Settings, server: ServerSettings, people: Path, spawner: Any) -> None:
    """Set the chosen size, make the private folder of a person's sockets and, once, that of their own products.

    Called before each start. Root makes only these folders, below some that nobody else changes. The home is filled by
    the server itself, as its user: see `hven.hub.user_server`.
    """
    choose_size(settings.engine, spawner)
    own = user_folder(settings, server, spawner.user.name)
    if not own.path.exists():
        bring_about(own)
    folder = people / spawner.user.name
    folder_for(spawner.user.name, folder)
    spawner.environment = {**spawner.environment, "JUPYTER_RUNTIME_DIR": str(folder)}


def use_systemd(c: Any, server: ServerSettings) -> None:
    """Let systemd start people's servers, each in a unit with limits that hold for all that it starts.

    Raises
    ------
    ConfigurationError
        Where systemd does not run, or its spawner is not installed.
    """
    if not has_systemd():
        raise ConfigurationError(
            "systemd does not run this machine", hint="Leave out `server: spawner`, or start the machine with systemd."
        )
    if find_spec("systemdspawner") is None:
        raise ConfigurationError("jupyterhub-systemdspawner is not installed", hint="Install the extra hven[systemd].")
    c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
    c.SystemdSpawner.unit_name_template = "hven-{USERNAME}-server"
    c.SystemdSpawner.mem_limit = f"{server.user_memory_gb}G"
    c.SystemdSpawner.cpu_limit = server.user_cores
    c.SystemdSpawner.disable_user_sudo = True
    c.SystemdSpawner.isolate_tmp = True
    c.SystemdSpawner.unit_extra_properties = {"UMask": "0077"}
