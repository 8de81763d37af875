"""The password in a database's URL is told to the database and to nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback

import pytest
import yaml

from hven.core.errors import ConfigurationError, ServiceUnavailableError
from hven.core.logging import configure, get_logger
from hven.core.settings import Settings
from hven.registry.database import Database

SECRET = "plantedpass"
NOBODY = f"postgresql://ada:{SECRET}@127.0.0.1:1/x"


def test_a_server_that_is_not_there_is_named_without_its_password(capsys):
    configure(json=True)
    database = Database(NOBODY)

    with pytest.raises(ServiceUnavailableError, match=r"ada:\*\*\*@127\.0\.0\.1:1/x") as caught, database.read():
        pass

    try:
        raise caught.value
    except ServiceUnavailableError:
        get_logger("test").exception("it failed", url=NOBODY, database=database.name)
    told = capsys.readouterr().err + "".join(traceback.format_exception(caught.value))
    assert "ServiceUnavailableError" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql//ada:{SECRET}@host/x",
        f"postgresql://ada:{SECRET}@host:port/x",
        f"nosql://ada:{SECRET}@host/x",
        f"mysql://ada:{SECRET}@host/x",
        f"ada:{SECRET}@host",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url):
    with pytest.raises(ConfigurationError) as caught:
        Database(url)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_password_among_the_options_is_hidden_too():
    assert SECRET not in Database(f"postgresql://ada@h/x?password={SECRET}&sslpassword={SECRET}").name


def test_settings_show_no_url(tmp_path):
    settings = Settings(root=tmp_path, state=tmp_path, registry_url=NOBODY, platform_url=NOBODY)

    assert SECRET not in f"{settings!r} {settings}"


@pytest.mark.parametrize("command", [["find", "panoseti.ph1024"], ["jobs", "list"], ["ingest", "."]])
def test_commands_fail_without_telling_it(tmp_path, command):
    (tmp_path / "data").mkdir()
    site = tmp_path / "site.yaml"
    folders = {"root": str(tmp_path / "data"), "state": str(tmp_path / "state")}
    site.write_text(yaml.safe_dump({**folders, "registry_url": NOBODY, "platform_url": NOBODY}))
    site.chmod(0o600)

    done = subprocess.run(
        [sys.executable, "-c", "from hven.cli.main import main; main()", *command],
        env={**os.environ, "HVEN_SITE": str(site)}, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip

    assert done.returncode == ServiceUnavailableError.exit_code
    assert "ada:***@" in done.stderr
    assert SECRET not in done.stdout + done.stderr
