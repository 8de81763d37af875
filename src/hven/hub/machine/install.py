"""Set this machine up for an installation: what `platform/install.sh` does once the program is in its place.

Everything is declared first, then compared with what is there; what is right is left alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hven.core.errors import HvenError, SettingsError
from hven.core.settings import ServerSettings, Settings, load_settings
from hven.hub.layout import Layout
from hven.hub.machine import accounts, files, folders
from hven.hub.ports import LOOPBACK


def set_up(site: Path, *, platform: Path, say: Callable[[str], None]) -> Settings:
    """Make accounts, folders and system files of a site. Needs root.

    Parameters
    ----------
    site
        Site file with a section `server:`.
    platform
        Folder with the files that are deployed.
    say
        Called with every change.

    Raises
    ------
    SettingsError
        When the site is not for many users.
    InfrastructureError
        When the system refuses an account or the sudoers line.
    """
    settings = load_settings(site, environ={})
    server = settings.server
    if server is None:
        raise SettingsError(
            f"{site} is for one user",
            hint="A section `server: {}` makes it a site for many; see docs/operator-guide.md.",
        )
    for command in accounts.make_accounts(server, Layout.of(settings).homes):
        say(command)
    for folder in (*folders.data_folders(settings, server), *folders.state_folders(settings, server)):
        if folders.bring_about(folder):
            say(f"{folder.path}: {folder.acl}")
    for file in system_files(site, settings, server, platform):
        if files.write(file):
            say(str(file.path))
    return settings


def system_files(
    site: Path, settings: Settings, server: ServerSettings, platform: Path
) -> tuple[files.SystemFile, ...]:
    """System files of an installation on this machine; units only where systemd runs."""
    values = files.places(site, settings, server)
    units = files.units(platform, values) if files.has_systemd() else ()
    return (*files.for_runners(platform, values), *units)


def main(arguments: list[str]) -> int:
    """Set up as the arguments say; the first site file is written where there is none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--prefix", type=Path, required=True)
    asked = parser.parse_args(arguments)
    if not asked.site.exists():
        files.write(files.first_site(asked.site, asked.prefix))
        _say(f"{asked.site}: a first site file; change it to yours and run this again")
    try:
        _check_prefix(asked.site, asked.prefix)
        settings = set_up(asked.site, platform=asked.prefix / "share" / "hven" / "platform", say=_say)
    except HvenError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if files.has_systemd():
        subprocess.run(["/usr/bin/systemctl", "daemon-reload"], check=True)
        _say("systemctl enable --now hven.target starts the platform, systemctl restart hven.target after an upgrade")
    else:
        _say(f"systemd does not run here: HVEN_SITE={asked.site} {asked.prefix}/bin/hven up starts the platform")
    _say(f"People find it at {settings.hub.public_url or f'http://{LOOPBACK}:{settings.hub.port}'}")
    return 0


def _check_prefix(site: Path, prefix: Path) -> None:
    server = load_settings(site, environ={}).server
    if server and server.prefix != prefix:
        raise SettingsError(
            f"{site} names the prefix {server.prefix}, not {prefix}", hint="Change server: prefix, or use --prefix."
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
