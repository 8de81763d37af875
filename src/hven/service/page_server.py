"""A Panel server that shows the pages, guarded by the hub."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tornado.web import RedirectHandler

from hven.core.errors import SettingsError
from hven.core.logging import get_logger
from hven.core.settings import load_settings
from hven.hub.hub_users import AskHub, HubUsers
from hven.hub.layout import source_folder
from hven.observatory import Observatory, connect
from hven.service.page_actions import PageActions
from hven.service.page_keys import Keys
from hven.service.page_resources import gathered_once
from hven.service.panel_auth import HubAuthProvider, callback_route
from hven.service.session_owner import USER
from hven.service.visitors import Visitors

FIRST_PAGE = "tonight"
THREADS = 4
GC_THRESHOLDS = (20_000, 20, 100)
"""A page makes some hundred thousand objects, most of which live as long as its session."""

log = get_logger(__name__)


def find_pages(folder: Path) -> dict[str, Callable[[], None]]:
    """Address of every page in a folder, and what shows it: its file, run anew for each visit.

    Functions are run in threads, so that who only has to be sent on to the login does not wait for others' pages;
    Bokeh would run files one after the other where it also answers.

    Raises
    ------
    SettingsError
        When the first page is not there.
    """
    pages = {file.stem: _shows(file) for file in sorted(folder.glob("*.py"))}
    if FIRST_PAGE not in pages:
        raise SettingsError(
            f"{folder} has no page {FIRST_PAGE}.py", hint="The pages are `dashboards/` of the checkout."
        )
    return pages


def _shows(file: Path) -> Callable[[], None]:
    spec = spec_from_file_location(file.stem, file)
    loader = spec.loader if spec else None
    if spec is None or loader is None:
        raise SettingsError(f"{file} cannot be run", hint="A page is a Python file.")

    def show() -> None:
        loader.exec_module(module_from_spec(spec))

    return show


def make_server(
    pages: Mapping[str, Callable[[], None]],
    observatory: Observatory,
    *,
    url: str,
    prefix: str,
    public: str,
    auth: Any,
    keys: Keys,
    act: PageActions | None = None,
    seen_by: Callable[[str], Observatory] | None = None,
    hub_users: Callable[[], HubUsers] | None = None,
) -> Any:
    """Make a Panel server that listens; its `io_loop` is still to be started.

    Parameters
    ----------
    pages
        From `find_pages`.
    observatory
        What the pages show.
    url
        Address on which to listen: ``http://host:port``, or ``unix:///path``.
    prefix
        Path below which the hub's proxy hands requests on.
    public
        Host and port that people's browsers see; no other may open a websocket.
    auth
        A Bokeh AuthProvider.
    keys
        By which sessions are known again.
    act
        Changes things for the pages; without it they have no buttons.
    seen_by
        Gives the observatory as a visitor sees it; without it all of it is shown.
    hub_users
        Tells of the hub's users and their servers; pages show of them what a visitor may see.
    """
    import panel as pn
    from bokeh.settings import settings as bokeh_settings

    from hven.views import frame

    bokeh_settings.perform_document_validation.set_value(False)  # its words go to a log, not to visitors
    pn.io.server.bundle_resources = gathered_once(pn.io.resources.bundle_resources, lambda: pn.state.rel_path)
    where, base = urlparse(url), prefix.rstrip("/")
    pn.extension()
    pn.state.cache.update({frame.OBSERVATORY: observatory, frame.ACTIONS: act, frame.SEEN_BY: seen_by,
                           frame.HUB_USERS: hub_users})  # fmt: skip
    home = (r"/?", RedirectHandler, {"url": f"{base}/{FIRST_PAGE}", "permanent": False})
    place = (
        {"unix_socket": where.path} if where.scheme == "unix" else {"address": where.hostname, "port": where.port or 0}
    )
    server = pn.serve(
        dict(pages), **place, prefix=base, websocket_origin=_names(public),
        auth_provider=auth, extra_patterns=[callback_route(), home],
        cookie_secret=keys.cookies, sign_sessions=True, secret_key=keys.sessions,
        use_xheaders=True, show=False, start=False, num_threads=THREADS, verbose=False,
        include_cookies=[USER, frame.THEME], include_headers=["Host"],  # a page carries these back, but not the login
    )  # fmt: skip
    server.start()
    return server


def warm_up(observatory: Observatory) -> None:
    """Draw once what every page needs, so that the first visitor does not wait for imports."""
    from hven.views import warm

    try:
        warm.up(observatory)
    except Exception as error:  # noqa: BLE001 - a page will say what is wrong; the service itself stands
        log.warning("warm-up failed", error=f"{type(error).__name__}: {error}")
    spare_the_collector()


def spare_the_collector() -> None:
    """Let the garbage collector leave alone what stays: it took a tenth of a page's time, looking at modules."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _names(public: str) -> list[str]:
    """Loopback has two names, and people type either."""
    return [public, public.replace("127.0.0.1", "localhost")]


def serve_pages(url: str, keys: Keys, listening: Callable[[], None]) -> None:
    """Show the pages until the process ends, with the hub's `JUPYTERHUB_*` environment and `HVEN_PUBLIC_URL`.

    Parameters
    ----------
    url
        Address on which to listen.
    keys
        By which sessions are known again.
    listening
        Called as soon as somebody listens there.
    """
    observatory = connect(load_settings())
    pages = find_pages(source_folder() / "dashboards")
    auth = HubAuthProvider()
    server = make_server(
        pages, observatory, url=url, prefix=os.environ["JUPYTERHUB_SERVICE_PREFIX"], keys=keys,
        public=urlparse(os.environ["HVEN_PUBLIC_URL"]).netloc, auth=auth,
        act=PageActions(os.environ["HVEN_API_URL"], auth.tokens), seen_by=Visitors(observatory, auth.may_operate),
        hub_users=AskHub(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"]),
    )  # fmt: skip
    threading.Thread(target=warm_up, args=(observatory,), name="warm-up", daemon=True).start()
    listening()
    log.info("pages are served", pages=sorted(pages))
    server.io_loop.start()
