"""From a site file, the API or the environment to an observatory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hven.core.errors import SettingsError
from hven.core.settings import Settings, load_settings
from hven.observatory.observatory import Observatory


def connect(where: Settings | Path | str | None = None, *, environ: Mapping[str, str] = os.environ) -> Observatory:
    """Connect to an observatory.

    Parameters
    ----------
    where
        Settings or a site file: its database is opened. Without it, in a server that the hub has started
        (`$HVEN_API_URL` and `$JUPYTERHUB_API_TOKEN`), the observatory is reached through the API in the name of the
        person whose server it is; elsewhere the site is found by `$HVEN_SITE`, `/etc/hven/site.yaml`, or the try-out of
        this checkout.

    Raises
    ------
    SettingsError
        When no site is configured here, or its data root does not exist.
    ServiceUnavailableError
        When the API does not answer.
    ConfigurationError
        When the registry was made by another version.
    """
    settings = where if isinstance(where, Settings) else load_settings(where, environ=environ)
    if not settings.root.is_dir():
        raise SettingsError(f"the data root {settings.root} does not exist", hint="`hven up` makes it.")
    url = environ.get("HVEN_API_URL", "") if where is None else ""
    return _through_api(settings, url, environ) if url else _direct(settings)


def _direct(settings: Settings) -> Observatory:
    from hven.registry.direct import DirectRegistry

    return Observatory(settings, DirectRegistry(settings.registry_url, settings.root))


def _through_api(settings: Settings, url: str, environ: Mapping[str, str]) -> Observatory:
    from hven.batch.campaigns.remote import RemoteCampaigns
    from hven.batch.commands.remote import RemoteCommands
    from hven.batch.remote import RemoteJobs
    from hven.batch.schedules.remote import RemoteSchedules
    from hven.registry.remote import RemoteRegistry

    token = environ.get("JUPYTERHUB_API_TOKEN", "")
    if not token:
        raise SettingsError(
            "HVEN_API_URL names an API, but there is no token for it",
            hint="Set JUPYTERHUB_API_TOKEN to a token with the scopes custom:hven:read and custom:hven:submit.",
        )
    registry = RemoteRegistry(url, f"token {token}")
    return Observatory(
        settings,
        registry,
        user=registry.caller(),
        jobs=RemoteJobs(url, token),
        campaigns=RemoteCampaigns(url, token),
        schedules=RemoteSchedules(url, token),
        commands=RemoteCommands(url, token),
    )
