from __future__ import annotations

import threading

import pytest

from hven.core.errors import CancelledError, HvenError
from hven.core.settings import Settings
from hven.hub.first_night import Step, run, steps
from hven.hub.layout import Layout
from hven.telemetry.drop import drop_folder


@pytest.fixture
def settings(tmp_path):
    made = Settings(root=tmp_path / "data", state=tmp_path / "state")
    Layout.of(made).create()
    return made


def commands(settings, raw=None):
    return [step.arguments[0] for step in steps(settings, raw)]


def test_new_observatory_gets_a_simulated_night(settings):
    assert commands(settings) == ["simulate", "telemetry", "ingest", "process"]


def test_new_observatory_gets_weather_and_dome_where_the_batch_service_takes_them(settings):
    (simulated,) = (step for step in steps(settings, None) if step.arguments[0] == "telemetry")

    assert run(simulated, settings, threading.Event()) == ""
    dropped = [file for file in drop_folder(settings).glob("*/*") if file.is_file()]
    assert sorted(file.parent.name for file in dropped) == ["dome", "weather"]


def test_observatory_with_data_is_left_alone(settings):
    (settings.root / "L0/panoseti").mkdir(parents=True)

    assert commands(settings) == []


def test_folder_with_raw_runs_is_taken_in_even_then(settings, tmp_path):
    (settings.root / "L0/panoseti").mkdir(parents=True)

    assert commands(settings, tmp_path) == ["ingest", "process"]
    assert str(tmp_path) in next(steps(settings, tmp_path)).arguments


def test_failure_names_the_step_and_quotes_its_words(settings):
    with pytest.raises(HvenError, match=r"(?s)Looking failed with code 2.*No such command"):
        run(Step("Looking", ("no-such-verb",)), settings, threading.Event())


def test_request_to_stop_ends_the_wait(settings):
    stop = threading.Event()
    stop.set()

    with pytest.raises(CancelledError):
        run(Step("Helping", ("--help",)), settings, stop)
