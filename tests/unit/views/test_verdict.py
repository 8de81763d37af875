"""The verdict: one word, the single worst cause, the next step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hven.views.verdict import excess, judge, limit_of, limits, sentence

NO_FAILURES = pd.DataFrame(columns=["task", "data_id", "error"])
ROW = {
    "observation": "crab", "detector": 254, "what": "img16", "metric": "partial_frames", "unit": "percent",
    "value": 0.6, "status": "warning", "grain": "observation",
    "lower": np.nan, "upper": 0.1, "lower_err": np.nan, "upper_err": 1.0,
    "advice": "Look at quabo 2.", "begin": pd.Timestamp("2025-10-22T07:00"), "end": pd.Timestamp("2025-10-22T08:00"),
}  # fmt: skip


def judged(*rows, observations=1, failures=NO_FAILURES):
    table = pd.DataFrame([{**ROW, **row} for row in rows])
    return judge("2025-10-21", table, observations=observations, failures=failures, measure="hven submit x")


def test_nothing_observed_is_no_data_and_says_what_to_do():
    found = judged(observations=0)
    assert (found.word, found.command) == ("NO DATA", "hven ingest PATH")
    assert "2025-10-21" in found.cause


def test_nothing_measured_is_no_data_not_pass():
    assert judged(observations=3).word == "NO DATA"
    assert judged({"status": "unlimited"}).word == "NO DATA"


def test_all_within_limits_is_pass():
    assert judged({"status": "ok", "value": 0.01}).word == "PASS"


def test_a_value_that_could_not_be_measured_is_told():
    found = judged({"status": "ok", "value": 0.01}, {"status": "missing", "value": np.nan})
    assert found.word == "PASS"
    assert "1 value could not be measured" in found.cause


def test_nothing_that_could_be_measured_is_no_data():
    assert judged({"status": "missing", "value": np.nan}).word == "NO DATA"


def test_warning_names_detector_metric_value_limit_and_advice():
    found = judged({})
    assert found.word == "WARN"
    assert found.cause == "Detector 254: partial frames 0.6 % (limit 0.1 %)."
    assert found.next_step == "Look at quabo 2."


def test_an_error_outranks_any_number_of_warnings():
    found = judged({}, {}, {"metric": "host_lag", "status": "error", "value": 1.2})
    assert found.word == "FAIL"
    assert "host lag" in found.cause


def test_the_farthest_beyond_its_limit_is_the_cause():
    found = judged({"value": 0.2}, {"metric": "dead_pixels", "value": 0.9})
    assert found.cause.startswith("Detector 254: dead pixels 0.9")
    assert "1 more metric beyond limits" in found.cause


def test_hours_of_one_metric_count_once():
    assert "more" not in judged({}, {"grain": "hour"}).cause


def test_a_failed_task_is_the_cause_whatever_the_metrics_say():
    failures = pd.DataFrame([{"task": "showers.clean", "data_id": "detector=1", "error": "DataError: broken\nmore"}])
    found = judged({"status": "ok", "value": 0.01}, failures=failures)
    assert found.word == "FAIL"
    assert found.cause == "showers clean failed on detector=1: DataError: broken"


def test_an_hour_is_named_in_utc():
    assert sentence({**ROW, "grain": "hour"}).endswith(", 07:00 to 08:00 UTC.")


@pytest.mark.parametrize(("value", "limit"), [(0.6, 0.1), (2.0, 1.0), (0.05, None)], ids=["warning", "error", "within"])
def test_the_limit_told_is_the_outermost_that_is_crossed(value, limit):
    assert limit_of({**ROW, "value": value}) == limit


def test_excess_is_relative_to_the_limit_and_finite_at_zero():
    assert excess({**ROW, "value": 0.3}) == pytest.approx(2.0)
    assert excess({**ROW, "value": 3.0, "upper": 0.0, "upper_err": None}) == 3.0


def test_limits_in_words_name_both_sides():
    row = {"unit": "ms", "lower": -10.0, "upper": 10.0, "lower_err": None, "upper_err": 400.0}
    assert limits(row) == "warn below -10 or above 10, fail above 400"
