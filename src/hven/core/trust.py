"""Which certificates a process trusts: read once, since that takes longer than most requests."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """What httpx trusts by itself, for all its clients of this process.

    Examples
    --------
    >>> trusted() is trusted()
    True
    """
    import httpx

    return httpx.create_ssl_context()
