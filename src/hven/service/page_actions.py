"""What the pages' buttons do: change something through the API, with the visitor's own token."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from hven.core.errors import AccessDeniedError
from hven.registry.api_client import ApiClient


@dataclass(frozen=True, slots=True)
class PageActions:
    """Asks the API in the name of visitors.

    Parameters
    ----------
    api
        The API's address.
    tokens
        Visitors' tokens by user.
    """

    api: str
    tokens: Mapping[str, str] = field(repr=False)

    def __call__(self, user: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Post to an endpoint, e.g. ``jobs/12/cancel``; gives what it answers.

        Raises
        ------
        HvenError
            As the API says it: the user may not, nothing is in a state for it, or the API does not answer.
        """
        token = self.tokens.get(user)
        if token is None:
            raise AccessDeniedError(f"nobody is logged in as {user}", hint="Load the page again to log in.")
        with closing(ApiClient(self.api, f"token {token}")) as api:
            return api.ask("POST", f"/{path}", again=False, **({"json": dict(body)} if body else {}))
