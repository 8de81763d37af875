"""Panel behind the hub: who may see a page is the hub's decision, for HTTP and websocket alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlparse

from bokeh.server.auth_provider import AuthProvider
from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado.web import HTTPError, RequestHandler, authenticated, create_signed_value

from hven.service.session_owner import USER, refuse_foreign_session

LOGIN = "/login"
CALLBACK = "/oauth_callback"
OPERATE = "custom:hven:operate"


def callback_route() -> tuple[str, type[RequestHandler]]:
    """Route to which the hub sends people back after their login."""
    return CALLBACK, HubOAuthCallbackHandler


class Login(HubOAuthenticated, RequestHandler):
    """Sends people to the hub's login, and from there back to the page they wanted."""

    def get_login_url(self) -> str:
        """Hub's login, which will come back to the page asked for rather than to this address."""
        self.request.uri = self._wanted()
        return str(super().get_login_url())

    @authenticated
    def get(self) -> None:
        """Go on to the page asked for."""
        self.redirect(self._wanted())

    def _wanted(self) -> str:
        base = str(self.hub_auth.base_url)
        wanted = self.get_argument("next", base)
        return wanted if within(wanted, base) else base


def within(address: str, base: str) -> bool:
    r"""Whether an address is a path below a prefix and leads to no other host.

    Examples
    --------
    >>> within("/services/dashboards/jobs", "/services/dashboards/")
    True
    >>> within("//elsewhere/services/dashboards/", "/services/dashboards/")
    False
    """
    parts = urlparse(address)
    escapes = ".." in parts.path.split("/") or "\\" in address
    return not parts.scheme and not parts.netloc and parts.path.startswith(base) and not escapes


class HubAuthProvider(AuthProvider):
    """Asks the hub who is calling and whether they have the service's access scope.

    Every request is asked for: pages, `autoload.js`, metadata and the websocket. A page's session belongs to the
    visitor for whom it was made. Answers are cached by `HubOAuth` for some minutes.

    Parameters
    ----------
    hub
        Made from the `JUPYTERHUB_*` environment by default; the login handler uses the same one.

    Attributes
    ----------
    tokens
        Each visitor's own token of their latest login, which stays in this process.
    """

    def __init__(self, hub: HubOAuth | None = None) -> None:
        self._hub = hub or HubOAuth.instance()
        self.tokens: dict[str, str] = {}
        self._operators: set[str] = set()
        super().__init__()  # reads the properties below

    @property
    def get_user(self) -> None:
        """Bokeh allows only one of `get_user` and `get_user_async`."""
        return

    @property
    def get_user_async(self) -> Callable[[RequestHandler], Awaitable[str | None]]:
        """Coroutine that gives the user's name, None for nobody; raises 403 without the scope."""
        return self._user

    @property
    def login_url(self) -> str:
        """Relative: Panel makes it `./login`, below the service's prefix."""
        return LOGIN

    @property
    def get_login_url(self) -> None:
        """Unused: Panel would put a dot before the hub's absolute address."""
        return

    @property
    def login_handler(self) -> type[RequestHandler]:
        """Handler behind `login_url`."""
        return Login

    @property
    def logout_url(self) -> None:
        """Unused: people log out of the hub."""
        return

    @property
    def logout_handler(self) -> None:
        """Unused."""
        return

    def may_operate(self, name: str) -> bool:
        """Whether a visitor's latest login allows to operate."""
        return name in self._operators

    async def _user(self, handler: RequestHandler) -> str | None:
        model = await self._hub.get_user(handler, sync=False)
        if model is None:
            return None
        if not self._hub.check_scopes(self._hub.access_scopes, model):
            raise HTTPError(403, "this account may not see the dashboards")
        name = str(model["name"])
        refuse_foreign_session(handler, name)
        self.tokens[name] = str(self._hub.get_token(handler))
        (self._operators.add if OPERATE in model["scopes"] else self._operators.discard)(name)
        _tell_panel(handler, name)
        return name


def _tell_panel(handler: RequestHandler, name: str) -> None:
    """Panel reads the user from a signed cookie, unless the browser says it is a guest: set one, drop the other."""
    cookies: Any = handler.request.cookies
    cookies.pop("is_guest", None)
    secret = handler.application.settings["cookie_secret"]
    cookies[USER] = create_signed_value(secret, USER, name).decode()
