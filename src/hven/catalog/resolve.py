"""From parameters to the folder of a product, with nothing but the data root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hven.core.errors import ConfigurationError, DatasetNotFoundError, HvenError, UnknownNameError
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.store.current import CURRENT, read_current
from hven.store.paths import data_id_folder, parse_product_path

_LISTED = 20


def resolve(root: Path, type_name: TypeName, keys: Sequence[str], values: Mapping[str, Any]) -> Path:
    """Folder of the current version of a dataset.

    Parameters
    ----------
    root
        Data root.
    type_name, keys
        Dataset type and its data ID keys, all of which must be given; the instrument is known from the type.
    values
        Data ID.

    Raises
    ------
    UnknownNameError
        For a parameter that the dataset type does not have; it lists those it has.
    ConfigurationError
        When a parameter is missing; it lists the values there are.
    DatasetNotFoundError
        When there is no such dataset; it lists the values there are.
    """
    for name in values:
        if name not in keys:
            raise UnknownNameError(f"parameter of {type_name}", name, keys)
    data_id = DataId({"instrument": type_name.instrument, **values})
    missing = [key for key in keys if key not in data_id]
    if missing:
        raise ConfigurationError(
            f"{type_name} needs {', '.join(missing)}", hint=_offer(root, type_name, keys, data_id, missing[0])
        )
    ref = DatasetRef(type_name, data_id)
    found = read_current(root, ref)
    if found is None or not _may_open(root / found):
        raise DatasetNotFoundError(f"there is no {ref}", hint=_offer_instead(root, ref, keys))
    return root / found


def available(root: Path, type_name: TypeName, keys: Sequence[str]) -> list[DataId]:
    """Data IDs of the datasets of a type that have a current version which one may open, in order."""
    head = [key for key in ("instrument", "day_obs", "observation") if key in keys]
    above = "/".join("*" for _ in head) or "all"
    name = data_id_folder(DatasetRef(type_name, DataId())).parts[-2]
    return sorted(_data_ids(root, root.glob(f"{type_name.level}/{above}/{name}/*/{CURRENT}")))


def _data_ids(root: Path, files: Iterator[Path]) -> Iterator[DataId]:
    for file in files:
        try:
            version = file.read_text().strip()
            if _may_open(file.parent / version):
                yield parse_product_path(str(file.parent.relative_to(root) / version)).ref.data_id
        except (OSError, HvenError):
            continue  # not ours, or just being replaced


def _may_open(folder: Path) -> bool:
    """Whether a version is there for this user: what an access class closes is as if it were not."""
    return os.access(folder, os.R_OK | os.X_OK)


def _offer_instead(root: Path, ref: DatasetRef, keys: Sequence[str]) -> str:
    """Offer values for the first key at which what was asked for leaves what there is."""
    left = available(root, ref.type, keys)
    for key in keys:
        fitting = [d for d in left if d[key] == ref.data_id[key]]
        if not fitting:
            return _listing(key, left)
        left = fitting
    return "It has no readable version; `hven explain` says why."


def _offer(root: Path, type_name: TypeName, keys: Sequence[str], given: DataId, key: str) -> str:
    fitting = [d for d in available(root, type_name, keys) if all(d[k] == v for k, v in given.items())]
    return _listing(key, fitting)


def _listing(key: str, data_ids: Sequence[DataId]) -> str:
    values = sorted({d[key] for d in data_ids})
    shown = ", ".join(map(str, values[:_LISTED])) or "none"
    more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    return f"{key} may be: {shown}{more}."
