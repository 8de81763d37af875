from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hven.core.errors import CancelledError, ConfigurationError, HvenError
from hven.core.settings import Settings
from hven.hub import first_night
from hven.hub.first_night import Step, plan, run
from hven.hub.layout import Layout
from hven.hub.ports import free_port
from hven.telemetry.drop import drop_folder

RUN = "obs_Lick.start_2024-07-25T04:34:06Z.runtype_sci-data.pffd"
OBSERVATION = "Lick.20240725T043406Z"


@pytest.fixture
def settings(tmp_path):
    made = Settings(root=tmp_path / "data", state=tmp_path / "state")
    Layout.of(made).create()
    return made


@pytest.fixture
def raw(tmp_path):
    """A folder with a run, by its name."""
    run_folder = tmp_path / "raw" / RUN
    run_folder.mkdir(parents=True)
    (run_folder / "obs_config.json").write_text("{}")
    return tmp_path / "raw"


def commands(settings, raw=None):
    night = plan(settings, raw)
    return [step.arguments[0] for step in night.steps] if night else []


class Interruption:
    """Does what the commands do as far as it matters here, and is stopped in the midst of one of them."""

    def __init__(self, settings, at=""):
        self.settings, self.at, self.said = settings, at, []

    def bring_in(self, raw=None):
        plan(self.settings, raw).bring_in(self.said.append, threading.Event())

    def run(self, step, _settings, _stop):
        command = step.arguments[0]
        if step.part is not None:
            shutil.rmtree(step.part, ignore_errors=True)
            step.part.mkdir()
        if command == "simulate":
            (step.part / RUN).mkdir()
            (step.part / RUN / "obs_config.json").write_text("{}")
        if command == "ingest":
            (self.settings.root / "L0/panoseti/20240724" / OBSERVATION).mkdir(parents=True, exist_ok=True)
        if command == self.at:
            raise CancelledError("stopped on request")
        step.finish()
        return ""


@pytest.fixture
def interrupted(settings, monkeypatch):
    """Bring data in and be stopped in the midst of a step; the next one is not."""

    def bring_in(at, raw=None):
        stopped, whole = Interruption(settings, at), Interruption(settings)
        monkeypatch.setattr(first_night, "run", stopped.run)
        with pytest.raises(CancelledError):
            stopped.bring_in(raw)
        monkeypatch.setattr(first_night, "run", whole.run)
        return whole

    return bring_in


def test_new_observatory_gets_a_simulated_night(settings):
    assert commands(settings) == ["simulate", "telemetry", "ingest", "process"]


def test_new_observatory_gets_weather_and_dome_where_the_batch_service_takes_them(settings):
    (simulated,) = (step for step in plan(settings, None).steps if step.arguments[0] == "telemetry")

    assert run(simulated, settings, threading.Event()) == ""
    dropped = [file for file in drop_folder(settings).glob("*/*") if file.is_file()]
    assert sorted(file.parent.name for file in dropped) == ["dome", "weather"]

    assert run(simulated, settings, threading.Event()) == ""
    assert sorted(drop_folder(settings).glob("*/*")) == sorted(dropped)


def test_what_lies_in_the_drop_folder_stays(settings):
    (simulated,) = (step for step in plan(settings, None).steps if step.arguments[0] == "telemetry")
    own = drop_folder(settings) / "weather" / "20251021.csv"
    own.parent.mkdir(parents=True)
    own.write_text("mine")

    assert run(simulated, settings, threading.Event()) == ""
    assert own.read_text() == "mine"


@pytest.mark.parametrize("level", ["L0", "L1", "L2"])
def test_observatory_with_data_is_left_alone(settings, level):
    (settings.root / level / "panoseti").mkdir(parents=True)

    assert commands(settings) == []


def test_folder_with_raw_runs_is_taken_in_even_then(settings, raw):
    (settings.root / "L0/panoseti").mkdir(parents=True)

    assert commands(settings, raw) == ["ingest", "process"]
    assert str(raw) in plan(settings, raw).steps[0].arguments


def test_folder_without_runs_is_refused(settings, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(
        ConfigurationError, match=r"nothing of a known instrument \(panoseti.*\) was found below .*empty"
    ):
        plan(settings, tmp_path / "empty")


@pytest.mark.parametrize(
    ("at", "left"),
    [
        ("simulate", ["simulate", "telemetry", "ingest", "process"]),
        ("telemetry", ["telemetry", "ingest", "process"]),
        ("ingest", ["telemetry", "ingest", "process"]),
        ("process", ["telemetry", "ingest", "process"]),
    ],
)
def test_interrupted_night_is_gone_on_with_and_says_so(settings, interrupted, at, left):
    next_start = interrupted(at)
    assert (settings.state / "simulated").exists() == (at != "simulate")
    assert commands(settings) == left

    next_start.bring_in()

    assert next_start.said[0] == f"Going on with what was interrupted: {settings.state / 'simulated'}"
    assert (settings.state / "simulated" / RUN).is_dir()
    assert commands(settings) == []


def test_simulation_that_was_cut_short_without_a_record_is_made_anew(settings, interrupted):
    old = settings.state / "simulated" / "truth"
    old.mkdir(parents=True)

    assert commands(settings) == ["simulate", "telemetry", "ingest", "process"]
    interrupted("simulate").bring_in()

    assert not old.exists()
    assert (settings.state / "simulated" / RUN).is_dir()


def test_interrupted_raw_folder_is_gone_on_with(settings, raw, interrupted, monkeypatch):
    monkeypatch.chdir(raw.parent)
    next_start = interrupted("process", Path("raw"))
    monkeypatch.chdir("/")

    assert commands(settings) == ["ingest", "process"]
    next_start.bring_in()

    assert next_start.said[0] == f"Going on with what was interrupted: {raw}"
    assert commands(settings) == []


def test_interrupted_raw_folder_is_taken_in_before_another_one(settings, raw, interrupted):
    second = Path(shutil.copytree(raw, raw.with_name("second")))
    interrupted("ingest", raw)

    night = plan(settings, second)

    assert [step.arguments[1] for step in night.steps[:-1]] == [str(raw), str(second)]
    assert [step.arguments[1] for step in plan(settings, raw).steps[:-1]] == [str(raw)]


def test_interrupted_raw_folder_that_is_gone_is_named_and_the_rest_processed(settings, raw, interrupted):
    next_start = interrupted("ingest", raw)
    raw.rename(raw.with_name("elsewhere"))

    assert commands(settings) == ["process"]
    next_start.bring_in()

    assert f"not there any more: {raw}" in next_start.said[0]
    assert commands(settings) == []


@pytest.mark.parametrize("at", ["simulate", "ingest"])
def test_own_data_that_came_meanwhile_end_a_simulated_night(settings, interrupted, at):
    next_start = interrupted(at)
    (settings.root / "L0/panoseti/20251103/Lick.20251104T050000Z").mkdir(parents=True)

    assert commands(settings) == []
    next_start.bring_in()

    assert next_start.said == ["There are data by now: the simulated night that was begun is given up"]
    assert plan(settings, None) is None


def test_own_folder_ends_a_simulated_night(settings, raw, interrupted):
    interrupted("simulate").bring_in(raw)

    assert commands(settings) == []
    assert not (settings.state / "simulated").exists()


def test_a_step_that_fails_is_tried_again(settings, monkeypatch):
    def fail(*_):
        raise HvenError("no room")

    monkeypatch.setattr(first_night, "run", fail)
    with pytest.raises(HvenError, match="no room"):
        plan(settings, None).bring_in(lambda _: None, threading.Event())

    assert plan(settings, None).remark.startswith("Going on")


def test_stopped_simulation_leaves_its_part_beside(settings):
    stop = threading.Event()
    timer = threading.Timer(1.5, stop.set)
    timer.start()

    with pytest.raises(CancelledError):
        plan(settings, None).bring_in(lambda _: None, stop)

    assert not (settings.state / "simulated").exists()
    assert commands(settings)[0] == "simulate"


def test_ctrl_c_in_the_simulation_leaves_a_start_that_goes_on(settings, repository, tmp_path):
    site = tmp_path / "site.yaml"
    port = {"port": free_port()}
    site.write_text(json.dumps({"root": str(settings.root), "state": str(settings.state), "hub": port}))
    script = [sys.executable, repository / "tests" / "support" / "up_interrupted.py", site]

    said = [
        subprocess.run([*script, words, "2"], capture_output=True, text=True, check=True).stdout
        for words in ("Simulating a small night", "Taking in")
    ]

    assert "Taking in" not in said[0]
    assert "Going on with what was interrupted" in said[1]
    assert "Taking in" in said[1]


def test_failure_names_the_step_and_quotes_its_words(settings):
    with pytest.raises(HvenError, match=r"(?s)Looking failed with code 2.*No such command"):
        run(Step("Looking", ("no-such-verb",)), settings, threading.Event())


def test_what_an_interrupted_step_left_is_removed_first(settings, tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    finished = []

    run(Step("Helping", ("--help",), part, lambda: finished.append(part.exists())), settings, threading.Event())

    assert finished == [False]


def test_a_step_that_fails_is_not_finished(settings, tmp_path):
    with pytest.raises(HvenError):
        run(Step("Looking", ("no-such-verb",), finish=(tmp_path / "kept").touch), settings, threading.Event())

    assert not (tmp_path / "kept").exists()


def test_request_to_stop_ends_the_wait(settings):
    stop = threading.Event()
    stop.set()

    with pytest.raises(CancelledError):
        run(Step("Helping", ("--help",)), settings, stop)
