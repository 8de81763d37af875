"""Keys by which page processes know their sessions again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs cookies and sessions; processes that have the same ones know each other's."""

    cookies: str = field(default_factory=partial(secrets.token_hex, 32), repr=False)
    sessions: str = field(default_factory=partial(secrets.token_hex, 32), repr=False)
