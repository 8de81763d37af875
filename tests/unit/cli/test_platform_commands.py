"""`hven up`, `down`, `status` and `doctor`, as far as they need no platform."""

from __future__ import annotations

import json
import os

import psutil
import pytest
from typer.testing import CliRunner

from hven.batch.launcher import write_site
from hven.cli.main import app
from hven.core.errors import ConflictError
from hven.core.settings import Settings, load_settings
from hven.hub.layout import Layout
from hven.hub.password import ensure_password
from hven.hub.ports import claim_ports, free_port
from hven.hub.run_record import RunRecord, ServiceRecord, read_run


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site that only `--site` names."""
    monkeypatch.setenv("HVEN_SITE", str(tmp_path / "another.yaml"))
    (tmp_path / "data").mkdir()
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state")
    Layout.of(settings).create()
    return write_site(settings)


@pytest.fixture
def running(site):
    """The record of a platform that runs: this process."""
    layout = Layout.of(load_settings(site))
    ports = claim_ports(layout.ports, free_port())
    created = psutil.Process().create_time()
    record = RunRecord(mark="m", pid=os.getpid(), created=created, address=ports.address, user="ada", phase="ready")
    record.write(layout)
    ensure_password(layout)
    return ports


def hven(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def test_the_site_that_is_named_is_the_one_whose_platform_is_looked_at(site):
    assert "The platform is down" in hven("status", "--site", site).stdout
    assert "Nothing was running" in hven("down", "--site", site).stdout
    assert "data root" in hven("doctor", "--site", site).stdout


def test_status_says_which_version_each_service_was_started_with(site, running):
    layout = Layout.of(load_settings(site))
    record = read_run(layout)
    record.services = [ServiceRecord(name="hub", version="0.9"), ServiceRecord(name="batch", version="0.8")]
    record.write(layout)

    rows = json.loads(hven("status", "--site", site, "--json").stdout)["services"]
    shown = {row["name"]: row["version"] for row in rows}

    assert shown == {"hub": "0.9", "batch": "0.8", "api": "0.9", "dashboards": "0.9", "idle-culler": "0.9"}


def test_a_record_of_a_platform_that_kept_no_versions_is_read(site, running):
    layout = Layout.of(load_settings(site))
    layout.run.write_text(layout.run.read_text().replace('"services": []', '"services": [{"name": "batch"}]'))

    assert [service.version for service in read_run(layout).services] == [""]


def test_what_is_started_finds_the_site_that_was_named(site, running, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    came = hven("up", "--site", site.relative_to(tmp_path))

    assert came.exit_code == 0, came.output
    assert f"The platform is running already.\n\nPalomar is up at {running.address}" in came.stdout
    assert os.environ["HVEN_SITE"] == str(site)


def test_another_port_than_that_of_the_running_platform_is_refused(site, running):
    assert hven("up", "--site", site, "--port", running.public).exit_code == 0

    refused = hven("up", "--site", site, "--port", running.public + 1).exception

    assert isinstance(refused, ConflictError)
    assert str(refused) == f"the platform runs already, on port {running.public}\n  `hven down` ends it first."
