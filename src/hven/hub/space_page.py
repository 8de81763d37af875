"""Extension of a person's server: a page that shows their own space and removes what they choose.

It works with the rights of that person, needs neither a kernel nor JupyterLab nor a script in the browser, and writes
nothing in their home. A request needs the login of the hub, and a form the token of its page.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

from hven.core.errors import ConfigurationError, HvenError
from hven.hub.full import PAGE, has_room, largest_files
from hven.hub.space_html import Home, Shown, page

if TYPE_CHECKING:
    from hven.retention.space import Space

_LARGEST = 20
_WORK = "hven_space_work"


@dataclass
class Work:
    """What is being removed: how far it is, and what came of it."""

    text: str = ""
    done: int = 0
    of: int = 0
    running: bool = False
    error: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def step(self, done: int, of: int) -> None:
        """Note the progress."""
        self.done, self.of = done, of


class SpaceHandler(JupyterHandler):
    """The page."""

    @property
    def _work(self) -> Work:
        work: Work = self.settings[_WORK]
        return work

    @authenticated
    async def get(self) -> None:
        """Show the space."""
        self.set_header("Cache-Control", "no-store")
        work = replace(self._work)  # as it was before the look: what ends meanwhile is seen when the page loads again
        shown = await asyncio.to_thread(_look)
        self.finish(page(shown, work, self.xsrf_form_html(), url_path_join(self.base_url, "lab")))

    @authenticated
    async def post(self) -> None:
        """Begin to remove what was chosen; the page then shows how far it is."""
        action, ids = self.get_body_argument("action", ""), self.get_body_arguments("id")
        work = self._work
        if not work.running:
            begun = self.settings[_WORK] = Work(text=_TEXTS.get(action, ""), running=True)
            begun.task = asyncio.create_task(_do(begun, action, ids))
        self.redirect(url_path_join(self.base_url, PAGE))


_TEXTS = {"remove": "Moving into the trash", "reproducible": "Moving into the trash", "empty": "Deleting"}


async def _do(work: Work, action: str, ids: list[str]) -> None:
    try:
        await asyncio.to_thread(_act, work, action, ids)
    except (HvenError, OSError) as error:
        work.error = str(error)
    finally:
        work.running = False


def _act(work: Work, action: str, ids: list[str]) -> None:
    from hven.observatory import connect

    with connect() as obs:
        if action == "empty":
            obs.empty_trash(really=True, step=work.step)
        elif action == "reproducible":
            chosen = [own.product.id for own in obs.space().products if own.reproducible]
            obs.remove(*chosen, really=True, step=work.step)
        elif action == "remove":
            obs.remove(*ids, really=True, step=work.step)
        else:
            raise ConfigurationError(f"{action!r} is nothing that can be done here")


def _look() -> Shown:
    home = Path.home()
    full = not has_room(home)
    return Shown(*_space(), Home(home, full, largest_files(home, _LARGEST) if full else []))


def _space() -> tuple[Space | None, str]:
    """The space, or why it cannot be shown now."""
    from hven.observatory import connect

    try:
        with connect() as obs:
            return obs.space(), ""
    except (HvenError, OSError) as error:
        return None, str(error)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hven.hub.space_page"}]


def _load_jupyter_server_extension(server: Any) -> None:
    server.web_app.settings[_WORK] = Work()
    route = url_path_join(server.web_app.settings["base_url"], PAGE)
    server.web_app.add_handlers(".*$", [(route, SpaceHandler)])
