"""An installation for many users: people and services are Unix accounts, root only starts them."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hven.cluster.cores import make_cores
from hven.core.errors import ConfigurationError
from hven.core.settings import SYSTEM_SITE, ServerSettings, Settings, site_file
from hven.hub.as_account import folder_for
from hven.hub.first_night import FirstNight
from hven.hub.layout import Layout
from hven.hub.ports import ROOTS_PORTS, Ports, claim_ports, read_ports
from hven.hub.processes import MARK
from hven.hub.run_record import RunRecord

ACCOUNTS = ("archive_account", "batch_account", "api_account", "dashboards_account", "culler_account")
REFRESH_S = 60
"""The groups of a Unix account are looked up again after so long."""
_SLOW_START_S = 180


@dataclass(frozen=True)
class ManyUsers:
    """A machine with Unix users."""

    settings: Settings
    server: ServerSettings

    @property
    def site(self) -> Path:
        """The installation's site file, which everybody can read: it holds no secret."""
        return site_file() or SYSTEM_SITE

    @property
    def user(self) -> str:
        """People have their own."""
        return ""

    @property
    def people(self) -> Path:
        """Folder with a private folder for everybody's sockets."""
        return self.server.runtime / "users"

    @property
    def announcement(self) -> Path:
        """In the folder that everybody may see; operators may write the file."""
        return self.server.runtime / "announcement"

    def begin(self) -> None:
        """Make the folders of the running platform; nothing of it is for others unless it is said so.

        Raises
        ------
        ConfigurationError
            When this is not root.
        """
        if os.geteuid() != 0:
            raise ConfigurationError(
                "a platform for many users is started by root", hint="sudo hven up, or the systemd units."
            )
        os.umask(0o007)
        os.environ.setdefault(MARK, f"server:{self.settings.state}")  # where systemd supervises, nobody else sets it
        layout = Layout.of(self.settings)
        layout.create()
        for folder in (layout.heartbeats, layout.logs):
            shutil.chown(folder, group=self.server.services_group)
            folder.chmod(0o2770)
        layout.homes.chmod(0o711)
        for field in ACCOUNTS:
            folder_for(self.account(field), self.home(self.account(field)))
        self._share_databases()
        self._open()

    def _share_databases(self) -> None:
        """Let every service write SQLite's files, whoever comes first: SQLite makes them for one account only."""
        for url in (self.settings.registry_url, self.settings.platform_url):
            file = Path(url.removeprefix("sqlite:///"))
            if url.startswith("sqlite:///") and not file.exists():
                file.touch(mode=0o660)
                shutil.chown(file, group=self.server.services_group)

    def _open(self) -> None:
        """What everybody may pass; only root makes entries."""
        for folder in (self.server.runtime, self.people):
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, 0, 0)
            folder.chmod(0o755)
        self.announcement.touch(mode=0o664)
        shutil.chown(self.announcement, "root", self.server.operators_group)
        self.announcement.chmod(0o664)
        make_cores(self.server.runtime / "cores", len(os.sched_getaffinity(0)))

    def home(self, account: str) -> Path:
        """Where a service's account keeps its caches."""
        return Layout.of(self.settings).homes / account

    def ports(self) -> Ports:
        """Those of the last start while the site's port is the same, so that people's servers find the hub again."""
        recorded = Layout.of(self.settings).ports
        known = read_ports(recorded) if recorded.exists() else None
        return known if known and known.public == self.settings.hub.port else self.claim_ports()

    def claim_ports(self) -> Ports:
        """Free ports below 1024: nobody but root's services can listen there, not even while those are down."""
        return claim_ports(Layout.of(self.settings).ports, self.settings.hub.port, among=ROOTS_PORTS)

    def first_night(self, raw: Path | None) -> FirstNight | None:
        """Nothing: data come through the copiers; raises ConfigurationError when a folder is given."""
        if raw is not None:
            raise ConfigurationError(
                "a platform for many users takes data in from its copiers only",
                hint=f"Deliver them to {self.settings.root / 'incoming'}, see docs/operator-guide.md.",
            )
        return None

    def greeting(self, _record: RunRecord) -> str:
        """Whose accounts get in."""
        return f"  Members of {self.server.users_group} log in with their Unix accounts."

    def login(self, c: Any) -> None:
        """Unix accounts, by PAM or by an OpenID Connect provider."""
        from hven.hub.unix_login import PamLogin
        from hven.hub.unix_spawning import welcome

        if self.server.oidc is None:
            c.JupyterHub.authenticator_class = PamLogin
            c.PAMAuthenticator.service = self.server.pam_service
        else:
            from hven.hub.oidc_login import configure_oidc

            configure_oidc(c, self.server.oidc, self.settings.hub.public_url or self.ports().address)
        c.LocalAuthenticator.allowed_groups = {self.server.users_group}
        c.Authenticator.post_auth_hook = partial(welcome, self.settings, self.server)
        c.Authenticator.manage_groups = True
        c.Authenticator.auth_refresh_age = REFRESH_S
        c.Authenticator.refresh_pre_spawn = True

    def invitation(self) -> str:
        """Which account to use."""
        return f"{self.settings.observatory.name}. Log in with your account on this machine."

    def operators(self) -> dict[str, list[str]]:
        """Members of the operators' group."""
        return {"groups": [self.server.operators_group]}

    def account(self, field: str) -> str:
        """Account of a service; empty is root."""
        return str(getattr(self.server, field)) if field else ""

    def servers(self, c: Any) -> None:
        """Every server under its person's account, in their home, with kernels on private Unix sockets."""
        from hven.hub.unix_spawning import UnixSpawner, prepare_person, use_systemd

        if self.server.spawner == "systemd":
            use_systemd(c, self.server)
        elif self.server.spawner == "local":
            c.JupyterHub.spawner_class = UnixSpawner
        c.Spawner.cmd = [sys.executable, "-P", "-m", "hven.hub.user_server"]
        c.Spawner.args = [*c.Spawner.args, "--KernelManager.transport=ipc"]
        programs = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        c.Spawner.environment = {**c.Spawner.environment, "PATH": programs}
        c.Spawner.start_timeout = c.Spawner.http_timeout = _SLOW_START_S
        c.Spawner.pre_spawn_hook = partial(prepare_person, self.settings, self.server, self.people)
        if self.server.spawner == "slurm" and self.settings.slurm is not None:
            from hven.hub.slurm_spawning import use_slurm

            address = self.settings.hub.public_url.rstrip("/") or self.ports().address
            use_slurm(c, self.settings.slurm, self.server, hub=address)
