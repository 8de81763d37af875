"""`hven campaign`, `hven schedule` and `hven command`."""

from __future__ import annotations

import json

import pytest
import yaml
from typer.testing import CliRunner

from hven.batch.launcher import write_site
from hven.cli.main import app
from hven.core.errors import ConfigurationError
from hven.core.settings import Settings
from hven.observatory import connect

CAMPAIGN = {
    "name": "dr1",
    "instrument": "panoseti",
    "steps": [{"name": "calibrate", "pipeline": "panoseti/calibrate", "group_by": ["detector"], "breakpoint": True}],
}


@pytest.fixture
def hven(tmp_path):
    (tmp_path / "data").mkdir()
    site = write_site(Settings(root=tmp_path / "data", state=tmp_path / "state"))

    def run(*words):
        done = CliRunner().invoke(app, [*map(str, words), "--site", str(site)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_a_campaign_is_loaded_looked_at_paused_and_told_of(hven, tmp_path):
    file = tmp_path / "dr1.yaml"
    file.write_text(yaml.safe_dump(CAMPAIGN))

    assert "campaign dr1: waiting, step calibrate waiting" in hven("campaign", "load", file)
    assert "campaign dr1: ready, step calibrate ready" in hven("campaign", "start", "dr1")
    assert json.loads(hven("campaign", "pause", "dr1", "--json"))["state"] == "paused"
    assert "campaign dr1: ready" in hven("campaign", "resume", "dr1")
    assert "calibrate: ready" in hven("campaign", "status", "dr1")
    assert "dr1" in hven("campaign", "status")
    assert "calibrate (panoseti/calibrate): ready" in hven("campaign", "report", "dr1")


def test_a_file_with_an_unknown_key_is_refused(hven, tmp_path):
    file = tmp_path / "dr1.yaml"
    file.write_text(yaml.safe_dump({**CAMPAIGN, "colour": "red"}))

    with pytest.raises(ConfigurationError, match=r"dr1\.yaml: colour"):
        hven("campaign", "load", file)


def test_a_family_of_alarms_is_silenced_before_there_are_any(hven, tmp_path):
    said = hven("alarms", "silence", "--rules", "quality/*", "tests of the cameras", "--hours", 4)

    assert said.startswith("nobody is told of quality/* (all) until ")
    assert said.strip().endswith("open now: 0")
    with connect(Settings(root=tmp_path / "data", state=tmp_path / "state")) as obs:
        assert [(s.rule, s.key, s.why) for s in obs.alarms.silences()] == [("quality/*", "", "tests of the cameras")]


def test_a_schedule_is_enabled_fired_by_hand_and_looked_at(hven):
    assert "nightly-panoseti" in hven("schedule", "list")
    assert "enabled by" in hven("schedule", "enable", "nightly-panoseti")
    assert "2025-10-22T22:00:00Z  due" in hven("schedule", "run", "nightly-panoseti", "--at", "2025-10-22T22:00:00")
    assert ": off" in hven("schedule", "disable", "nightly-panoseti")
    shown = json.loads(hven("schedule", "show", "nightly-panoseti", "--json"))
    assert [fire["state"] for fire in shown["fires"]] == ["due"]


def test_a_command_is_sent_looked_at_and_aborted(hven):
    what = ("command", "send", "cal1", "panoseti/calibrate", "--day-obs", 20251021)
    assert "cal1: ack" in hven(*what)
    assert "cal1: ack" in hven(*what)
    assert [one["request"]["values"] for one in json.loads(hven("command", "list", "--json"))] == [
        {"day_obs": [20251021]}
    ]
    assert "cal1" in hven("command", "list")
    with pytest.raises(ConfigurationError, match="a pipeline certifies nothing"):
        hven(*what, "--begin", "2025-10-22")
    with pytest.raises(ConfigurationError, match="this is no command"):
        hven("command", "send", "cal2", "panoseti/flat", "--calibration", "--begin", "noon")
    assert "cal1: ack, stopping" in hven("command", "abort", "cal1")
    assert json.loads(hven("command", "show", "cal1", "--json"))["aborting"]
