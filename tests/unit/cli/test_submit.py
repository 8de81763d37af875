"""`hven submit`, `hven jobs` and `hven batch` as programs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from hven.batch.heartbeat import heartbeat_file
from hven.batch.store import JobStore
from hven.cli.main import main
from hven.core.errors import QuantumError
from hven.core.settings import EngineSettings, Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

PROGRAM = str(Path(sys.executable).with_name("hven"))


@pytest.fixture
def site(tmp_path, repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "tests" / "support")
    import tiny
    from tiny_plugin import installed

    (tmp_path / "data").mkdir()
    settings = Settings(
        root=tmp_path / "data",
        state=tmp_path / "state",
        instruments=("tiny",),
        engine=EngineSettings(kind="inprocess"),
    )
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    monkeypatch.setenv("HVEN_SITE", str(file))
    with installed(tmp_path / "plugin", monkeypatch), DirectRegistry(settings.registry_url, settings.root) as registry:
        tiny.publish_frames(settings.root, registry, 1, tiny.frames(200, 1))
        yield settings


@pytest.fixture
def hven(monkeypatch, capsys, site):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hven", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        return SimpleNamespace(code=exited.value.code, **capsys.readouterr()._asdict())

    return run


@pytest.fixture
def told(hven):
    def run(*arguments):
        done = hven(*arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return run


def test_a_job_is_submitted_held_let_go_run_and_shown(hven, told, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    job = told("submit", "tiny/all", "--detector", "1", "--config", "peaks:threshold=25")
    assert (job["state"], job["request"]["config"]) == ("READY", {"peaks": {"threshold": 25}})
    number = str(job["id"])
    assert told("jobs", "hold", number)["state"] == "HELD"
    assert told("jobs", "unhold", number)["state"] == "READY"

    service = subprocess.Popen([PROGRAM, "batch"], stderr=subprocess.DEVNULL)
    try:
        again = hven("submit", "tiny/all", "--detector", "1", "--config", "peaks:threshold=25", "--wait")
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) == 0

    assert (again.code, again.out) == (0, "job 2: SUCCEEDED, 4 of 4 quanta done, 4 of them before\n")
    shown = told("jobs", "show", number)
    assert (shown["state"], shown["counts"]["done"], len(shown["products"])) == ("SUCCEEDED", 4, 4)
    assert "job begins" in hven("jobs", "log", number).out
    assert [j["id"] for j in told("jobs", "list")] == [2, 1]
    listed = hven("jobs", "list").out
    assert "SUCCEEDED" in listed
    done, _ = told("jobs", "list")
    assert done["message"]
    assert done["message"] not in listed
    described = hven("jobs", "show", number).out
    assert "quanta: 4 of 4 done" in described
    assert f"`hven find --collection {shown['run']}` lists what it made" in described
    assert "tiny.peaks" in hven("find", "--collection", shown["run"]).out
    assert "lists what it made" not in hven("jobs", "show", "2").out


def test_errors_have_their_own_exit_codes_and_say_what_to_do(hven, told):
    job = str(told("submit", "tiny/all")["id"])
    assert told("jobs", "cancel", job)["state"] == "DELETED"

    answers = {
        ("submit", "tiny/al"): (2, "Did you mean 'tiny/all'?"),
        ("submit", "tiny/all", "--detector", "9"): (4, "no data fit tiny/all with detector=9\n"),
        ("submit", "tiny/all", "--config", "peaks"): (2, "STEP:OPTION=VALUE"),
        ("submit", "tiny/all", "--class", "soon"): (2, "data-release"),
        ("jobs", "show", "77"): (4, "there is no job 77"),
        ("jobs", "cancel", job): (5, "is DELETED"),
        ("jobs", "profile", job): (4, "`hven submit --sample`"),
    }
    for arguments, (code, text) in answers.items():
        done = hven(*arguments)
        assert (done.code, text in done.err) == (code, True), done


def test_of_a_job_that_no_service_would_start_that_is_said_and_no_time(hven, told, site):
    nobody = "the batch service is not running; `hven up` starts it"

    submitted = hven("submit", "tiny/all", "--detector", "1")

    assert nobody in submitted.out
    assert "starts about" not in submitted.out
    assert nobody in hven("jobs", "show", "1").out
    assert told("jobs", "show", "1")["expected_start_ns"] is None
    heartbeat_file(site).parent.mkdir(parents=True)
    heartbeat_file(site).touch()
    assert "next, starts about 20" in hven("jobs", "show", "1").out
    assert nobody not in hven("submit", "tiny/all", "--detector", "1").out


def test_who_waits_for_a_job_is_told_once_that_no_service_would_start_it(hven, site, monkeypatch):
    rounds = iter(range(3))

    def sleep(_seconds):
        if next(rounds, None) is None:
            JobStore(Database(site.platform_url)).cancel(1, who="ada")

    monkeypatch.setattr("time.sleep", sleep)

    done = hven("submit", "tiny/all", "--detector", "1", "--wait")

    assert done.code == QuantumError.exit_code
    assert done.err.count("job 1 waits: the batch service is not running; `hven up` starts it") == 1
