"""Who uses the hub, and whose servers run: asked of the hub, with a service's own token."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from hven.core.clock import NS
from hven.core.errors import ServiceUnavailableError
from hven.core.trust import trusted

HOLD_S = 10.0
"""An answer, or that there was none, holds so long: however many pages are open, the hub is asked once."""
TIMEOUT_S = 2.0
_PER_REQUEST = 100
_PAGED = {"Accept": "application/jupyterhub-pagination+json"}


@dataclass(frozen=True, slots=True)
class UserServer:
    """A notebook server of somebody.

    Parameters
    ----------
    name
        Empty for the one that everybody has.
    pending
        What the hub is about to do with it, ``spawn`` or ``stop``; empty for nothing.
    started_ns, active_ns
        When it was started and last used; None where the hub does not know.
    chosen
        What its user chose, e.g. ``{"profile": "small"}``.
    """

    user: str
    name: str
    ready: bool
    pending: str
    started_ns: int | None
    active_ns: int | None
    chosen: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HubUsers:
    """How many `users` the hub knows, and the servers that run, by user."""

    users: int
    servers: tuple[UserServer, ...]


class _Server(BaseModel):
    name: str
    ready: bool
    pending: str | None
    started: AwareDatetime | None
    last_activity: AwareDatetime | None
    user_options: dict[str, Any] | None = None


class _User(BaseModel):
    name: str
    servers: dict[str, _Server] = {}


class _Total(BaseModel):
    total: int


class _Users(BaseModel):
    items: list[_User]
    pagination: Annotated[_Total, Field(alias="_pagination")]


@dataclass(slots=True)
class AskHub:
    """Asks the hub's API; gives the same answer for some seconds.

    Parameters
    ----------
    url
        Of the hub's API.
    token
        With the scopes `hven.hub.roles.SEE_PEOPLE`; it is sent in a header and nowhere else.
    """

    url: str
    token: str = field(repr=False)
    _known: HubUsers | None = field(default=None, init=False, repr=False)
    _problem: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __call__(self) -> HubUsers:
        """Users and servers.

        Raises
        ------
        ServiceUnavailableError
            When the hub did not answer, refused, or said something else.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._look()
                self._until = time.monotonic() + HOLD_S
            known, problem = self._known, self._problem
        if known is None:
            hint = "The page asks again; if it stays so, see hub.log of the platform's logs."
            raise ServiceUnavailableError(f"the hub does not say who uses it: {problem}", hint=hint)
        return known

    def _look(self) -> None:
        self._known = None
        try:
            self._known = self._ask()
        except httpx.HTTPStatusError as error:
            self._problem = f"it answers {error.response.status_code}"
        except httpx.HTTPError as error:
            self._problem = f"no answer ({type(error).__name__})"
        except ValidationError:
            self._problem = "its answer is not of the form that this version of hven knows"

    def _ask(self) -> HubUsers:
        headers = {**_PAGED, "Authorization": f"token {self.token}"}
        # The hub is near; no proxy that the environment names gets to see the token.
        with httpx.Client(headers=headers, timeout=TIMEOUT_S, verify=trusted(), trust_env=False) as client:
            known = self._page(client, limit=1).pagination.total
            users = sorted(self._active(client), key=lambda user: user.name)
        return HubUsers(known, tuple(_server(u.name, s) for u in users for _, s in sorted(u.servers.items())))

    def _active(self, client: httpx.Client) -> Iterator[_User]:
        """Users who have a server that runs, starts or stops."""
        total, offset = 1, 0
        while offset < total:
            page = self._page(client, state="active", limit=_PER_REQUEST, offset=offset)
            yield from page.items
            total, offset = page.pagination.total, offset + _PER_REQUEST

    def _page(self, client: httpx.Client, **parameters: str | int) -> _Users:
        answer = client.get(f"{self.url.rstrip('/')}/users", params=parameters)
        answer.raise_for_status()
        return _Users.model_validate_json(answer.content)


def _server(user: str, server: _Server) -> UserServer:
    started, active = map(_ns, (server.started, server.last_activity))
    chosen = {key: str(value) for key, value in (server.user_options or {}).items() if value}
    return UserServer(user, server.name, server.ready, server.pending or "", started, active, chosen)


def _ns(moment: AwareDatetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp()) * NS
