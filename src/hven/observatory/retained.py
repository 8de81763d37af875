"""What becomes of the observatory's products in the end."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from hven.model.collection import AccessClass
from hven.observatory.own_space import OwnSpace

if TYPE_CHECKING:
    from hven.retention.face import Retention


class Retained(OwnSpace):
    """Looking after the observatory's products; see `Observatory`."""

    @cached_property
    def retention(self) -> Retention:
        """Rules and holds, for those who may operate.

        Raises
        ------
        AccessDeniedError
            For those who may not.

        Examples
        --------
        ::

            plan = obs.retention.plan()
            [(line.dataset, line.reason) for line in plan.changes]      # what would be done now
            obs.retention.hold("panoseti/runs/nightly/20251022T180000Z", "for the paper")
            obs.retention.apply(really=True)
        """
        from hven.registry.direct import DirectRegistry
        from hven.registry.remote import RemoteRegistry

        if isinstance(self.registry, RemoteRegistry):
            from hven.retention.remote import RemoteRetention

            return RemoteRetention(self.registry.api)
        from hven.registry.database import Database
        from hven.retention.audit import Audit
        from hven.retention.face import DirectRetention

        assert isinstance(self.registry, DirectRegistry)  # noqa: S101 - there are two registries
        audit = Audit(Database(self.settings.platform_url))
        operator = self.viewer is None or AccessClass.OPERATORS in self.viewer.classes
        return DirectRetention(self.settings, self.registry, audit, user=self.user, operator=operator)

    def close(self) -> None:
        """Give connections back."""
        kept = self.__dict__.get("retention")
        if kept is not None:
            kept.close()
        super().close()
