"""A small night of two detectors as real products, quickly made: what pages show."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import xarray as xr

from hven.core.clock import NS, parse_utc
from hven.core.settings import Settings
from hven.instruments.panoseti.product_types import PRODUCT_TYPES
from hven.instruments.panoseti.raw_types import RAW_TYPES
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.provenance import InputRecord, Provenance, SoftwareRecord
from hven.model.task import Inputs
from hven.observatory import connect
from hven.store import arrays, tables
from hven.store.current import set_current
from hven.store.publish import stage
from hven.tasks.showers.clean_and_measure import TASK, ShowerConfig

NIGHT = 20251021
BEGIN = parse_utc("2025-10-22T04:00:00")
DETECTORS = (1, 254)
OBSERVATIONS = ("crab.20251022T040000Z",)
RUN = "panoseti/runs/nightly/20251022T180000Z"
FRAMES = {"img16": 2_600, "ph1024": 40}
_SIZES = {"y": 32, "x": 32, "quabo": 4, "bin": 10, "cell": 6, "event": 40}
_TYPES = {str(t.type_name): t for t in (*RAW_TYPES, *PRODUCT_TYPES)}
SHOWERS = ShowerConfig(pixel_deg=0.3125)


def make(folder, *, metrics=None, observations=OBSERVATIONS):
    """Make an observatory with a night in it; `metrics` gives rows of the quality tables."""
    root, state = folder / "data", folder / "state"
    for path in (root, state):
        path.mkdir(parents=True)
    observatory = connect(Settings(root=root, state=state))
    products, inputs = [], {}
    for number, observation in enumerate(observations):
        begin = BEGIN + number * 3 * 3600 * NS
        for name, data_id, dataset in _night(observation, begin, metrics or {}):
            product = publish(root, name, data_id, dataset, [p for p in products if p.ref.data_id == data_id])
            set_current(root, product)
            products.append(product)
            inputs[product.id] = []
    observatory.registry.register(products, inputs=inputs)
    return observatory


def _night(observation, begin, metrics):
    keys = {"instrument": "panoseti", "day_obs": NIGHT, "observation": observation}
    yield "L1/panoseti.housekeeping", DataId(keys), _housekeeping(begin)
    for detector in DETECTORS:
        data_id, random = DataId(keys, detector=detector), np.random.default_rng(detector)
        for what, rows in FRAMES.items():
            raw, cells = _frames(random, what, begin, rows), _cells(what, random, begin)
            signal = _signal(what, raw, cells)
            yield f"L0/panoseti.{what}", data_id, raw
            yield f"L1/panoseti.{what}.pedestals", data_id, cells
            yield f"L1/panoseti.{what}", data_id, signal
            if what in metrics:
                yield f"L2/panoseti.{what}.qc", data_id, _metrics(metrics[what], begin, random)
        found = TASK.run(Inputs({"frames": signal}, {"frames": data_id}), SHOWERS)["showers"]
        yield "L2/panoseti.showers", data_id, found


def blank(name, **sizes):
    """Make a dataset of zeros as the type declares it."""
    declared = _TYPES[name]
    sizes = {**_SIZES, **sizes}
    variables = {}
    for variable in declared.variables:
        if variable.optional:
            continue
        shape = [sizes[d] for d in variable.dims if d != "..."]
        kind = "object" if variable.dtype == "str" else variable.dtype
        variables[variable.name] = (variable.dims, np.zeros(shape, kind), variable.attrs)
    return xr.Dataset(variables).set_coords([c for c in declared.coordinates if c in variables])


def _times(begin, rows, step):
    return np.datetime64(begin, "ns") + (np.arange(rows) * step).astype("timedelta64[ns]")


def _frames(random, what, begin, rows):
    dataset = blank(f"L0/panoseti.{what}", time=rows)
    y, x = np.mgrid[0:32, 0:32]
    sky = 40 + 25 * np.exp(-((y - 12) ** 2 + (x - 20) ** 2) / 8) + 0.3 * y
    drift = 1 + 0.15 * np.sin(np.linspace(0, 6, rows))[:, None, None]
    images = random.poisson(sky * drift) if what.startswith("img") else random.normal(0, 6, (rows, 32, 32))
    if what == "ph1024":
        images = images + 60 * np.exp(-(((y - 10) / 2) ** 2 + ((x - 19) / 4) ** 2))
    step = 3600 * NS // rows
    return dataset.assign(images=(("time", "y", "x"), images.astype(dataset["images"].dtype), dataset["images"].attrs),
                          quabo_valid=xr.ones_like(dataset["quabo_valid"].variable),
                          time=_times(begin, rows, step)).assign_attrs(clock_status="wr-locked")  # fmt: skip


def _signal(what, raw, cells):
    dataset = blank(f"L1/panoseti.{what}", time=raw.sizes["time"])
    signal = raw["images"].astype("float32") - (40 if what.startswith("img") else 0)
    measured = dataset.assign({name: cells[name].variable for name in ("begin", "end", "noise")})
    means = signal.mean(("y", "x")).assign_attrs(dataset["frame_mean"].attrs)
    return measured.assign(signal=signal.assign_attrs(dataset["signal"].attrs), frame_mean=means.variable,
                           time=raw["time"].to_numpy())  # fmt: skip


def _cells(what, random, begin):
    dataset = blank(f"L1/panoseti.{what}.pedestals")
    edges = _times(begin, 7, 600 * NS)
    noise = random.normal(6.0, 0.3, dataset["noise"].shape).astype("float32")
    return dataset.assign(begin=("cell", edges[:-1]), end=("cell", edges[1:]), noise=(("cell", "y", "x"), noise))


def _housekeeping(begin):
    rows = 60
    dataset = blank("L1/panoseti.housekeeping", time=rows * 8)
    detector = np.repeat(DETECTORS, 4 * rows).astype("int32")
    quabo = np.tile(np.repeat(np.arange(4), rows), 2).astype("uint8")
    warm = 20 + np.tile(np.linspace(0, 3, rows), 8) + quabo
    values = {
        "detector_temperature": warm,
        "fpga_temperature": warm + 20,
        **{f"hv_{n}": -56.0 - 0.1 * quabo for n in range(4)},
    }
    columns = {k: ("time", v.astype("float32"), dataset[k].attrs) for k, v in values.items()}
    names = np.array([f"QUABO_{q}" for q in quabo], object)
    times = np.tile(_times(begin, rows, 60 * NS), 8)
    return dataset.assign(columns | {"time": ("time", times), "device": ("time", names), "detector": ("time", detector),
                                     "quabo": ("time", quabo)}).set_coords("time")  # fmt: skip


def _metrics(rows, begin, random):
    hours = [("hour", begin + h * 1200 * NS, begin + (h + 1) * 1200 * NS) for h in range(3)]
    spans = [*hours, ("observation", begin, begin + 3600 * NS)]
    table = [(m, u, b, e, g, v * random.uniform(0.95, 1.05)) for m, (v, u) in rows.items() for g, b, e in spans]
    metric, unit, first, last, grain, value = (list(c) for c in zip(*table, strict=True))
    texts = {"metric": metric, "unit": unit, "grain": grain}
    return xr.Dataset({
        **{k: ("row", np.array(v, object)) for k, v in texts.items()},
        "begin": ("row", np.array(first, "datetime64[ns]")), "end": ("row", np.array(last, "datetime64[ns]")),
        "value": ("row", np.array(value, float)),
    })  # fmt: skip


def publish_quality(observatory, what, detector, rows, *, begin=BEGIN, created_ns=None):
    """Publish and register a quality table with exactly these values: by metric, value and unit."""
    data_id = DataId(instrument="panoseti", day_obs=NIGHT, observation=f"o.{begin}", detector=detector)
    exactly = SimpleNamespace(uniform=lambda _low, _high: 1.0)
    name, table = f"L2/panoseti.{what}.qc", _metrics(rows, begin, exactly)
    product = publish(observatory.root, name, data_id, table, [], created_ns=created_ns)
    observatory.registry.register([product], inputs={product.id: []})
    return product


def _config(name):
    return SHOWERS.model_dump() if name == "L2/panoseti.showers" else {"clip": 5.0}


def publish(root, name, data_id, dataset, inputs, *, created_ns=None):
    """Publish a dataset as if a pipeline had made it; not registered."""
    declared = _TYPES[name]
    ref = DatasetRef(TypeName.parse(name), data_id)
    with stage(root, ref) as staging:
        write = arrays.write_dataset if declared.form == "array" else tables.write_dataset
        write(staging.path, declared, dataset)
        sources = tuple(
            InputRecord(slot="frames", role="input", dataset_type=str(p.ref.type), data_id=dict(p.ref.data_id), id=p.id,
                        digest=p.digest) for p in inputs
        )  # fmt: skip
        record = Provenance(
            id=staging.id, dataset_type=name, schema_version=declared.schema_version, data_id=dict(data_id), run=RUN,
            task="frames.subtract_pedestal", task_version="1.0", config=_config(name), inputs=sources,
            quantum_key=f"{name} {data_id}", output="signal", created_ns=created_ns or BEGIN + 10 * 3600 * NS,
            user="ada", site="tryout",
            software=SoftwareRecord(version="0.1.0", commit="0" * 40, environment="e" * 64, python="3.12"),
        )  # fmt: skip
        return staging.publish(record, declared)
