"""From what people write to dataset types."""

from __future__ import annotations

from collections.abc import Iterable

from hven.core.errors import AmbiguousNameError, UnknownNameError
from hven.model.data_id import Level, TypeName
from hven.model.dataset_type import DatasetType


def resolve(name: str, level: str | None, types: Iterable[DatasetType]) -> DatasetType:
    """Dataset type by name; the level may be left out where the name exists at one level only.

    Parameters
    ----------
    name
        ``panoseti.ph1024`` or ``L1/panoseti.ph1024``.
    level
        ``L0``, ``L1``, ``L2`` or None.
    types
        Declarations to choose from.

    Raises
    ------
    UnknownNameError
        For a name or level that does not exist; it lists those that do.
    AmbiguousNameError
        When the name exists at several levels.
    """
    if "/" in name:
        parsed = TypeName.parse(name)
        level, name = level or parsed.level, parsed.name
    declared = list(types)
    fitting = {str(t.level): t for t in declared if t.name == name}
    if not fitting:
        raise UnknownNameError("dataset type", name, {t.name for t in declared})
    if level is not None:
        if level not in fitting:
            raise UnknownNameError(f"level of {name}", str(level), fitting)
        return fitting[str(Level(level))]
    if len(fitting) > 1:
        levels = ", ".join(sorted(fitting))
        raise AmbiguousNameError(f"{name} exists at levels {levels}", hint=f"Say which, e.g. {max(fitting)}/{name}.")
    return next(iter(fitting.values()))


def check_level(level: str | None) -> None:
    """Raise UnknownNameError, which lists the levels there are, for another; None is any."""
    if level is not None and level not in list(Level):
        raise UnknownNameError("level", str(level), Level)


def bare(name: str) -> str:
    """Name without its level.

    Examples
    --------
    >>> bare("L1/panoseti.ph1024"), bare("panoseti.ph1024")
    ('panoseti.ph1024', 'panoseti.ph1024')
    """
    return name.partition("/")[2] or name


def means(name: str, found: TypeName) -> bool:
    """Whether what people write is a type, also where they leave the instrument out, as for what they save."""
    return bare(name) in {found.name, found.name.partition(".")[2]}
