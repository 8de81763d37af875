"""Whose a page's session is: a session holds a person's page, so nobody else may attach to it.

Bokeh gives each page a session and a token that opens it. The token is signed by this service, whose processes share
the key, and carries the signed name of the visitor for whom the page was made; a session named in any other way is
refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bokeh.util.token import check_token_signature, get_token_payload
from tornado.web import HTTPError, RequestHandler, decode_signed_value

USER = "user"
"""Cookie in which Panel finds the visitor's name; only this service can write one."""


def refuse_foreign_session(handler: RequestHandler, name: str) -> None:
    """Refuse a request that names a session of somebody else.

    Raises
    ------
    HTTPError
        403, when a token is not of this service or not of this visitor, or a session is named without its token.
    """
    if handler.get_argument("bokeh-session-id", "") or "Bokeh-Session-Id" in handler.request.headers:
        raise HTTPError(403, "a session is opened by its token only")
    for token in _tokens(handler):
        if owner(handler, token) != name:
            raise HTTPError(403, "this page was made for somebody else, or by an earlier service: load it again")


def owner(handler: RequestHandler, token: str) -> str | None:
    """Name of the visitor for whom a token was made; None for a token that this service did not make."""
    application: Any = handler.application  # Bokeh's
    try:
        if not check_token_signature(token, secret_key=application.secret_key, signed=True):
            return None
        cookie = get_token_payload(token)["cookies"][USER]
    except (ValueError, KeyError):  # not a token at all, or one without a visitor
        return None
    name = decode_signed_value(application.settings["cookie_secret"], USER, cookie)
    return name.decode() if name else None


def _tokens(handler: RequestHandler) -> Iterator[str]:
    """Tokens in a request: in the address of a page, beside the subprotocol of a websocket."""
    yield from handler.get_arguments("bokeh-token")
    offered = handler.request.headers.get("Sec-WebSocket-Protocol", "")
    yield from (part.strip() for part in offered.split(",")[1:])
