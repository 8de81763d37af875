"""What names a dataset: level, dataset type and data ID."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hven.core.errors import ConfigurationError, UnknownNameError

KEYS = (
    "instrument",
    "day_obs",
    "observation",
    "detector",
    "exposure",
    "visit",
    "physical_filter",
    "band",
    "skymap",
    "tract",
    "patch",
)
"""The keys of a data ID, in the order in which they are always written."""

_PLACES = {key: place for place, key in enumerate(KEYS)}

INTEGER_KEYS = frozenset({"day_obs", "detector", "exposure", "visit", "tract", "patch"})

Value = str | int


class Level(StrEnum):
    """Processing level: L0 as archived, L1 calibrated, L2 derived.

    Examples
    --------
    >>> Level("L1") > Level("L0")
    True
    """

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"


class DataId(Mapping[str, Value]):
    """Keys and values that name one dataset of a type, in the order of `KEYS`.

    Raises
    ------
    UnknownNameError
        For a key that is not in `KEYS`.
    ConfigurationError
        For a value of the wrong type, or a number beyond 64 bits.

    Examples
    --------
    >>> DataId(detector="254", instrument="panoseti")
    DataId(instrument='panoseti', detector=254)
    >>> DataId(instrument="panoseti", detector=1).subset(("instrument",))
    DataId(instrument='panoseti')
    """

    __slots__ = ("_hash", "_text", "_values")

    def __init__(self, values: Mapping[str, Value] | None = None, /, **more: Value) -> None:
        given = {**(values or {}), **more}
        for key in given:
            if key not in KEYS:
                raise UnknownNameError("data ID key", key, KEYS)
        self._set({key: _typed(key, given[key]) for key in KEYS if key in given})

    @classmethod
    def ordered(cls, values: dict[str, Value]) -> DataId:
        """Of values that have their types and the order of `KEYS` already, as a table holds them."""
        made = cls.__new__(cls)
        made._set(values)  # noqa: SLF001 - its own
        return made

    def _set(self, values: dict[str, Value]) -> None:
        self._values = values
        self._hash = hash(tuple(values.items()))
        self._text = ""

    def __getitem__(self, key: str) -> Value:
        """Value of a key."""
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        """Keys, in the order of `KEYS`."""
        return iter(self._values)

    def items(self) -> ItemsView[str, Value]:
        """Keys and values, in the order of `KEYS`."""
        return self._values.items()

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._values)

    def __hash__(self) -> int:
        """Hash of keys and values."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Equal keys and values."""
        return isinstance(other, DataId) and self._values == other._values

    def __lt__(self, other: DataId) -> bool:
        """Order by keys and values."""
        return self.sort_key() < other.sort_key()

    def __repr__(self) -> str:
        """Show keys and values as a call."""
        return f"DataId({', '.join(f'{k}={v!r}' for k, v in self._values.items())})"

    def __str__(self) -> str:
        """Keys and values as `key=value`, comma separated."""
        if not self._text:
            self._text = ", ".join([f"{k}={v}" for k, v in self._values.items()])
        return self._text

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by value."""
        return DataId, (dict(self._values),)

    def sort_key(self) -> tuple[tuple[int, int, str], ...]:
        """Key to sort by: numbers as numbers, text as text."""
        places = [(_PLACES[k], v, "") if isinstance(v, int) else (_PLACES[k], 0, v) for k, v in self._values.items()]
        return tuple(places)

    def subset(self, keys: tuple[str, ...]) -> DataId:
        """Only these keys (those that are there)."""
        kept = {k: v for k, v in self._values.items() if k in keys}
        return self if len(kept) == len(self._values) else DataId.ordered(kept)


_STORABLE = range(-(2**63), 2**63)


def _typed(key: str, value: object) -> Value:
    if key not in INTEGER_KEYS:
        return str(value)
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise ConfigurationError(f"{key} is a whole number, got {value!r}") from None
    if number not in _STORABLE:
        raise ConfigurationError(f"{key} is a number of 64 bits, got {number}")
    return int(number)


@dataclass(frozen=True, slots=True, order=True)
class TypeName:
    """Level and dataset type, written `L1/panoseti.ph1024`.

    Examples
    --------
    >>> TypeName.parse("L1/panoseti.ph1024")
    TypeName(level=<Level.L1: 'L1'>, name='panoseti.ph1024')
    >>> str(_)
    'L1/panoseti.ph1024'
    """

    level: Level
    name: str

    @classmethod
    def parse(cls, text: str) -> TypeName:
        """Read `level/name`; raises ConfigurationError for anything else."""
        level, _, name = text.partition("/")
        if level not in list(Level) or not name:
            raise ConfigurationError(f"{text!r} is not a dataset type", hint="Write it as L1/panoseti.ph1024.")
        return cls(Level(level), name)

    @property
    def instrument(self) -> str:
        """Instrument, the part before the first dot."""
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        """Write as `level/name`."""
        return f"{self.level}/{self.name}"


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """One dataset: its type and data ID.

    Examples
    --------
    >>> print(DatasetRef(TypeName.parse("L0/panoseti.img16"), DataId(instrument="panoseti", detector=1)))
    L0/panoseti.img16 (instrument=panoseti, detector=1)
    """

    type: TypeName
    data_id: DataId

    def __str__(self) -> str:
        """Type and data ID."""
        return f"{self.type} ({self.data_id})"
