"""Coincidences between telescopes."""

import numpy as np
import pytest
import xarray as xr

from hven.core.errors import ClockError
from hven.model.data_id import DataId
from hven.model.task import Inputs
from hven.tasks.showers.find_coincidences import TASK, CoincidenceConfig
from hven.testing.tasks import run_task

START = 1_761_117_600_000_000_000
HOUR = 3600 * 10**9


def events(times, status="wr-locked", quality=None):
    times = np.asarray(times, "int64")
    bits = np.zeros(len(times), "uint16") if quality is None else quality
    return xr.Dataset(
        {"quality": ("time", bits)}, {"time": (START + times).astype("datetime64[ns]")}, {"clock_status": status}
    )


def found(*tables, **config):
    ids = tuple(DataId(instrument="panoseti", detector=3 * n + 1) for n in range(len(tables)))
    return run_task(TASK, {"events": tables}, {"events": ids}, CoincidenceConfig(**config))["coincidences"]


def test_the_window_is_the_lights_travel_time_and_the_margin():
    assert CoincidenceConfig(baseline_m=600, margin_ns=500).window_ns == 2502


def test_events_within_the_window_are_grouped_to_the_nanosecond():
    window = CoincidenceConfig().window_ns
    table = found(events([0, 10**9]), events([window, 10**9 + window + 1]))
    assert table["detector"].values.tolist() == [1, 4]
    assert table["dt"].values.tolist() == [0, window]
    assert table["frame"].values.tolist() == [0, 0]
    assert table["multiplicity"].values.tolist() == [2, 2]


def test_three_telescopes_make_one_coincidence():
    table = found(events([0, 5 * 10**9]), events([900]), events([1800, 5 * 10**9 + 10]))
    assert table["group"].values.tolist() == [0, 0, 0, 1, 1]
    assert table["multiplicity"].values.tolist() == [3, 3, 3, 2, 2]


def test_events_of_one_telescope_are_no_coincidence():
    assert found(events([0, 10, 20]), events([10**9])).sizes["event"] == 0


def test_one_telescope_alone_is_no_work_whatever_its_clock():
    ids = (DataId(instrument="panoseti", detector=1),)
    lone = (events([0, 10], status="unsynchronised"),)

    assert not TASK.run(Inputs({"events": lone}, {"events": ids}), CoincidenceConfig())


def test_all_injected_coincidences_are_found_and_accidentals_as_predicted():
    draw = np.random.default_rng(1)
    common = np.sort(draw.integers(0, HOUR, 300))
    alone = [np.sort(draw.integers(0, HOUR, 40_000)) for _ in range(2)]
    first = np.sort(np.r_[common, alone[0]])
    second = np.sort(np.r_[common + draw.integers(-2000, 2000, 300), alone[1]])
    table = found(events(first), events(second), shifts=100)
    seen = set((table["time"].values.astype("int64") - START).tolist())
    assert all(int(t) in seen for t in common)
    predicted, shifted = table.attrs["accidentals_predicted"][0], table.attrs["accidentals_shifted"][0]
    assert predicted == pytest.approx(2 * 40_300**2 * 2502 / HOUR, rel=0.01)
    assert abs(shifted - predicted) < 4 * np.sqrt(predicted / 100)
    assert abs(table.attrs["pairs_found"][0] - 300 - predicted) < 4 * np.sqrt(predicted) + 1


@pytest.mark.parametrize(("pauses", "of_telescope"), [(1, "both"), (1, "one"), (20, "both")])
def test_accidentals_are_predicted_for_the_time_in_which_both_were_on(pauses, of_telescope):
    """Half of the time is a pause, in one piece in the middle or in many."""
    draw = np.random.default_rng(2)
    stretch = HOUR // (2 * pauses)

    def seen(number, *, paused):
        times = np.sort(draw.integers(0, HOUR, number))
        return times[(times + stretch // 2) // stretch % 2 == 0] if paused else times

    first, second = seen(80_000, paused=True), seen(80_000, paused=of_telescope == "both")
    facts = found(events(first), events(second), shifts=100, shift_s=0.1).attrs
    (predicted,), (shifted,) = facts["accidentals_predicted"], facts["accidentals_shifted"]
    live = HOUR / 2
    both = np.count_nonzero((second + stretch // 2) // stretch % 2 == 0)

    assert predicted == pytest.approx(2 * len(first) * both * 2502 / live, rel=0.02)
    assert abs(shifted - predicted) < 4 * np.sqrt(predicted / 100) + 0.02 * predicted
    assert abs(facts["pairs_found"][0] - predicted) < 4 * np.sqrt(predicted)


def test_repeated_and_badly_timed_events_are_left_out():
    assert found(events([0, 1], quality=np.array([16, 4], "uint16")), events([5])).sizes["event"] == 0


@pytest.mark.parametrize("status", ["unsynchronised", "", "drifting"])
def test_a_clock_that_is_not_locked_is_refused_by_name(status):
    with pytest.raises(ClockError, match=f"detector 4 is {status}"):
        found(events([0]), events([0], status=status))


def test_telescopes_locked_within_the_second_may_be_compared_only_with_each_other():
    assert found(events([0], "subsecond-locked"), events([5], "subsecond-locked")).sizes["event"] == 2
    with pytest.raises(ClockError, match="not locked alike"):
        found(events([0], "subsecond-locked"), events([5]))


def test_events_of_a_telescope_in_two_data_products_are_all_searched_and_told_apart():
    times = {"ph1024": [0, 10**9], "ph256": [2 * 10**9, 3 * 10**9]}
    both = [events(t).assign_attrs(data_product=p) for p, t in times.items()]
    other = events([5, 2 * 10**9 + 5]).assign_attrs(data_product="ph1024")
    ids = tuple(DataId(instrument="panoseti", detector=d) for d in (1, 4, 1))
    given = {"events": (both[0], other, both[1])}, {"events": ids}
    table = run_task(TASK, *given, CoincidenceConfig())["coincidences"]
    assert table["detector"].values.tolist() == [1, 4, 1, 4]
    assert table["product"].values.tolist() == ["ph1024", "ph1024", "ph256", "ph1024"]
    assert table["frame"].values.tolist() == [0, 0, 0, 1]
    assert table.attrs["pairs"] == ["1-4"]
    assert table.attrs["pairs_found"] == [2]


def test_a_telescope_is_not_in_coincidence_with_itself():
    ids = tuple(DataId(instrument="panoseti", detector=d) for d in (1, 1, 4))
    given = {"events": (events([0]), events([10]), events([10**9]))}, {"events": ids}
    assert run_task(TASK, *given, CoincidenceConfig())["coincidences"].sizes["event"] == 0


def test_order_of_times_does_not_matter():
    shuffled = events([10**9, 0]).isel(time=[0, 1])
    assert found(shuffled, events([3, 10**9 + 3]))["frame"].values.tolist() == [1, 0, 0, 1]
