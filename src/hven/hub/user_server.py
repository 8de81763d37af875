"""A person's server: ``python -m hven.hub.user_server``, started by the hub as that person.

Whatever happens in their home happens with their rights.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hven.core.logging import get_logger
from hven.hub.layout import source_folder
from hven.hub.spawning import fill_home

_log = get_logger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Give the home what belongs in it, then become the server."""
    os.umask(0o077)
    try:
        fill_home(Path.home(), source_folder() / "notebooks")
    except OSError as error:  # a full disk must not lock anybody out
        _log.warning("the home could not be filled", error=str(error))
    program = Path(sys.executable).with_name("jupyterhub-singleuser")
    os.execv(sys.executable, [sys.executable, "-P", str(program), *arguments])  # noqa: S606 - our own program


if __name__ == "__main__":
    main(sys.argv[1:])
