"""The user's own server: how it starts, and the home it starts in."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner

from hven.core.settings import Settings
from hven.hub.choices import tell
from hven.hub.processes import MARK, marked

_NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
_NOTIFICATIONS = Path(".jupyter/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings")


class OnlyItsOwn(LocalProcessSpawner):  # type: ignore[misc] # JupyterHub has no types
    """Takes over a server that a former hub started only if it is that very process.

    JupyterHub remembers a pid. After a crash of the machine it may belong to something else, which the hub would end.
    """

    pid: int

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what is remembered, unless the process does not carry this platform's mark."""
        super().load_state(state)
        if self.pid not in {p.pid for p in marked(os.environ.get(MARK, ""))}:
            self.pid = 0


class HomeSpawner(OnlyItsOwn, SimpleLocalProcessSpawner):  # type: ignore[misc] # JupyterHub has no types
    """A user's server on this machine, in a home below the state folder."""


def prepare(settings: Settings, notebooks: Path, homes: Path, spawner: Any) -> None:
    """Tell the server what was chosen and fill the home; called before each start of a user's server."""
    tell(settings, spawner)
    fill_home(homes / spawner.user.name, notebooks)


def fill_home(home: Path, notebooks: Path) -> None:
    """Give a home its own copies of the notebooks and quiet settings; nothing that is there is touched.

    A notebook that the user deleted stays deleted: what was handed out is remembered.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = home / ".hven-notebooks"
    given = set(ledger.read_text().split("\n")) if ledger.exists() else set()
    for notebook in sorted(notebooks.glob("*.ipynb")):
        target = home / "notebooks" / notebook.name
        if notebook.name not in given and not target.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(notebook, target)
        given.add(notebook.name)
    ledger.write_text("\n".join(sorted(given - {""})))
    settings = home / _NOTIFICATIONS
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(_NO_NEWS))


def server_arguments() -> list[str]:
    """Command line of JupyterLab: nothing is fetched from the internet."""
    return [
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=",
    ]
