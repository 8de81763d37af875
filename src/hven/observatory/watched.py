"""Alarms, and what people say of data, in the name of whoever looks at the observatory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from hven.core.clock import now_ns, parse_utc
from hven.model.annotation import Annotation, Kind
from hven.model.collection import AccessClass
from hven.model.data_id import DataId
from hven.observatory.reading import Reading
from hven.store.version import new_version

if TYPE_CHECKING:
    from hven.alarms.desk import Alarms


class Watched(Reading):
    """What the observatory says when something needs somebody; see `Observatory`."""

    @cached_property
    def alarms(self) -> Alarms:
        """Alarms: `find`, `get`, `history`, `comment`; for those who may operate `acknowledge`, `clear`, `silence`.

        Examples
        --------
        ::

            [(alarm.rule, alarm.text) for alarm in obs.alarms.find()]
            obs.alarms.acknowledge("3f9c02a71b5e", "on my way to the dome")
        """
        from hven.registry.remote import RemoteRegistry

        if isinstance(self.registry, RemoteRegistry):
            from hven.alarms.remote import RemoteAlarms

            return RemoteAlarms(self.registry.api)
        from hven.alarms.desk import DirectAlarms
        from hven.alarms.store import AlarmStore
        from hven.registry.database import Database

        operator = self.viewer is None or AccessClass.OPERATORS in self.viewer.classes
        return DirectAlarms(AlarmStore(Database(self.settings.platform_url)), user=self.user, operator=operator)

    def annotate(
        self,
        text: str,
        *,
        bad: bool = False,
        kind: Kind | str = "",
        begin: str | int | None = None,
        end: str | int | None = None,
        **data_id: object,
    ) -> Annotation:
        """Say something of data, for everybody and for ever; `retract` takes it back and keeps the history.

        Parameters
        ----------
        text
            Why.
        bad
            Leave these data out of selections, calibrations and later stages: all that has these data ID values, and
            overlaps this time.
        kind
            ``comment`` (default), or a line of the night log: ``log``, ``begin``, ``end`` (of observing).
        begin, end
            ISO 8601 text in UTC or UTC nanoseconds; half-open, from the start and for ever by default.
        data_id
            Data ID keys; those left out allow any value.

        Examples
        --------
        ::

            obs.annotate("clouds", bad=True, day_obs=20251021, begin="2025-10-22T07:41", end="2025-10-22T07:52")
            obs.annotate("new lens", observation="crab.20251022T040000Z", detector=254)
        """
        chosen = Kind.BAD if bad else Kind(kind or Kind.COMMENT)
        values = DataId({key: value for key, value in data_id.items() if value is not None})  # type: ignore[misc]
        return self._say(
            Annotation(new_version(), chosen, values, text, self.user, now_ns(), _time_of(begin), _time_of(end))
        )

    def retract(self, annotation: Annotation | str, text: str) -> Annotation:
        """Take back what somebody has said, and say why."""
        retracted = annotation if isinstance(annotation, str) else annotation.id
        return self._say(
            Annotation(new_version(), Kind.RETRACT, DataId(), text, self.user, now_ns(), retracts=retracted)
        )

    def annotations(self) -> list[Annotation]:
        """All that people have said, oldest first, also what was retracted, and the retractions."""
        return self.registry.annotations()

    def _say(self, annotation: Annotation) -> Annotation:
        self.registry.annotate(annotation)
        return annotation

    def close(self) -> None:
        """Give connections back."""
        kept = self.__dict__.get("alarms")
        if kept is not None:
            kept.close()
        super().close()


def _time_of(given: str | int | None) -> int | None:
    return parse_utc(given) if isinstance(given, str) else given
