"""What differs between the try-out and an installation for many users; all else of the hub is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from hven.core.settings import Settings
from hven.hub.first_night import FirstNight
from hven.hub.ports import Ports
from hven.hub.run_record import RunRecord


class Mode(Protocol):
    """One way to run the platform."""

    @property
    def site(self) -> Path:
        """Site file that every process of the platform can read."""
        ...

    @property
    def user(self) -> str:
        """The one login; empty where people have their own."""
        ...

    @property
    def announcement(self) -> Path:
        """File with the operators' announcement, which everybody can read."""
        ...

    def begin(self) -> None:
        """Make what the platform's processes need; raises ConfigurationError where it cannot run in this way."""
        ...

    def ports(self) -> Ports:
        """Ports of the hub that is configured."""
        ...

    def claim_ports(self) -> Ports:
        """Choose ports and record them; raises ConflictError when the public one is taken."""
        ...

    def first_night(self, raw: Path | None) -> FirstNight | None:
        """How the first start brings data in; raises ConfigurationError when it cannot take a folder in."""
        ...

    def greeting(self, record: RunRecord) -> str:
        """How people get in."""
        ...

    def login(self, c: Any) -> None:
        """Configure who gets in."""
        ...

    def invitation(self) -> str:
        """What the login page says."""
        ...

    def operators(self) -> dict[str, list[str]]:
        """Who operates: `users` or `groups` of JupyterHub's role."""
        ...

    def account(self, field: str) -> str:
        """Unix account for a field of `ServerSettings`; empty is the one that runs the platform."""
        ...

    def home(self, account: str) -> Path:
        """Where an account of a service keeps its caches."""
        ...

    def servers(self, c: Any) -> None:
        """Configure how people's servers start."""
        ...


def mode_of(settings: Settings) -> Mode:
    """The way in which a site runs: with a section `server:` in its file it is for many users."""
    if settings.server is None:
        from hven.hub.tryout import TryOut

        return TryOut(settings)
    from hven.hub.many_users import ManyUsers

    return ManyUsers(settings, settings.server)
