"""An observatory's data platform: raw files to science.

>>> import hven
>>> obs = hven.connect()  # doctest: +SKIP
>>> obs.find("panoseti.ph1024", level="L1", day_obs=20251021)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hven.core.errors import HvenError
    from hven.core.settings import Settings
    from hven.observatory import Observatory, connect

    __version__: str

__all__ = ["HvenError", "Observatory", "Settings", "connect"]

_HOMES = {
    "HvenError": "hven.core.errors",
    "Observatory": "hven.observatory",
    "Settings": "hven.core.settings",
    "connect": "hven.observatory",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: `import hven` stays quick."""
    if name == "__version__":
        return import_module("importlib.metadata").version("hven")
    if name not in _HOMES:
        raise AttributeError(f"module 'hven' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]
