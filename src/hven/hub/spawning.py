"""The user's own server: its size, its environment and the home it starts in."""

from __future__ import annotations

import html
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner

from hven.core.settings import EngineSettings
from hven.hub.processes import MARK, marked

_NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
_NOTIFICATIONS = Path(".jupyter/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings")
_CHOICE = """<div class="mb-3"><label class="form-label" for="profile">Size of your Dask cluster</label>
<select class="form-select" id="profile" name="profile">{options}</select></div>"""


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


def size_form(engine: EngineSettings) -> str:
    """The form shown before a server starts; empty when there is nothing to choose."""
    if len(engine.profiles) < 2:  # noqa: PLR2004 - one is no choice
        return ""
    options = []
    for name, profile in engine.profiles.items():
        chosen = " selected" if name == engine.default_profile else ""
        workers = f"{profile.workers} worker{'s' if profile.workers > 1 else ''}"
        text = f"{name}: {workers}, {profile.threads_per_worker} thread and {profile.memory_gb:g} GB each"
        options.append(f'<option value="{html.escape(name)}"{chosen}>{html.escape(text)}</option>')
    return _CHOICE.format(options="".join(options))


def read_size_form(form: Mapping[str, list[str]]) -> dict[str, str]:
    """Options of a server from the form that was sent.

    Examples
    --------
    >>> read_size_form({"profile": ["small"], "_xsrf": ["..."]})
    {'profile': 'small'}
    """
    return {"profile": form["profile"][0]} if form.get("profile") else {}


def prepare(engine: EngineSettings, notebooks: Path, homes: Path, spawner: Any) -> None:
    """Set the chosen size and fill the home; called before each start of a user's server."""
    choose_size(engine, spawner)
    fill_home(homes / spawner.user.name, notebooks)


def choose_size(engine: EngineSettings, spawner: Any) -> None:
    """Tell a user's server which size of Dask cluster was chosen."""
    profile = spawner.user_options.get("profile", engine.default_profile)
    if profile not in engine.profiles:
        profile = engine.default_profile
    spawner.environment = {**spawner.environment, "HVEN_PROFILE": profile}


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
