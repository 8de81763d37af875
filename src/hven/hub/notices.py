"""Extension of a person's server: says what operators announce, and when the server will stop because nobody uses it.

JupyterLab asks it once a minute (`hven/hub/lab`) and shows what it says; a server that nobody uses then stops itself.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.ioloop import PeriodicCallback
from tornado.web import authenticated

from hven.hub.announcement import VARIABLE, read_announcement

IDLE = "HVEN_IDLE_S"
"""Names the seconds after which an unused server stops; 0 for never."""
LAB = Path(__file__).with_name("lab")
"""JupyterLab finds its part of this extension here."""
_LOOK_MS = 15_000
_LONGEST_WARNING_S = 600.0


class Idleness:
    """For how long nothing has run in a server.

    Parameters
    ----------
    kernels, terminals
        Jupyter's managers.
    timeout_s
        After so long the server may stop; 0 for never.
    """

    def __init__(self, kernels: Any, terminals: Any, timeout_s: float) -> None:
        self._kernels = kernels
        self._terminals = terminals
        self.timeout_s = timeout_s
        self._kept = time.time()

    def keep(self) -> None:
        """Count from now."""
        self._kept = time.time()

    def left_s(self) -> float | None:
        """Seconds until the server stops; None for never."""
        return self._kept_until() - time.time() if self.timeout_s else None

    def warning_s(self) -> float:
        """How long before that people are told."""
        return min(_LONGEST_WARNING_S, self.timeout_s / 2)

    def _kept_until(self) -> float:
        for model in (*self._kernels.list_kernels(), *(self._terminals.list() if self._terminals else ())):
            if model.get("execution_state") in {"busy", "starting"}:
                self.keep()
            last = model["last_activity"].replace("Z", "+00:00")
            self._kept = max(self._kept, _seconds(last))
        return self._kept + self.timeout_s


def _seconds(written: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(written).timestamp()


class NoticesHandler(APIHandler):
    """What JupyterLab shows; asking for it is no activity."""

    _track_activity = False

    @property
    def _idleness(self) -> Idleness:
        found: Idleness = self.settings["hven_idleness"]
        return found

    @authenticated
    def get(self) -> None:
        """The announcement, and the seconds left once it is time to say so."""
        left = self._idleness.left_s()
        soon = left is not None and left < self._idleness.warning_s()
        file = os.environ.get(VARIABLE)
        said = read_announcement(Path(file)) if file else ""
        self.finish(json.dumps({"announcement": said, "stops_in_s": left if soon else None}))

    @authenticated
    def post(self) -> None:
        """Keep the server."""
        self._idleness.keep()
        self.set_status(204)
        self.finish()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hven.hub.notices"}]


def _load_jupyter_server_extension(server: Any) -> None:
    idleness = Idleness(
        server.kernel_manager,
        server.web_app.settings.get("terminal_manager"),
        float(os.environ.get(IDLE, "0")),
    )
    server.web_app.settings["hven_idleness"] = idleness
    route = url_path_join(server.web_app.settings["base_url"], "hven", "notices")
    server.web_app.add_handlers(".*$", [(route, NoticesHandler)])

    def look() -> None:
        left = idleness.left_s()
        if left is not None and left <= 0:
            server.log.info("nothing has run for %.0f s: stopping", idleness.timeout_s)
            server.stop()

    PeriodicCallback(look, _LOOK_MS).start()


def server_options() -> list[str]:
    """Command line that loads this extension."""
    return [
        "--ServerApp.jpserver_extensions=hven.hub.notices=True",
        f"--LabApp.extra_labextensions_path={LAB}",
    ]
