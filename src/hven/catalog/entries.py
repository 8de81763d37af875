"""Catalog whose unknown names are answered with those there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intake.readers.entry import Catalog

from hven.core.errors import UnknownNameError


class UnknownEntryError(UnknownNameError, KeyError):
    """No entry of this name; a KeyError, too, as Intake and those who ask a mapping expect."""


class Entries(Catalog):  # type: ignore[misc] # intake has no types
    """Intake's catalog, but for what it says of a name that it does not have.

    `intake.open_catalog` makes a catalog of Intake's own class of every YAML file; what hven makes itself is of this.

    Raises
    ------
    UnknownEntryError
        From `catalog[name]`; it lists the names there are.
    """

    @classmethod
    def of(cls, catalog: Catalog, parameters: Mapping[str, Any]) -> Entries:
        """Catalog with the entries of another, which have these parameters."""
        return cls(
            catalog.entries, catalog.aliases, catalog.data, catalog.user_parameters, parameters, catalog.metadata
        )

    def __getitem__(self, name: str) -> Any:
        """Entry of this name."""
        try:
            return super().__getitem__(name)
        except KeyError:
            if name in self:
                raise
            raise UnknownEntryError("catalog entry", name, self.aliases) from None

    def __call__(self, **parameters: Any) -> Entries:
        """Return the catalog with parameters for all its entries."""
        return type(self).of(self, {**self._up_overrides, **parameters})
