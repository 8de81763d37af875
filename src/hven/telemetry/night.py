"""The exposures of a night as a product: made again whenever somebody asks, published where it has changed."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from hven.core.clock import format_utc, now_ns
from hven.core.errors import AccessDeniedError, DatasetNotFoundError
from hven.core.settings import Settings
from hven.model.access import UNCLASSED
from hven.model.collection import AccessClass, Collection, CollectionKind, run_name
from hven.model.content_digest import digest_dataset
from hven.model.data_id import DataId, DatasetRef, Level
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance
from hven.model.query import DataQuery
from hven.model.telemetry import ExposureTable, exposure_type
from hven.pipeline.identity import software
from hven.registry.protocol import Registry
from hven.store import tables
from hven.store.classes import class_acl
from hven.store.current import set_current
from hven.store.paths import data_id_folder
from hven.store.publish import Staging, stage
from hven.store.read import open_product
from hven.telemetry.exposures import exposures, tabulate
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import declared

TASK, VERSION = "telemetry.transform", "1"


def transform(settings: Settings, registry: Registry, instrument: str, night: int, *, user: str) -> Product:
    """Bind telemetry to the exposures of a night and publish the table, unless the present version says the same.

    Raises
    ------
    UnknownNameError
        When no table is declared for the instrument, or it names an unknown topic or field.
    DatasetNotFoundError
        When the night has no raw data.
    AccessDeniedError
        When this account may not write shared products.

    Notes
    -----
    The table is for operators where some of the raw data are: it tells when they were taken.
    """
    site = declared(settings)
    table = site.table(instrument)
    ref = DatasetRef(exposure_type(instrument).type_name, DataId(instrument=instrument, day_obs=night))
    _must_write(settings, ref)
    raw = raw_of(registry, instrument, night)
    if not raw:
        raise DatasetNotFoundError(f"{instrument} has no exposures on {night}", hint="`hven find` lists what there is.")
    made = tabulate(TelemetryStore(settings.root), site.topics, table, exposures(settings.root, raw, table))
    kind = exposure_type(instrument)
    now = now_ns()
    stamp = format_utc(now - now % 1_000_000).translate(str.maketrans("", "", "-:."))
    run = run_name(f"{instrument}/exposures", stamp)
    classes = {c.name: c.access for c in registry.collections()}
    access = _class_of(raw, classes)
    with stage(settings.root, ref, acl=_acl(settings, access)) as staging:
        tables.write_dataset(staging.path, kind, made)
        before = registry.find_one(ref)
        known = before is not None and classes.get(before.run, UNCLASSED) == access
        if before is not None and known and before.digest == _digest(staging.path):
            return before
        product = staging.publish(_provenance(staging, table, raw, run=run, user=user, site=settings.site), kind)
    if access != UNCLASSED:
        registry.define(Collection(run, CollectionKind.RUN, access))
    registry.register([product], inputs={product.id: [p.id for p in raw]})
    set_current(settings.root, product)
    return product


def raw_of(registry: Registry, instrument: str, night: int) -> list[Product]:
    """Raw data of a night that have rows."""
    found = registry.find(None, DataQuery.of(instrument=instrument, day_obs=night))
    return [p for p in found if p.ref.type.level == Level.L0 and p.form == "array" and p.rows]


def _must_write(settings: Settings, ref: DatasetRef) -> None:
    """Refuse before the work what the disk would refuse after it."""
    folder = settings.root / data_id_folder(ref)
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        account = settings.server.batch_account if settings.server else pwd.getpwuid(there.stat().st_uid).pw_name
        night = ref.data_id["day_obs"]
        raise AccessDeniedError(
            f"exposures of {ref.data_id} are shared products: this account may not write into {there}",
            hint=f"The batch service makes them when a night has ended; by hand: "
            f"sudo -u {account} hven telemetry transform {night} --instrument {ref.data_id['instrument']}",
        )


def _class_of(raw: Sequence[Product], classes: Mapping[str, AccessClass]) -> AccessClass:
    """For operators as soon as some of the raw data are."""
    closed = AccessClass.OPERATORS in {classes.get(product.run, UNCLASSED) for product in raw}
    return AccessClass.OPERATORS if closed else UNCLASSED


def _acl(settings: Settings, access: AccessClass) -> str:
    return "" if settings.server is None else class_acl(access, settings.server, owner="r-x")


def _digest(folder: Path) -> str:
    return digest_dataset(open_product(folder, chunks=None, indexes=False))


def _provenance(
    staging: Staging, table: ExposureTable, raw: Sequence[Product], *, run: str, user: str, site: str
) -> Provenance:
    kind = exposure_type(str(staging.ref.data_id["instrument"]))
    return Provenance(
        id=staging.id,
        dataset_type=str(kind.type_name),
        schema_version=kind.schema_version,
        data_id=dict(staging.ref.data_id),
        run=run,
        task=TASK,
        task_version=VERSION,
        config=table.model_dump(mode="json", exclude_defaults=True),
        inputs=tuple(_input(product) for product in raw),
        quantum_key="",
        output="",
        created_ns=now_ns(),
        user=user,
        site=site,
        software=software(),
    )


def _input(product: Product) -> InputRecord:
    ref, role = product.ref, "input"
    return InputRecord(
        slot="exposures", role=role, dataset_type=str(ref.type), data_id=dict(ref.data_id), id=product.id,
        digest=product.digest,
    )  # fmt: skip


def join(dataset: xr.Dataset, data_id: DataId, table: xr.Dataset) -> xr.Dataset:
    """Dataset with what telemetry says of its exposures, as coordinates.

    Parameters
    ----------
    dataset
        Rows that number their exposures (a variable `exposure` along one dim) get a value each; otherwise the dataset
        is of one exposure and gets scalars.
    data_id
        Of the dataset.
    table
        Exposures of its night.

    Raises
    ------
    DatasetNotFoundError
        When the table does not know the dataset's observation.
    """
    frame = table.reset_coords().to_dataframe()
    of_observation = frame[frame["observation"] == str(data_id.get("observation", ""))].set_index("exposure")
    if of_observation.empty:
        raise DatasetNotFoundError(
            f"the table of exposures does not know {data_id}", hint="Make it again: `hven telemetry transform`."
        )
    names = [str(name) for name in table.data_vars]
    attrs: dict[str, dict[str, Any]] = {name: dict(table[name].attrs) for name in names}
    numbers = dataset.variables.get("exposure")
    if numbers is not None and numbers.ndim == 1:
        rows = of_observation.reindex(numbers.values)
        return dataset.assign_coords({n: (numbers.dims, rows[n].to_numpy(), attrs[n]) for n in names})
    row = of_observation.loc[int(data_id.get("exposure", 0))]
    return dataset.assign_coords({name: ((), row[name], attrs[name]) for name in names})
