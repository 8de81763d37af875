"""Declaration of a dataset type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hven.model.data_id import Level, TypeName
from hven.model.variable import Variable, check

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class DatasetType:
    """What every dataset of this type holds.

    Parameters
    ----------
    name
        `instrument.what`, e.g. ``panoseti.ph1024``; may exist at several levels.
    level
        Processing level.
    form
        ``array`` (Zarr) or ``table`` (Parquet).
    keys
        Data ID keys that name one dataset, in the order of `hven.model.data_id.KEYS`.
    variables
        Variables, coordinates among them; for a table its columns, whose only dim is `row_dim`.
    doc
        What it is, in one sentence.
    row_dim
        The dim along which the dataset grows; array products are stored in whole shards along it.
    coordinates
        Names of the variables that are coordinates.
    overviews
        Variables for which min/max/mean pyramids along `row_dim` are part of the product.
    schema
        Version of the declaration, newest first, each with what changed: ``(("1.0", "first"),)``.
    tolerance
        Relative difference allowed where bitwise equality between block lengths is impossible; 0 by default.
    """

    name: str
    level: Level
    form: Literal["array", "table"]
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]
    doc: str
    row_dim: str = "time"
    coordinates: tuple[str, ...] = ("time",)
    overviews: tuple[str, ...] = ()
    schema: tuple[tuple[str, str], ...] = (("1.0", "First version."),)
    tolerance: float = 0.0

    @property
    def type_name(self) -> TypeName:
        """Level and name."""
        return TypeName(self.level, self.name)

    @property
    def instrument(self) -> str:
        """Instrument, the part of the name before the first dot."""
        return self.type_name.instrument

    @property
    def schema_version(self) -> str:
        """Version that the writer writes."""
        return self.schema[0][0]

    def variable(self, name: str) -> Variable:
        """Declaration of one variable; raises KeyError."""
        return {v.name: v for v in self.variables}[name]

    def check(self, dataset: xr.Dataset) -> None:
        """Raise SchemaError where a dataset does not fit; see `hven.model.variable.check`."""
        check(dataset, self.variables, what=str(self.type_name))
