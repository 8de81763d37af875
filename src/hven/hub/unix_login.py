"""Who gets in where people are Unix users, and which groups the hub knows them by."""

from __future__ import annotations

import pwd
from typing import Any

from jupyterhub.auth import LocalAuthenticator, PAMAuthenticator

from hven.hub.as_account import groups_of


class UnixPeople(LocalAuthenticator):  # type: ignore[misc] # JupyterHub has no types
    """Lets the members of `allowed_groups` in, and hands the groups of their Unix accounts to the hub.

    Asked again at every refresh: who has left the group gets no further, not even with a token made before.
    """

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Whether an account exists, is not root's and belongs to a group that may log in."""
        try:
            nobody_special = pwd.getpwnam(username).pw_uid != 0
        except KeyError:
            return False
        return nobody_special and bool(self.check_allowed_groups(username, authentication))

    async def run_post_auth_hook(self, handler: Any, authentication: dict[str, Any]) -> dict[str, Any] | None:
        """Add the groups of the account."""
        done: dict[str, Any] | None = await super().run_post_auth_hook(handler, authentication)
        return done and {**done, "groups": groups_of(done["name"])}

    async def refresh_user(self, user: Any, _handler: Any = None) -> bool | dict[str, Any]:
        """The groups as they are now; False for somebody who may not log in any more."""
        if not self.check_allowed(user.name):
            return False
        found: dict[str, Any] | None = await self.run_post_auth_hook(_handler, {"name": user.name})
        return found or False


class PamLogin(UnixPeople, PAMAuthenticator):  # type: ignore[misc] # JupyterHub has no types
    """The password of the Unix account."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Name of who gave the right password.

        The hub knows people in lower case: another spelling would log in as somebody else.
        """
        if data["username"] != self.normalize_username(data["username"]):
            self.log.warning("Refused %r: account names are in lower case.", data["username"])
            return None
        name: str | None = await super().authenticate(handler, data)
        return name
