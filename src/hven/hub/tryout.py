"""The try-out: every process runs as one Unix user on loopback, one password opens it, roles shape the pages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from hven.core.settings import Settings
from hven.hub.first_night import FirstNight, plan
from hven.hub.layout import Layout, source_folder, write_private
from hven.hub.password import ensure_password, login_name
from hven.hub.ports import Ports, claim_ports, read_ports
from hven.hub.run_record import RunRecord


@dataclass(frozen=True)
class TryOut:
    """One trust domain."""

    settings: Settings

    @property
    def _layout(self) -> Layout:
        return Layout.of(self.settings)

    @property
    def site(self) -> Path:
        """The settings in force, written at the start."""
        return self._layout.site

    @property
    def user(self) -> str:
        """The one login, besides guests."""
        return login_name(self.settings)

    @property
    def announcement(self) -> Path:
        """In the state folder."""
        return self._layout.state / "announcement"

    def begin(self) -> None:
        """Make folders, password and the file with the settings in force."""
        self._layout.create()
        (self.settings.root / "incoming").mkdir(parents=True, exist_ok=True)
        ensure_password(self._layout)
        write_private(self.site, yaml.safe_dump(self.settings.model_dump(mode="json")))

    def ports(self) -> Ports:
        """Those that `hven up` claimed."""
        return read_ports(self._layout.ports)

    def claim_ports(self) -> Ports:
        """Free ports; raises ConflictError when the public one is taken."""
        return claim_ports(self._layout.ports, self.settings.hub.port)

    def first_night(self, raw: Path | None) -> FirstNight | None:
        """A folder of raw runs, or a simulated night; raises ConfigurationError when the folder has none."""
        return plan(self.settings, raw)

    def greeting(self, record: RunRecord) -> str:
        """User and password."""
        password = self._layout.password.read_text().strip()
        return (
            f"  user      {record.user}\n  password  {password}\n"
            "  Whoever has the password acts as you; it listens on this machine only."
        )

    def login(self, c: Any) -> None:
        """One password for the user and the guests."""
        c.JupyterHub.authenticator_class = "shared-password"
        c.SharedPasswordAuthenticator.user_password = ensure_password(self._layout)
        c.Authenticator.allowed_users = {self.user, *self.settings.hub.guests}

    def invitation(self) -> str:
        """Where the password is found."""
        return f"{self.settings.observatory.name}. `hven up` printed the user and the password."

    def operators(self) -> dict[str, list[str]]:
        """The user, not the guests."""
        return {"users": [self.user]}

    def account(self, _field: str) -> str:
        """Everything runs as one account."""
        return ""

    def home(self, _account: str) -> Path:
        """That of whoever runs it."""
        return Path.home()

    def servers(self, c: Any) -> None:
        """Servers in homes below the state folder."""
        from hven.hub.spawning import HomeSpawner, prepare

        homes = self._layout.homes
        c.JupyterHub.spawner_class = HomeSpawner
        c.SimpleLocalProcessSpawner.home_dir_template = f"{homes}/{{username}}"
        c.Spawner.args = [*c.Spawner.args, *(["--allow-root"] if os.geteuid() == 0 else [])]
        c.Spawner.pre_spawn_hook = partial(prepare, self.settings, source_folder() / "notebooks", homes)
