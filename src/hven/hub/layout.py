"""Where the running platform keeps its own files: below the state folder, readable by nobody else."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from hven.core.errors import SettingsError
from hven.core.settings import Settings, checkout


@dataclass(frozen=True)
class Layout:
    """Files of the running platform.

    Parameters
    ----------
    state
        The state folder, on a local disk.

    Examples
    --------
    >>> Layout(Path("/var/lib/hven")).password
    PosixPath('/var/lib/hven/password')
    """

    state: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        """Layout of an observatory."""
        return cls(settings.state)

    @property
    def password(self) -> Path:
        """The try-out's generated password."""
        return self.state / "password"

    @property
    def lock(self) -> Path:
        """Locked as long as a platform runs on this state."""
        return self.state / "run" / "lock"

    @property
    def run(self) -> Path:
        """What runs now: see `hven.hub.run_record`."""
        return self.state / "run" / "platform.json"

    @property
    def ports(self) -> Path:
        """Ports of this platform: see `hven.hub.ports`."""
        return self.state / "run" / "ports.json"

    @property
    def site(self) -> Path:
        """The settings in force, for the processes that `up` starts."""
        return self.state / "run" / "site.yaml"

    @property
    def heartbeats(self) -> Path:
        """One file for each service; its modification time is the last sign of life."""
        return self.state / "heartbeats"

    @property
    def logs(self) -> Path:
        """One log for each service."""
        return self.state / "logs"

    @property
    def hub(self) -> Path:
        """Database, cookie secret and pid files of JupyterHub."""
        return self.state / "hub"

    @property
    def homes(self) -> Path:
        """Home folders of the try-out's users."""
        return self.state / "homes"

    def create(self) -> None:
        """Make the folders, closed to others."""
        for folder in (self.state, self.run.parent, self.heartbeats, self.logs, self.hub, self.homes):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(file: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    part.replace(file)


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def source_folder() -> Path:
    """Folder with the platform's configuration, proxy, notebooks and pages: the checkout's, else the installation's.

    Raises
    ------
    SettingsError
        When hven runs from neither.
    """
    folder = checkout(Path(__file__)) or installed_share(Path(sys.prefix))
    if folder is None:
        raise SettingsError(
            f"{Path(__file__).parents[1]} belongs to no checkout and no installation",
            hint="Run the platform from a checkout with `make up`, or install it with platform/install.sh.",
        )
    return folder


def installed_share(environment: Path) -> Path | None:
    """Files of the installation to which a Python environment belongs, or None.

    `platform/install.sh` makes the environment `<prefix>/venv` and the files `<prefix>/share/hven`.
    """
    share = environment.parent / "share" / "hven"
    return share if (share / "platform" / "jupyterhub_config.py").exists() else None
