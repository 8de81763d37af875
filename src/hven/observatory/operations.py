"""What runs without anybody watching: campaigns, schedules and commands."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from hven.observatory.retained import Retained

if TYPE_CHECKING:
    from hven.batch.campaigns.campaigns import Campaigns
    from hven.batch.commands.commands import Commands
    from hven.batch.schedules.schedules import Schedules
    from hven.core.settings import Settings
    from hven.registry.protocol import Registry


class Operations(Retained):
    """Looking after the observatory's own processing; see `Observatory`.

    Parameters
    ----------
    settings, registry, user
        As of `Observatory`.
    campaigns, schedules, commands
        Those in the user's name; by default their tables are opened.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        *,
        user: str = "",
        campaigns: Campaigns | None = None,
        schedules: Schedules | None = None,
        commands: Commands | None = None,
    ) -> None:
        super().__init__(settings, registry, user=user)
        self._campaigns = campaigns
        self._schedules = schedules
        self._commands = commands

    @cached_property
    def campaigns(self) -> Campaigns:
        """Campaigns: `load`, `start`, `pause`, `resume`, `accept`, `reject`, `retry`, `get`, `find`, `report`.

        Examples
        --------
        ::

            from hven.batch.campaigns.spec import read_campaign

            obs.campaigns.load(read_campaign(Path("dr1.yaml")))
            obs.campaigns.start("dr1")
            obs.campaigns.get("dr1").current               # the step at which it stands
            obs.campaigns.accept("dr1", reason="looked at the flats")
        """
        if self._campaigns is not None:
            return self._campaigns
        from hven.batch.campaigns.campaigns import DirectCampaigns
        from hven.batch.campaigns.store import CampaignStore
        from hven.registry.database import Database

        return DirectCampaigns(CampaignStore(Database(self.settings.platform_url)), user=self.user, operator=True)

    @cached_property
    def schedules(self) -> Schedules:
        """Schedules: `find`, `get`, `fires`, `events`, `enable`, `disable`, `run`."""
        if self._schedules is not None:
            return self._schedules
        from hven.batch.schedules.schedules import DirectSchedules
        from hven.batch.schedules.store import ScheduleStore
        from hven.registry.database import Database

        store = ScheduleStore(Database(self.settings.platform_url))
        return DirectSchedules(self.settings, store, user=self.user, operator=True)

    @cached_property
    def commands(self) -> Commands:
        """Commands of a control system: `send`, `get`, `find`, `abort`."""
        if self._commands is not None:
            return self._commands
        from hven.batch.commands.commands import DirectCommands
        from hven.batch.commands.store import CommandStore
        from hven.registry.database import Database

        store = CommandStore(Database(self.settings.platform_url))
        return DirectCommands(self.settings, store, user=self.user, operator=True)

    def close(self) -> None:
        """Give connections back."""
        if self._commands is not None or "commands" in self.__dict__:
            self.commands.close()
        if self._campaigns is not None or "campaigns" in self.__dict__:
            self.campaigns.close()
        if self._schedules is not None or "schedules" in self.__dict__:
            self.schedules.close()
        super().close()
