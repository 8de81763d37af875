"""User-generated products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.clock import now_ns
from hven.core.errors import ConfigurationError
from hven.model.data_id import DatasetRef, Level, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance
from hven.model.variable import Variable
from hven.observatory.saveable import OWN_ATTRS, PRODUCT_NAME
from hven.pipeline.identity import software
from hven.store import arrays
from hven.store.current import set_current
from hven.store.publish import stage


def save(
    root: Path,
    dataset: xr.Dataset,
    ref: DatasetRef,
    *,
    user: str,
    owner: str,
    site: str,
    run: str,
    inputs: Sequence[Product],
    notes: Mapping[str, Any],
) -> Product:
    """Publish a dataset as a version of its owner's, a person or a project; it is not registered yet."""
    own = {str(n): v for n, v in dataset.attrs.items() if not str(n).startswith(OWN_ATTRS)}
    clean = dataset.drop_attrs(deep=False).assign_attrs(own).drop_encoding()
    declared = declaration(clean, ref.type)
    with stage(root, ref, user=owner) as staging:
        arrays.write_dataset(staging.path, declared, clean)
        provenance = Provenance(
            id=staging.id,
            dataset_type=str(ref.type),
            schema_version=declared.schema_version,
            data_id=dict(ref.data_id),
            run=run,
            task="",
            task_version="",
            config={},
            inputs=tuple(_input(p) for p in inputs),
            quantum_key="",
            output="",
            created_ns=now_ns(),
            user=user,
            site=site,
            software=software(),
            notes=dict(notes),
        )
        product = staging.publish(provenance, declared)
    set_current(root, product)
    return product


def user_type(name: str, level: str, instrument: str) -> TypeName:
    """Type of a user's product: his own word behind the instrument.

    Raises
    ------
    ConfigurationError
        For level L0, which only raw data have, or a name that is no word.

    Examples
    --------
    >>> str(user_type("my-flat", "L2", "panoseti"))
    'L2/panoseti.my-flat'
    """
    if level not in {Level.L1, Level.L2}:
        raise ConfigurationError(f"level {level!r} cannot be saved", hint="Choose L1 or L2.")
    if not PRODUCT_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a product",
            hint="Use letters from a to z, digits, dots, dashes and underscores, and begin with a letter or digit.",
        )
    return TypeName(Level(level), f"{instrument}.{name}")


def declaration(dataset: xr.Dataset, type_name: TypeName) -> DatasetType:
    """Declare a dataset as it is."""
    variables = tuple(_variable(str(name), v) for name, v in dataset.variables.items())
    if not variables:
        raise ConfigurationError("the dataset is empty", hint="Save a Dataset with at least one variable.")
    dims = sorted(dataset.sizes, key=lambda d: (d != "time", -dataset.sizes[d]))
    return DatasetType(
        name=type_name.name,
        level=type_name.level,
        form="array",
        keys=(),
        variables=variables,
        doc="Saved by a user.",
        row_dim=str(dims[0]) if dims else "time",
        coordinates=tuple(map(str, dataset.coords)),
    )


def _variable(name: str, variable: xr.Variable) -> Variable:
    dtype = "str" if variable.dtype.kind in "UOT" else str(np.dtype(variable.dtype))
    doc = str(variable.attrs.get("long_name", name))
    return Variable(name, tuple(map(str, variable.dims)), dtype, str(variable.attrs.get("units", "")), doc)


def _input(product: Product) -> InputRecord:
    return InputRecord(
        slot="",
        role="input",
        dataset_type=str(product.ref.type),
        data_id=dict(product.ref.data_id),
        id=product.id,
        digest=product.digest,
    )
