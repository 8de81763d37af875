"""`hven down`."""

from __future__ import annotations

from hven.cli.options import Site, choose_site


def down(*, site: Site = None) -> None:
    """End the platform with everything it started."""
    from hven.core.settings import load_settings
    from hven.hub.down import down as take_down

    choose_site(site)
    print("The platform is down." if take_down(load_settings()) else "Nothing was running.")
