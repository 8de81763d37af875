"""Reader for Intake: one entry for each dataset type and level, whose parameters are checked.

Intake's own drivers ignore parameters that they do not know, and so read other data than were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intake.readers.entry import Catalog
from intake.readers.readers import BaseReader

from hven.catalog.resolve import available, resolve
from hven.core.errors import SettingsError, UnknownNameError
from hven.model.data_id import DataId, TypeName
from hven.store.read import open_product

if TYPE_CHECKING:
    import xarray as xr

_OWN = ("dataset_type", "keys", "root", "chunks")


class ProductReader(BaseReader):  # type: ignore[misc] # intake has no types
    """Current version of one dataset, opened lazily.

    Parameters
    ----------
    dataset_type
        ``L1/panoseti.ph1024``.
    keys
        Data ID keys that name one dataset.
    root
        Data root.
    chunks
        Dask chunks; ``{}`` is whole shards, None opens without Dask.
    parameters
        Data ID.

    Raises
    ------
    SettingsError
        When the data root is not known or does not exist.
    """

    output_instance = "xarray:Dataset"

    def _read(self, **parameters: Any) -> xr.Dataset:
        root, type_name, keys, chunks = self._split(parameters)
        folder = resolve(root, type_name, keys, parameters)
        dataset: xr.Dataset = open_product(folder, chunks=chunks)
        dataset.attrs.update(hven_id=folder.name, hven_folder=str(folder))
        return dataset

    def available(self) -> list[DataId]:
        """Data IDs of the datasets there are."""
        root, type_name, keys, _chunks = self._split(dict(self.kwargs))
        return available(root, type_name, keys)

    def discover(self, **parameters: Any) -> xr.Dataset:
        """Open the dataset; nothing is read."""
        dataset: xr.Dataset = self.read(**parameters)
        return dataset

    @staticmethod
    def _split(parameters: dict[str, Any]) -> tuple[Path, TypeName, tuple[str, ...], Any]:
        own = {name: parameters.pop(name, {}) for name in _OWN}
        root = own["root"]
        if root in {None, "", "None"} or not Path(root).is_dir():
            raise SettingsError(f"no data root {root!r}", hint="Set HVEN_ROOT to the folder with the data.")
        return Path(root), TypeName.parse(own["dataset_type"]), tuple(own["keys"]), own["chunks"]


class InstrumentCatalog(BaseReader):  # type: ignore[misc] # intake has no types
    """Catalog of an instrument, an entry of `main.yaml`; ``cat["panoseti"]["L1/panoseti.ph1024"]`` looks through it."""

    output_instance = "intake.readers.entry:Catalog"

    def _read(self, url: str) -> Catalog:
        return Catalog.from_yaml_file(url)

    def __iter__(self) -> Iterator[str]:
        """Names of the entries."""
        return iter(self.read())

    def __getitem__(self, name: str) -> ProductReader:
        """Entry of the instrument; UnknownNameError lists those there are."""
        catalog = self.read()
        if name not in catalog.entries:
            raise UnknownNameError("catalog entry", name, catalog.entries)
        return catalog[name]  # type: ignore[no-any-return]
