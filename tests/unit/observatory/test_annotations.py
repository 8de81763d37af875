"""What people mark bad is left out by default, with the reason, and comes back when it is retracted."""

from __future__ import annotations

import pytest
from small_products import NIGHT, publish

from hven.core.clock import NS
from hven.core.errors import ConfigurationError, DatasetNotFoundError
from hven.model.annotation import Annotation, Kind, bad, marked_times
from hven.model.collection import Validity
from hven.model.data_id import DataId
from hven.pipeline.calibrations import Calibrations

NAME = "panoseti.ph1024"


@pytest.fixture
def two(obs):
    """Two detectors of one observation."""
    made = [publish(obs.root, detector=d) for d in (1, 2)]
    obs.registry.register(made, inputs={})
    return made


def detectors(obs, **more):
    return [p.ref.data_id["detector"] for p in obs.query(NAME, level="L1", **more)]


def test_a_marked_detector_is_found_and_opened_only_when_asked_for(obs, two):
    mark = obs.annotate("broken lens", bad=True, detector=2)

    assert detectors(obs) == [1]
    assert detectors(obs, bad=True) == [1, 2]
    key = dict(two[1].ref.data_id.items())
    with pytest.raises(DatasetNotFoundError, match=r"is marked bad by \w+ at .*: broken lens"):
        obs.open(NAME, level="L1", **{k: v for k, v in key.items() if k != "instrument"})
    with pytest.raises(DatasetNotFoundError, match="broken lens"):
        obs.open(NAME, level="L1", detector=2)
    assert obs.open(NAME, level="L1", detector=2, bad=True).sizes["time"] == 3
    obs.retract(mark, "it was the other one")
    assert detectors(obs) == [1, 2]
    assert [a.kind for a in obs.annotations()] == [Kind.BAD, Kind.RETRACT]


@pytest.mark.parametrize(
    ("begin", "end", "rows"),
    [
        (NIGHT, NIGHT + 1, [1, 2]),
        (NIGHT - NS, NIGHT, [0, 1, 2]),
        (NIGHT + 2, None, [0, 1]),
        (NIGHT + 3, None, [0, 1, 2]),
        (None, NIGHT + 1, [1, 2]),
        (NIGHT + 1, NIGHT + 2, [0, 2]),
    ],
)
def test_a_marked_time_takes_out_the_rows_in_it(obs, two, begin, end, rows):
    """The products hold rows at NIGHT, NIGHT + 1 and NIGHT + 2 ns; intervals are half-open."""
    obs.annotate("headlights", bad=True, begin=begin, end=end, instrument="panoseti")

    def times(**more):
        return (obs.open(NAME, level="L1", detector=1, **more)["time"].values.astype(int) - NIGHT).tolist()

    assert detectors(obs) == [1, 2]
    assert times() == rows
    assert times(chunks=None) == rows
    assert times(bad=True) == [0, 1, 2]


@pytest.mark.parametrize(("begin", "end"), [(NIGHT, NIGHT + 3), (NIGHT - NS, None), (None, NIGHT + NS)])
def test_a_marked_time_that_is_all_of_a_dataset_takes_it_out(obs, two, begin, end):
    obs.annotate("headlights", bad=True, begin=begin, end=end, instrument="panoseti")

    assert detectors(obs) == []
    with pytest.raises(DatasetNotFoundError, match="headlights"):
        obs.open(NAME, level="L1", detector=1)


def test_marks_that_touch_leave_out_one_time(two):
    spans = [(NIGHT + 1, NIGHT + 2), (NIGHT + 2, None), (NIGHT - NS, NIGHT)]
    marks = [Annotation(f"{n}", Kind.BAD, DataId(), "lit", "ada", 1, *span) for n, span in enumerate(spans)]

    assert marked_times(marks, two[0]) == ((NIGHT + 1, NIGHT + 3),)


def test_a_comment_and_the_night_log_take_nothing_out(obs, two):
    obs.annotate("nice", detector=1)
    obs.annotate("dome open", kind="begin", day_obs=20251021)

    assert detectors(obs) == [1, 2]


def test_explain_says_who_marked_what_and_why(obs, two):
    obs.annotate("clouds", bad=True, observation="crab.20251022T040000Z")

    assert "marked bad by" in str(obs.explain(NAME, level="L1").broken.text)
    assert "clouds" in obs.explain("panoseti.showers").broken.text


def test_a_calibration_that_is_marked_is_none(obs, two):
    obs.registry.certify("panoseti/calib/x", Validity(two[0].id, NIGHT, NIGHT + NS))
    obs.annotate("light leak", bad=True, detector=1)
    found = Calibrations(obs.registry, "", marks=bad(obs.annotations())).find(two[0].ref, NIGHT)

    assert "light leak" in str(found)


def test_a_mark_says_why_and_does_not_mark_everything(obs):
    with pytest.raises(ConfigurationError, match="says why"):
        obs.annotate(" ", bad=True, detector=1)
    with pytest.raises(ConfigurationError, match="mark everything"):
        obs.annotate("all", bad=True)
