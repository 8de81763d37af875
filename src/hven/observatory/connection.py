"""From a site file, a data root or the environment to an observatory."""

from __future__ import annotations

from pathlib import Path

from hven.core.errors import SettingsError
from hven.core.settings import Settings, load_settings
from hven.observatory.observatory import Observatory
from hven.registry.direct import DirectRegistry


def connect(where: Settings | Path | str | None = None) -> Observatory:
    """Connect to an observatory.

    Parameters
    ----------
    where
        Settings or a site file. Without it: `$HVEN_SITE`, `/etc/hven/site.yaml`, the try-out of this checkout.

    Raises
    ------
    SettingsError
        When no site is configured here, or its data root does not exist.
    ConfigurationError
        When the registry was made by another version.
    """
    settings = where if isinstance(where, Settings) else load_settings(where)
    if not settings.root.is_dir():
        raise SettingsError(f"the data root {settings.root} does not exist", hint="`hven up` makes it.")
    return Observatory(settings, DirectRegistry(settings.registry_url, settings.root))
