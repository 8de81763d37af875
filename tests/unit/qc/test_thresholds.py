"""Threshold files and the status that follows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hven.core.clock import parse_utc
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.instruments import panoseti
from hven.qc import METRICS
from hven.qc.thresholds import evaluate, find_threshold, load_thresholds
from hven.qc.verification import VERIFICATION

OWN = """
thresholds:
  - metric: noise
    dataset_types: [panoseti.img16, panoseti.img8]
    upper: 10
    upper_err: 20
    begin: 2025-01-01T00:00:00Z
    end: 2026-01-01T00:00:00Z
    advice: Look at the gain.
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="thresholds.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def table(*rows, begin="2025-10-22T07:00:00"):
    frame = pd.DataFrame(rows, columns=["metric", "value"])
    return frame.assign(unit="1", grain="observation", begin=np.datetime64(begin), end=np.datetime64(begin))


def test_the_instruments_file_has_limits_and_advice_for_metrics_that_exist():
    thresholds = load_thresholds(Path(panoseti.__file__).parent / "thresholds.yaml")
    assert {t.metric for t in thresholds} <= {m.name for m in METRICS} | set(VERIFICATION)
    assert all(t.advice.endswith(".") for t in thresholds)
    types = {t.name for t in panoseti.INSTRUMENT.dataset_types}
    assert {t.dataset_type for t in thresholds} - {""} <= types


def test_limits_hold_for_their_types_and_times_only(file):
    thresholds = load_thresholds(file(OWN))
    inside, before = parse_utc("2025-06-01T00:00:00Z"), parse_utc("2024-12-31T23:59:59Z")
    assert find_threshold(thresholds, "noise", "panoseti.img8", inside).upper == 10
    assert find_threshold(thresholds, "noise", "panoseti.img8", before) is None
    assert find_threshold(thresholds, "noise", "panoseti.img8", parse_utc("2026-01-01T00:00:00Z")) is None
    assert find_threshold(thresholds, "noise", "panoseti.ph256", inside) is None


def test_a_sites_file_wins(file):
    site = file("thresholds: [{metric: noise, upper: 30, advice: Ask the site.}]", "site.yaml")
    thresholds = load_thresholds(file(OWN), site)
    assert find_threshold(thresholds, "noise", "panoseti.img16", parse_utc("2025-06-01")).upper == 30


def test_status_and_advice_follow_from_the_value(file):
    judged = evaluate(
        table(("noise", 5.0), ("noise", 15.0), ("noise", 25.0), ("noise", np.nan)),
        load_thresholds(file(OWN)),
        "panoseti.img16",
    )
    assert judged["status"].tolist() == ["ok", "warning", "error", "missing"]
    assert judged["advice"].tolist() == ["", *["Look at the gain."] * 3]


def test_without_limits_a_value_is_ok_and_no_value_is_left_out(file):
    judged = evaluate(table(("frames", 5.0), ("live_fraction", np.nan)), load_thresholds(file(OWN)), "panoseti.img16")
    assert judged[["metric", "status"]].to_numpy().tolist() == [["frames", "ok"]]


def test_data_may_be_too_short_for_a_metric_where_its_limits_say_so(file):
    limits = load_thresholds(file("thresholds: [{metric: noise, upper: 3, may_be_missing: true, advice: Look.}]"))
    judged = evaluate(table(("noise", np.nan), ("noise", 5.0)), limits, "panoseti.img16")
    assert judged["status"].tolist() == ["warning"]


def test_nothing_measured_gives_an_empty_table(file):
    assert list(evaluate(table(), load_thresholds(file(OWN)), "panoseti.img16").columns)[-6] == "status"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("thresholds: [{metric: noise, uper: 3, advice: x}]", "threshold 0: uper"),
        ("thresholds: [{metric: noise, upper: 3}]", "threshold 0: advice"),
        ("limits: []", "no list named thresholds"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_entry(file, text, message):
    with pytest.raises(ConfigurationError, match=message):
        load_thresholds(file(text))


def test_an_unknown_metric_is_an_error(file):
    with pytest.raises(UnknownNameError, match="noize"):
        load_thresholds(file("thresholds: [{metric: noize, advice: x}]"))
