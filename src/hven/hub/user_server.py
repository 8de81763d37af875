"""A person's server: ``python -m hven.hub.user_server``, started by the hub as that person.

Whatever happens in their home happens with their rights.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path

from hven.batch.environments.shelf import shelf_of
from hven.core.errors import HvenError
from hven.core.logging import get_logger
from hven.core.settings import load_settings
from hven.hub.choices import ENVIRONMENT
from hven.hub.full import PAGE, elsewhere, has_room, what_is_full
from hven.hub.layout import source_folder
from hven.hub.priority import like_everybody
from hven.hub.spawning import fill_home

_OPTIONS = ("--ServerApp.jpserver_extensions=hven.hub.space_page=True",)
_log = get_logger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Give the home what belongs in it, then become the server."""
    os.umask(0o077)
    like_everybody()
    if version := os.environ.get(ENVIRONMENT):
        shelf_of(load_settings()).verify(version)  # an environment that somebody changed is nobody's
    try:
        if has_room(Path.home()):  # half a notebook would stay there
            fill_home(Path.home(), source_folder() / "notebooks")
    except OSError as error:  # a full disk must not lock anybody out
        _log.warning("the home could not be filled", error=str(error))
    more = (*_OPTIONS, *_when_full())
    program = Path(sys.executable).with_name("jupyterhub-singleuser")
    os.execv(sys.executable, [sys.executable, "-P", str(program), *arguments, *more])  # noqa: S606 - our own program


def _when_full() -> tuple[str, ...]:
    """Where something is full: begin with the page that says what can go, and write nothing in a home without room."""
    try:
        problems = what_is_full(load_settings(), pwd.getpwuid(os.getuid()).pw_name, Path.home())
    except (HvenError, OSError) as error:
        problems = [f"It cannot be said how much room there is: {error}"]
    if not problems:
        return ()
    _log.warning("no room", problems=problems)
    os.environ["JUPYTERHUB_DEFAULT_URL"] = PAGE
    if has_room(Path.home()):
        return ()
    os.environ.update(elsewhere(os.environ.get("JUPYTER_RUNTIME_DIR", "")))
    return ("--FileContentsManager.delete_to_trash=False",)  # a trash at home takes room there


if __name__ == "__main__":
    main(sys.argv[1:])
