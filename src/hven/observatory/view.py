"""One observatory, as somebody works with it: its site, its index, its declarations."""

from __future__ import annotations

import os
import pwd
from copy import copy
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from hven import instruments
from hven.core.errors import UnknownNameError
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.observatory.names import means, resolve
from hven.registry.protocol import Registry


class View:
    """What an observatory is and declares, seen by one person.

    Parameters
    ----------
    settings
        Of its site.
    registry
        Index of its products.
    user
        Who works with it; the Unix user by default.
    """

    def __init__(self, settings: Settings, registry: Registry, *, user: str = "") -> None:
        self.settings = settings
        self.registry = registry
        self.viewer: Viewer | None = None
        self.user = user or pwd.getpwuid(os.getuid()).pw_name

    def __repr__(self) -> str:
        """Name and data root."""
        return f"<Observatory {self.settings.observatory.name}: {self.root}>"

    def __eq__(self, other: object) -> bool:
        """Views of one observatory are equal: they open a product alike, so what is kept by product serves all.

        Nothing that depends on what one may see, like a list of products, may be kept by observatory.
        """
        return isinstance(other, View) and other.settings is self.settings

    def __hash__(self) -> int:
        """Hash of the observatory."""
        return id(self.settings)

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Give connections back."""
        self.registry.close()

    def seen_by(self, viewer: Viewer) -> Self:
        """The same as somebody may see it: what they may not see is not there."""
        view = copy(self)
        view.registry = self.registry.seen_by(viewer)
        view.user, view.viewer = viewer.name, viewer
        for own in ("jobs", "campaigns", "schedules", "retention", "calib", "alarms"):  # of somebody else
            view.__dict__.pop(own, None)
        return view

    @property
    def root(self) -> Path:
        """Data root."""
        return self.settings.root

    @cached_property
    def instruments(self) -> dict[str, Instrument]:
        """Instruments of this observatory, by name."""
        return {name: instruments.load(name) for name in self.settings.instruments}

    def instrument_of(self, pipeline: str) -> Instrument:
        """Instrument of a pipeline `<instrument>/<verb>`; UnknownNameError lists those there are."""
        name = pipeline.partition("/")[0]
        if name not in self.instruments:
            raise UnknownNameError("instrument", name, self.instruments)
        return self.instruments[name]

    @property
    def dataset_types(self) -> list[DatasetType]:
        """Declared dataset types of all instruments, by level and name."""
        declared = (t for instrument in self.instruments.values() for t in instrument.dataset_types)
        return sorted(declared, key=lambda t: t.type_name)

    def dataset_type(self, name: str, level: str | None = None) -> DatasetType:
        """Declaration of a dataset type.

        Raises
        ------
        UnknownNameError
            For a type that does not exist; it lists those that do, or says in which collection of one's own it is.
        AmbiguousNameError
            When `level` is left out and the type exists at several.
        """
        try:
            return resolve(name, level, self.dataset_types)
        except UnknownNameError as error:
            own = sorted({p.run for p in self.registry.owned(self.user) if means(name, p.ref.type)})
            if own:
                error.hint = f"You have it in {', '.join(own)}: name that collection to find or open it."
            raise
