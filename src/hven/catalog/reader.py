"""Reader for Intake: one entry for each dataset type and level, whose parameters are checked.

Intake's own drivers ignore parameters that they do not know, and so read other data than were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intake.readers.entry import Catalog
from intake.readers.readers import BaseReader

from hven.catalog.entries import Entries
from hven.catalog.resolve import available, resolve
from hven.core.errors import SettingsError, UnknownNameError
from hven.model.data_id import DataId, TypeName
from hven.store import accessor
from hven.store.read import open_product

if TYPE_CHECKING:
    import xarray as xr

_OWN = ("dataset_type", "keys", "root", "chunks")
_FIXED = ("dataset_type", "keys")
"""What an entry is; another type is another entry."""


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
    UnknownNameError
        For a parameter that the entry does not have, its own type among them; it lists those it has.
    """

    output_instance = "xarray:Dataset"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        declared = self.metadata.get("dataset_type", self.kwargs["dataset_type"])
        if self.kwargs["dataset_type"] != declared:  # given to the whole catalog
            raise _not_its_own("dataset_type", declared, self.kwargs["keys"])

    def __call__(self, **parameters: Any) -> ProductReader:
        """Return the entry with parameters."""
        self._refuse_fixed(parameters)
        return type(self)(metadata=self.metadata, **{**self.kwargs, **parameters})

    def read(self, **parameters: Any) -> xr.Dataset:
        """Open the dataset lazily."""
        self._refuse_fixed(parameters)
        dataset: xr.Dataset = super().read(**parameters)
        return dataset

    def _read(self, **parameters: Any) -> xr.Dataset:
        root, type_name, keys, chunks = self._split(parameters)
        folder = resolve(root, type_name, keys, parameters)
        dataset: xr.Dataset = open_product(folder, chunks=chunks)
        dataset.attrs.update({accessor.ID: folder.name, accessor.FOLDER: str(folder)})
        return dataset

    def available(self) -> list[DataId]:
        """Data IDs of the datasets there are."""
        root, type_name, keys, _chunks = self._split(dict(self.kwargs))
        return available(root, type_name, keys)

    def discover(self, **parameters: Any) -> xr.Dataset:
        """Open the dataset; nothing is read."""
        return self.read(**parameters)

    def _refuse_fixed(self, parameters: Mapping[str, Any]) -> None:
        for name in _FIXED:
            if name in parameters:
                raise _not_its_own(name, self.kwargs["dataset_type"], self.kwargs["keys"])

    @staticmethod
    def _split(parameters: dict[str, Any]) -> tuple[Path, TypeName, tuple[str, ...], Any]:
        own = {name: parameters.pop(name, {}) for name in _OWN}
        root = own["root"]
        if root in {None, "", "None"} or not Path(root).is_dir():
            raise SettingsError(f"no data root {root!r}", hint="Set HVEN_ROOT to the folder with the data.")
        return Path(root), TypeName.parse(own["dataset_type"]), tuple(own["keys"]), own["chunks"]


def _not_its_own(name: str, type_name: str, keys: Sequence[str]) -> UnknownNameError:
    return UnknownNameError(f"parameter of {type_name}", name, keys)


class InstrumentCatalog(BaseReader):  # type: ignore[misc] # intake has no types
    """Catalog of an instrument, an entry of `main.yaml`; ``cat["panoseti"]["L1/panoseti.ph1024"]`` looks through it."""

    output_instance = "intake.readers.entry:Catalog"

    def _read(self, url: str, **parameters: Any) -> Entries:
        return Entries.of(Catalog.from_yaml_file(url), parameters)

    def __iter__(self) -> Iterator[str]:
        """Names of the entries."""
        return iter(self.read())

    def __getitem__(self, name: str) -> ProductReader:
        """Entry of the instrument; UnknownEntryError lists those there are."""
        return self.read()[name]  # type: ignore[no-any-return]
