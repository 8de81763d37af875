"""What pages ask of an observatory: small tables, and looks at data that read little.

Products are immutable, so what has been read of one stays true: it is kept by product id.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hven.model.data_id import Level, TypeName
from hven.model.metric import Status, worst
from hven.model.product import Product
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery
from hven.observatory import Observatory
from hven.observatory.queries import processing as processing_of
from hven.qc.queries import PROCESSING, UNLIMITED
from hven.views import placed

PRODUCTS = ("id", "level", "type", "what", "day_obs", "observation", "detector", "begin_ns", "end_ns", "rows",
            "size_bytes", "created_ns", "flags", "product")  # fmt: skip
METRICS = ("day_obs", "observation", "detector", "type", "what", "metric", "unit", "begin", "end", "grain", "value",
           "status", "lower", "upper", "lower_err", "upper_err", "advice")  # fmt: skip
FRAMES = ("img16", "img8", "ph256", "ph1024")
WHOLE = "observation"
"""Grain of a metric that stands for a whole observation."""

CELLS = 800
"""A waterfall needs no more cells in time than a screen has pixels."""


def products(observatory: Observatory, **values: Any) -> pd.DataFrame:
    """Table of the products in the defaults, one row each, columns `PRODUCTS`."""
    found = observatory.query(bad=True, **values)
    table = pd.DataFrame([_row(p) for p in found], columns=list(PRODUCTS))
    return table.astype({"day_obs": "Int64", "detector": "Int64"})


def _row(product: Product) -> tuple[Any, ...]:
    name, data_id = product.ref.type, product.ref.data_id
    return (
        product.id, str(name.level), name.name, name.name.partition(".")[2], data_id.get("day_obs"),
        data_id.get("observation"), data_id.get("detector"), product.begin_ns, product.end_ns, product.rows,
        product.size_bytes, product.created_ns, product.flags, product,
    )  # fmt: skip


def nights(found: pd.DataFrame) -> list[int]:
    """Observing days of some products, newest first."""
    return sorted({int(day) for day in found["day_obs"].dropna()}, reverse=True)


def frames(found: pd.DataFrame, level: Level = Level.L0) -> pd.DataFrame:
    """Only the products that hold frames of a detector."""
    return found[found["what"].isin(FRAMES) & (found["level"] == level)]


def observations(found: pd.DataFrame) -> pd.DataFrame:
    """One row for each observation, newest first.

    Columns day_obs, observation, begin_ns, end_ns, detectors, what, frames, size_bytes, levels, flags.
    """
    raw = found[found["observation"].notna()]
    rows = [_observation(str(name), group) for name, group in raw.groupby("observation", sort=False)]
    columns = ["day_obs", "observation", "begin_ns", "end_ns", "detectors", "what", "frames", "size_bytes", "levels",
               "flags"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values("begin_ns", ascending=False, ignore_index=True)


def _observation(name: str, group: pd.DataFrame) -> tuple[Any, ...]:
    seen = frames(group)
    timed = seen if len(seen) else group
    flags = sorted({flag for flags in group["flags"] for flag in flags})
    return (
        int(group["day_obs"].iloc[0]), name, int(timed["begin_ns"].min()), int(timed["end_ns"].max()),
        sorted({int(d) for d in seen["detector"].dropna()}), sorted(set(seen["what"])), int(seen["rows"].sum()),
        int(group["size_bytes"].sum()), sorted(set(group["level"])), flags,
    )  # fmt: skip


def metrics(observatory: Observatory, found: pd.DataFrame) -> pd.DataFrame:
    """Metrics of some products with their limits and status, long form, columns `METRICS`."""
    measured = found[(found["level"] == Level.L2) & found["what"].str.endswith("qc")]
    return _joined(observatory, tuple(measured["product"])).copy()


@lru_cache(maxsize=16)
def _joined(observatory: Observatory, products: tuple[Product, ...]) -> pd.DataFrame:
    filled = [t for product in products if len(t := _measured(observatory, product))]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(METRICS))


@lru_cache(maxsize=4096)
def _measured(observatory: Observatory, product: Product) -> pd.DataFrame:
    row = dict(zip(PRODUCTS, _row(product), strict=True))
    names = {k: row[k] for k in ("day_obs", "observation", "detector", "type")}
    table = observatory.quality(product)
    return table.assign(**names, what=str(row["what"]).removesuffix(".qc"))[list(METRICS)]


def processing(observatory: Observatory, found: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One metric of storage and processing of the frames among some products, columns `METRICS`."""
    every = (_processed(observatory, product) for product in frames(found, PROCESSING[metric].level)["product"])
    told = [rows for table in every if len(rows := table[table["metric"] == metric])]
    return pd.concat(told, ignore_index=True) if told else pd.DataFrame(columns=list(METRICS))


@lru_cache(maxsize=4096)
def _processed(observatory: Observatory, product: Product) -> pd.DataFrame:
    row = dict(zip(PRODUCTS, _row(product), strict=True))
    names = {k: row[k] for k in ("day_obs", "observation", "detector", "type", "what")}
    return processing_of(observatory, product).assign(**names)[list(METRICS)]


def worst_of(measured: pd.DataFrame, keys: list[str]) -> dict[tuple[Any, ...], str]:
    """Worst status of each group of metrics that have limits; `missing` where nothing could be measured."""
    limited = measured[measured["status"] != UNLIMITED]
    return {tuple(k): _worst(list(g["status"])) for k, g in limited.groupby(keys, sort=False)}


def _worst(statuses: list[Status]) -> str:
    return str(worst([s for s in statuses if s != Status.MISSING]))


def failures(observatory: Observatory, **values: Any) -> pd.DataFrame:
    """Quanta whose latest end is a failure: columns task, step, data_id, error, flavour, ended_ns."""
    records = observatory.registry.quanta(query=DataQuery.of(**values))
    latest: dict[tuple[str, str], Any] = {}
    for record in records:  # newest first
        latest.setdefault((record.step, str(record.data_id)), record)
    failed = [r for r in latest.values() if r.state is QuantumState.FAILED]
    rows = [(r.task, r.step, str(r.data_id), r.error, r.flavour or "", r.ended_ns) for r in failed]
    return pd.DataFrame(rows, columns=["task", "step", "data_id", "error", "flavour", "ended_ns"])


def pick(found: pd.DataFrame, level: str, what: str, detector: int | None = None) -> Product | None:
    """Product of a level and kind, or None."""
    chosen = found[(found["level"] == level) & (found["what"] == what)]
    if detector is not None:
        chosen = chosen[chosen["detector"] == detector]
    return chosen["product"].iloc[-1] if len(chosen) else None


def file_stem(product: Product, what: str = "") -> str:
    """Name of a file with what is shown of a product."""
    values = [str(v) for k, v in product.ref.data_id.items() if k not in ("instrument", "day_obs")]
    return "-".join(filter(None, [str(product.ref.type), *values, what]))


def opening(product: Product, *, every_row: bool = False) -> str:
    """Line that opens a product in a notebook, with rows that are marked bad where rows are told by their number.

    Examples
    --------
    The line is what a person would write::

        ds = obs.open("panoseti.ph1024", level="L1", day_obs=20251021, observation="...", detector=254)
    """
    name = product.ref.type
    keys = "".join(f", {k}={v!r}" for k, v in product.ref.data_id.items() if k != "instrument")
    return f'ds = obs.open("{name.name}", level="{name.level}"{keys}{", bad=True" if every_row else ""})'


def looking(product: Product, variable: str, *, single: bool) -> str:
    """Lines that give in a notebook what `look` gives, as `look`."""
    asked = f'obs.product("{product.id}")'
    if single:
        return f"from hven.views import placed\nlook = placed.look(obs, {asked}, cells={CELLS})"
    return f'{opening(product)}\nlook = obs.overview({asked}, "{variable}", cells={CELLS})'


def judging(name: str, metric: str, grain: str) -> str:
    """Lines that give a metric of many products in a notebook, judged as the pages judge it."""
    if metric in PROCESSING:
        return (
            "import pandas as pd\n"
            "from hven.observatory.queries import processing\n"
            f'found = obs.query("{name}", level="{PROCESSING[metric].level}")\n'
            "rows = pd.concat([processing(obs, product) for product in found])\n"
            f"rows.query(\"metric == '{metric}'\")"
        )
    return (
        "import pandas as pd\n"
        f'rows = pd.concat([obs.quality(product) for product in obs.query("{name}", level="L2")])\n'
        f"rows.query(\"metric == '{metric}' and grain == '{grain}'\")"
    )


def judging_night(night: int) -> str:
    """Lines that give all metrics of a night in a notebook."""
    return (
        "import pandas as pd\n"
        f'found = obs.find(level="L2", day_obs={night})\n'
        'measured = found[found["type"].str.endswith(".qc")]\n'
        'pd.concat([obs.quality(obs.product(i)) for i in measured["id"]])'
    )


def explanations(observatory: Observatory, of_night: pd.DataFrame, limit: int) -> list[str]:
    """Why frames of a night are not calibrated: the platform's own words, for so many datasets at most."""
    raw, calibrated = frames(of_night), frames(of_night, Level.L1)
    there = set(zip(calibrated["observation"], calibrated["detector"], calibrated["type"], strict=True))
    missing = [p for p, *key in zip(raw["product"], raw["observation"], raw["detector"], raw["type"], strict=True)
               if tuple(key) not in there]  # fmt: skip
    asked = [(p.ref.type.name, {k: v for k, v in p.ref.data_id.items() if k != "instrument"}) for p in missing[:limit]]
    return [str(observatory.explain(name, level="L1", **keys)) for name, keys in asked]


def read(observatory: Observatory, product: Product) -> xr.Dataset:
    """Open exactly this version of a product; nothing is read before it is used."""
    return observatory.open_product(product, chunks=None)


@lru_cache(maxsize=256)
def read_table(observatory: Observatory, product: Product) -> pd.DataFrame:
    """Rows of a small table product."""
    return _frame(observatory.open_product(product, chunks=None))


def _frame(dataset: xr.Dataset) -> pd.DataFrame:
    flat = dataset.load().reset_coords()
    dims = list(dataset.sizes)
    names = [n for n in flat.data_vars if flat[n].dims == tuple(dims[:1])]
    return flat[names].to_dataframe().reset_index(drop=True)


@lru_cache(maxsize=4096)
def has_overview(observatory: Observatory, product: Product, variable: str) -> bool:
    """Whether a variable can be looked at without reading all of it."""
    return variable in read(observatory, product).attrs.get("hven_overviews", ())


@lru_cache(maxsize=32)
def look(
    observatory: Observatory, product: Product, variable: str, begin_ns: int | None = None, end_ns: int | None = None
) -> xr.Dataset:
    """Look at frames: `mean, min, max` of dims (time, y, x), each cell standing for some frames; see `overview`.

    Frames of one quadrant each are placed into the camera; see `hven.views.placed.look`.
    """
    if placed.single(read(observatory, product)):
        return placed.look(observatory, product, cells=CELLS, begin_ns=begin_ns, end_ns=end_ns)
    return observatory.overview(product, variable, cells=CELLS, begin_ns=begin_ns, end_ns=end_ns)


def frame(observatory: Observatory, product: Product, variable: str, index: int) -> xr.DataArray:
    """One frame; a raw one of one quadrant is placed into the camera."""
    dataset = read(observatory, product)
    if placed.single(dataset):
        return placed.place(dataset.isel(time=[index]))[0]
    return dataset[variable].isel(time=index).load()


def types(found: pd.DataFrame) -> list[TypeName]:
    """Dataset types that there are, in order."""
    return sorted({product.ref.type for product in found["product"]})


def brightest(cells: xr.Dataset, count: int = 3) -> list[tuple[int, int]]:
    """Pixels (y, x) with the highest mean, to begin with."""
    mean = np.nan_to_num(cells["mean"].mean("time").to_numpy(), nan=-np.inf)
    order = np.argsort(mean, axis=None)[::-1][:count]
    return [tuple(map(int, np.unravel_index(i, mean.shape))) for i in order]  # type: ignore[misc]
