"""How root starts a person's server as that person."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hven.core.errors import ConfigurationError, HvenError
from hven.core.logging import get_logger
from hven.core.settings import ServerSettings, Settings
from hven.hub.as_account import folder_for
from hven.hub.choices import tell
from hven.hub.machine.files import has_systemd
from hven.hub.machine.folders import bring_about, user_folder
from hven.hub.spawning import OnlyItsOwn
from hven.store.acl import get_acl

_log = get_logger(__name__)


class UnixSpawner(OnlyItsOwn):
    """A person's server, under their account, in their home."""


def prepare_person(settings: Settings, server: ServerSettings, people: Path, spawner: Any) -> None:
    """Tell the server what was chosen; make the private folder of its sockets and, once, that of own products.

    Called before each start. Root makes only these folders, below some that nobody else changes. The home is filled by
    the server itself, as its user: see `hven.hub.user_server`.
    """
    tell(settings, spawner)
    make_own_folder(settings, server, spawner.user.name)
    folder = people / spawner.user.name
    folder_for(spawner.user.name, folder)
    spawner.environment = {**spawner.environment, "JUPYTER_RUNTIME_DIR": str(folder)}


def welcome(
    settings: Settings, server: ServerSettings, _authenticator: Any, _handler: Any, authentication: dict[str, Any]
) -> dict[str, Any]:
    """Give whoever logs in the folder of their own products; called again every minute while their tokens are used.

    So it is there before anybody can submit a job, also from outside and without a server.
    """
    make_own_folder(settings, server, authentication["name"])
    return authentication


def make_own_folder(settings: Settings, server: ServerSettings, user: str) -> None:
    """Make the folder of somebody's own products where there is none that the services read.

    Groups with which its owner shares it stay. A data root that is full or away locks nobody out.
    """
    own = user_folder(settings, server, user)
    try:
        if not own.path.is_dir() or own.path.is_symlink() or not _is_read_by(server.services_group, own.path):
            bring_about(own)
    except (OSError, HvenError) as error:
        _log.warning("somebody has no folder for own products", user=user, folder=str(own.path), error=str(error))


def _is_read_by(group: str, folder: Path) -> bool:
    """Whether a group is in both lists of a folder, which are set last: else making it was cut short."""
    return all(f"g:{group}:r" in get_acl(folder, default=default) for default in (False, True))


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
