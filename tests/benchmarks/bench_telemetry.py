"""Telemetry: a night's exposures against plain pandas, and a channel of 1e8 samples on its page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from harness import Figure, interleave, measure

from hven.core.clock import NS
from hven.model.telemetry import Column, ExposureTable, Field, Function, Kind, Topic
from hven.telemetry.exposures import tabulate
from hven.telemetry.segments import DAY_NS
from hven.telemetry.store import TelemetryStore
from hven.views.figures.channels import channel

BEGIN = 20_000 * DAY_NS
CHANNELS, SECONDS, EXPOSURES = 100, 86_400, 1000
SAMPLES = 100_000_000
AT_ONCE = 1 << 22
FIELDS = tuple(Field(name=f"c{n:03d}", units="V", doc="Channel.") for n in range(CHANNELS))
SLOW = Topic(name="slow", kind=Kind.TELEMETRY, doc="100 channels.", cadence_s=1, fields=FIELDS)
FAST = Topic(name="fast", kind=Kind.TELEMETRY, doc="One channel.", fields=FIELDS[:1])


def figures() -> Iterator[Figure]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield from _exposures(TelemetryStore(folder))
        yield from _channel(TelemetryStore(folder))
    finally:
        shutil.rmtree(folder)


def _exposures(store: TelemetryStore) -> Iterator[Figure]:
    rng = np.random.default_rng(1)
    seconds = np.arange(SECONDS) + rng.uniform(-0.3, 0.3, SECONDS)
    values = {f.name: 10 + np.cumsum(rng.normal(0, 0.01, SECONDS)) for f in FIELDS}
    samples = pd.DataFrame({"time": BEGIN + np.maximum(seconds * NS, 0).astype(np.int64), **values})
    kept = measure(lambda: store.append(SLOW, samples))
    begins = BEGIN + (np.arange(EXPOSURES) * 86.0 * NS).astype(np.int64)
    found = pd.DataFrame({"exposure": range(EXPOSURES), "observation": "x", "begin": begins, "end": begins + 80 * NS})
    columns = tuple(Column(name=f.name, topic="slow", field=f.name, function=Function.MEAN) for f in FIELDS)
    names = [f.name for f in FIELDS]

    def ours() -> pd.DataFrame:
        return tabulate(store, {"slow": SLOW}, ExposureTable(columns=columns), found).to_pandas()

    (file,) = (store.folder / "slow").rglob("*.parquet")
    intervals = pd.IntervalIndex.from_arrays(
        *(pd.to_datetime(found[n], utc=True) for n in ("begin", "end")), closed="left"
    )

    def of_pandas() -> pd.DataFrame:
        table = pd.read_parquet(file)
        return table.groupby(pd.cut(table["time"], intervals), observed=False)[names].agg(["mean", "count"])

    np.testing.assert_allclose(ours()[names], of_pandas().xs("mean", axis=1, level=1), rtol=1e-12)
    mine, plain = interleave(ours, of_pandas, repeats=3)
    note = f"{CHANNELS} channels of a day at 1 Hz, {EXPOSURES} exposures; keeping them took {kept.wall:.2f} s"
    yield Figure("telemetry of a night's exposures", mine.wall, "s", "<=", 2.0, note)
    yield Figure(
        "the same against plain pandas", plain.wall / mine.wall, "x", ">=", 1.0, f"pandas {plain.wall:.2f} s, no gaps"
    )


def _channel(store: TelemetryStore) -> Iterator[Figure]:
    step, written = DAY_NS // SAMPLES, 0.0
    for start in range(0, SAMPLES, AT_ONCE):
        number = np.arange(start, min(start + AT_ONCE, SAMPLES))
        noise = np.random.default_rng(start).normal(size=len(number))
        samples = pd.DataFrame({"time": BEGIN + number * step, "c000": noise})
        written += measure(lambda samples=samples: store.append(FAST, samples)).wall
    end = BEGIN + DAY_NS

    def show(begin: int, end: int) -> object:
        return channel(TelemetryStore(store.folder.parent).overview("fast", "c000", begin, end), name="c000", units="V")

    day, zoomed = interleave(lambda: show(BEGIN, end), lambda: show(BEGIN, BEGIN + DAY_NS // 48), repeats=3)
    size = sum(f.stat().st_size for f in (store.folder / "fast").rglob("*.parquet")) / SAMPLES
    note = f"kept at {SAMPLES / written / 1e6:.1f} million samples/s, {size:.1f} bytes each"
    yield Figure("a day of a channel of 1e8 samples, to the figure", day.wall, "s", "<=", 1.0, note)
    yield Figure("half an hour of it", zoomed.wall, "s", "<=", 1.0, "2e6 samples")
