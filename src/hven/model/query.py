"""What a person asks for: data ID values and a condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hven.core.errors import UnknownNameError
from hven.model.data_id import KEYS, DataId, Value


@dataclass(frozen=True, slots=True)
class DataQuery:
    """Data ID values and a condition; a dataset must fit all of them.

    Parameters
    ----------
    values
        Allowed values of each key.
    where
        Condition on data ID keys, times and sizes, e.g. ``"day_obs >= 20251001 and detector in (1, 3)"``; parsed by
        the registry.

    Examples
    --------
    >>> DataQuery.of(day_obs=20251021, detector=[1, 3]).values
    {'day_obs': (20251021,), 'detector': (1, 3)}
    >>> print(DataQuery.of("day_obs > 20251001", detector=[1, 3]))
    detector=1|3, day_obs > 20251001
    """

    values: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    where: str = ""

    def __str__(self) -> str:
        """As people read it, ``day_obs=20251021, detector=1|3``."""
        values = [f"{key}={'|'.join(map(str, allowed))}" for key, allowed in self.values.items()]
        return ", ".join([*values, *filter(None, [self.where])]) or "any data ID"

    @classmethod
    def of(cls, where: str = "", **values: object) -> DataQuery:
        """Make a query from keywords; a list allows any of its values, None allows all."""
        cleaned = {}
        for key, value in values.items():
            if key not in KEYS:
                raise UnknownNameError("data ID key", key, KEYS)
            if value is not None:
                several: list[Value] = list(value) if isinstance(value, (list, tuple, set, range)) else [value]  # type: ignore[list-item]
                cleaned[key] = tuple(DataId({key: v})[key] for v in several)
        return cls(cleaned, where)
