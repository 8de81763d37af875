"""`hven down`."""

from __future__ import annotations


def down() -> None:
    """End the platform with everything it started."""
    from hven.core.settings import load_settings
    from hven.hub.down import down as take_down

    print("The platform is down." if take_down(load_settings()) else "Nothing was running.")
