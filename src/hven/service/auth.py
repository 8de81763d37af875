"""Who is calling the API: asked for every request, of whoever knows the scheme of its credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jupyterhub.services.auth import HubAuth
from tornado.web import HTTPError

from hven.core.errors import AccessDeniedError, ServiceUnavailableError

CACHE_S = 30
"""The hub's answer about a token holds so long: a revoked token works no longer than that."""

BY_HUB = "token"
"""Scheme of the hub's tokens; `bearer` is another word for it."""

_HEADER = re.compile(r"([a-z]{1,16}) +([A-Za-z0-9._~+/=:-]{1,512})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and what their token allows."""

    name: str
    scopes: frozenset[str]

    def may(self, verb: str) -> bool:
        """Whether the token allows to ``read``, ``submit`` or ``operate``."""
        return f"custom:hven:{verb}" in self.scopes

    def must(self, verb: str) -> None:
        """Raise AccessDeniedError unless the token allows it."""
        if not self.may(verb):
            raise AccessDeniedError(
                f"{self.name}'s token does not allow to {verb}", hint=f"It needs the scope custom:hven:{verb}."
            )


class Auth(Protocol):
    """Finds out who is calling, for one scheme of the `Authorization` header."""

    async def caller(self, secret: str) -> Caller | None:
        """Owner of a secret, or None where it is nobody's; raises AccessDeniedError for the wrong service."""
        ...


Auths = Mapping[str, Auth]
"""By scheme, in lower case: what follows the scheme's word in the header is the secret."""


class HubAuthentication:
    """Asks the hub.

    Parameters
    ----------
    hub
        Configured from the `JUPYTERHUB_*` environment that the hub gives its services.
    """

    def __init__(self, hub: HubAuth | None = None) -> None:
        self._hub = hub or HubAuth(cache_max_age=CACHE_S)

    async def caller(self, secret: str) -> Caller | None:
        """Owner of a token that may use this service."""
        try:
            model: dict[str, Any] | None = await self._hub.user_for_token(secret, sync=False)
        except HTTPError as error:
            raise ServiceUnavailableError("the hub does not say who is calling") from error
        if model is None:
            return None
        name = model["name"] if model["kind"] == "user" else f"service-{model['name']}"
        if not self._hub.check_scopes(self._hub.access_scopes, model):
            raise AccessDeniedError(f"{name}'s token is not for this service")
        return Caller(name, frozenset(model["scopes"]))


def credential_of(authorization: str) -> tuple[str, str]:
    """Scheme and secret of an `Authorization` header; empty where there is none.

    Examples
    --------
    >>> credential_of("token abc"), credential_of("Bearer abc"), credential_of("abc")
    (('token', 'abc'), ('token', 'abc'), ('', ''))
    """
    found = _HEADER.fullmatch(authorization.strip())
    if not found:
        return "", ""
    scheme = found.group(1).lower()
    return (BY_HUB if scheme == "bearer" else scheme), found.group(2)
