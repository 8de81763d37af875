"""What telemetry says of exposures, against an independent evaluation with pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hven.core.clock import NS
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.telemetry import Column, ExposureTable, Field, Function, Kind, Topic
from hven.telemetry.exposures import check, tabulate
from hven.telemetry.store import TelemetryStore
from hven.telemetry.transform import Windows, reduce

BEGIN = 1_761_100_000 * NS
FIELDS = (
    *(Field(name=f"c{n}", units="degC", doc=f"Channel {n}.") for n in range(3)),
    Field(name="mode", dtype="str", doc="Mode."),
)
TOPIC = Topic(name="mount", kind=Kind.TELEMETRY, doc="Mount.", cadence_s=1, fields=FIELDS)
STATISTICS = ("mean", "min", "max", "std", "first", "last")


def column(function, *, field="c0", **more):
    more |= {"staleness_s": 5.0} if function == "middle" and "staleness_s" not in more else {}
    return Column(name=f"{field}_{function}", topic="mount", field=field, function=function, **more)


@pytest.fixture(scope="module")
def samples():
    """An hour at 1 Hz with jitter, not-a-number and a gap of 40 s."""
    rng = np.random.default_rng(5)
    seconds = np.arange(3600) + rng.uniform(-0.4, 0.4, 3600)
    time = BEGIN + (seconds * NS).astype(np.int64)
    values = {f"c{n}": rng.normal(10.0 + n, 3.0, 3600) for n in range(3)}
    values["c1"][rng.random(3600) < 0.2] = np.nan
    values["c2"][:1800] = np.nan
    table = pd.DataFrame({"time": time, **values, "mode": rng.choice(["slew", "track"], 3600)})
    return table[(seconds < 1000) | (seconds >= 1040)].reset_index(drop=True)


@pytest.fixture(scope="module")
def exposures(samples):
    """Exposures that begin and end exactly at samples, and between them; some overlap, some are empty."""
    rng = np.random.default_rng(6)
    begins = np.concatenate([samples["time"].to_numpy()[::37], BEGIN + rng.integers(-100, 3700, 60) * NS])
    lengths = np.concatenate([np.roll(samples["time"].to_numpy(), -11)[::37] - samples["time"].to_numpy()[::37],
                              rng.integers(0, 90, 60) * NS])  # fmt: skip
    ends = np.maximum(begins + lengths, begins)
    count = len(begins)
    return pd.DataFrame({"exposure": np.arange(count), "observation": "night", "begin": begins, "end": ends})


@pytest.fixture(scope="module")
def store(samples, tmp_path_factory):
    made = TelemetryStore(tmp_path_factory.mktemp("root"))
    made.append(TOPIC, samples)
    return made


@pytest.fixture(scope="module")
def found(store, exposures):
    columns = [column(f, field=c) for c in ("c0", "c1", "c2") for f in Function]
    columns += [column(f, field="mode") for f in ("first", "last", "middle")]
    return tabulate(store, {"mount": TOPIC}, ExposureTable(columns=tuple(columns)), exposures).to_pandas()


def windows(samples, exposures, name):
    for row in exposures.itertuples():
        yield samples.loc[(samples["time"] >= row.begin) & (samples["time"] < row.end), ["time", name]]


@pytest.mark.parametrize("name", ["c0", "c1", "c2"])
def test_statistics_are_those_of_pandas(found, samples, exposures, name):
    cut = list(windows(samples, exposures, name))
    for function in STATISTICS:
        of_pandas = [getattr(c[name].dropna(), function, None) for c in cut]
        picked = {
            "first": lambda c: c.iloc[0] if len(c) else np.nan,
            "last": lambda c: c.iloc[-1] if len(c) else np.nan,
        }
        expected = [
            picked[function](c[name].dropna()) if function in picked else f()
            for c, f in zip(cut, of_pandas, strict=True)
        ]
        np.testing.assert_allclose(found[f"{name}_{function}"], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found[f"{name}_mean_samples"], [c[name].count() for c in cut])
    np.testing.assert_array_equal(found[f"{name}_mean_nan"], [c[name].isna().sum() for c in cut])
    assert found[f"{name}_mean"].isna().sum() == (found[f"{name}_mean_samples"] == 0).sum() > 0


def test_slopes_are_those_of_a_fitted_line(found, samples, exposures):
    for value, cut in zip(found["c1_slope"], windows(samples, exposures, "c1"), strict=True):
        good = cut.dropna()
        if len(good) < 2:
            assert np.isnan(value)
            continue
        seconds = (good["time"] - good["time"].iloc[0]) / NS
        assert value == pytest.approx(np.polyfit(seconds - seconds.mean(), good["c1"], 1)[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["c1", "mode"])
def test_values_at_the_middle_are_those_of_merge_asof_with_a_tolerance(found, samples, exposures, name):
    middles = pd.DataFrame({"at": exposures["begin"] + (exposures["end"] - exposures["begin"]) // 2}).reset_index()
    good = samples[["time", name]].dropna()
    expected = pd.merge_asof(
        middles.sort_values("at"), good, left_on="at", right_on="time", tolerance=5 * NS
    ).sort_values("index")  # fmt: skip

    age = (expected["at"] - expected["time"]) / NS
    np.testing.assert_array_equal(found[f"{name}_middle_samples"], expected["time"].notna().astype(int))
    np.testing.assert_allclose(found[f"{name}_middle_age"], age, atol=1e-6)  # pandas keeps times with gaps as floats
    assert [v if isinstance(v, str) else np.nan_to_num(v) for v in found[f"{name}_middle"]] == [
        v if isinstance(v, str) else "" if name == "mode" else np.nan_to_num(v) for v in expected[name]
    ]


def test_gaps_are_counted_also_at_the_ends(found, samples, exposures):
    expected = []
    for row, cut in zip(exposures.itertuples(), windows(samples, exposures, "c0"), strict=True):
        marks = np.concatenate([[row.begin], cut["time"], [row.end]])
        expected.append(int((np.diff(marks) > 3 * NS).sum()))

    np.testing.assert_array_equal(found["c0_mean_gaps"], expected)
    assert max(expected) >= 1


def test_the_interval_is_half_open_to_the_nanosecond():
    times = BEGIN + np.array([0, 10, 20])
    begins, ends = BEGIN + np.array([0, 1, 10, 11, 10]), BEGIN + np.array([20, 10, 11, 20, 21])

    told = reduce(Function.FIRST, Windows(times, begins, ends), np.array([1.0, 2.0, 3.0]))

    np.testing.assert_array_equal(told.numbers, [1, np.nan, 2, np.nan, 2])
    np.testing.assert_array_equal(
        reduce(Function.LAST, Windows(times, begins, ends), np.array([1.0, 2.0, 3.0])).numbers,
        [2, np.nan, 2, np.nan, 3],
    )


def test_the_staleness_bound_is_exact():
    times, begins = np.array([BEGIN]), BEGIN + np.array([0, 5 * NS, 5 * NS + 1])

    told = reduce(Function.MIDDLE, Windows(times, begins, begins), np.array([7.0]), staleness_s=5.0)

    np.testing.assert_array_equal(told.samples, [1, 1, 0])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"topic": "mout"}, UnknownNameError),
        ({"field": "c9"}, UnknownNameError),
        ({"field": "mode", "function": "mean"}, ConfigurationError),
        ({"select": {"c0": "1"}}, ConfigurationError),
    ],
)
def test_tables_that_cannot_be_made_are_refused(wrong, error):
    values = {"name": "x", "topic": "mount", "field": "c0", "function": "mean", **wrong}

    with pytest.raises(error):
        check(ExposureTable(columns=(Column(**values),)), {"mount": TOPIC})
