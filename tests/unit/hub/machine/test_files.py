"""System files: made from the templates, accepted by the programs that read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hven.core.errors import ConfigurationError, InfrastructureError
from hven.core.settings import ServerSettings, Settings, load_settings
from hven.hub.machine.files import (
    SystemFile,
    fill,
    first_site,
    for_runners,
    is_right,
    places,
    sudoers_name,
    units,
    write,
)
from hven.hub.ports import ROOTS_PORTS

SITE = Path("/etc/hven/site.yaml")


@pytest.fixture
def values():
    settings = Settings(root="/data", state="/var/lib/hven", server=ServerSettings())
    return places(SITE, settings, settings.server)


@pytest.fixture
def made(repository, values, tmp_path):
    return {f.path.name: f for f in units(repository / "platform", values, tmp_path)}


def test_systemd_accepts_the_units(made, need):
    """`systemd-analyze` also looks whether the programs are there: stand-ins are, as long as it looks."""
    program = need("systemd-analyze", "systemd")
    for file in made.values():
        stand_in = "\n".join(
            f"ExecStart=/bin/true {line.partition(' ')[2]}" if line.startswith("ExecStart=") else line
            for line in file.content.splitlines()
        )
        file.path.write_text(stand_in)
    done = subprocess.run(
        [program, "verify", "--man=no", *(f.path for f in made.values())], capture_output=True, text=True, check=False
    )

    ours = [line for line in done.stderr.splitlines() if "hven" in line and "Unit configuration has fatal" not in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


def test_each_service_has_its_account(made):
    users = {
        name: [line for line in file.content.splitlines() if line.startswith("User=")] for name, file in made.items()
    }

    assert users["hven-archive.service"] == ["User=hven-archive"]
    assert users["hven-batch.service"] == ["User=hven-batch"]
    assert users["hven-hub.service"] == users["hven-sealer.service"] == []  # root


def test_all_units_find_the_site_and_nothing_is_open(made):
    for name, file in made.items():
        if name.endswith(".service"):
            assert f"HVEN_SITE={SITE}" in file.content
            assert "UMask=00" in file.content
        assert "@" not in file.content


def test_jobs_wait_for_what_the_hub_makes(made):
    assert "After=network.target hven-hub.service" in made["hven-batch.service"].content.splitlines()


def test_what_needs_no_privileges_gains_none(made):
    for name in ("hven-archive.service", "hven-sealer.service"):
        assert "NoNewPrivileges=yes" in made[name].content
    assert "NoNewPrivileges" not in made["hven-batch.service"].content  # its runners change account through sudo


def test_unknown_place_is_refused():
    with pytest.raises(ConfigurationError, match="@nowhere@"):
        fill("x @nowhere@", {})


@pytest.mark.parametrize("prefix", ["/opt/hven", "/tmp/a.b~c/hven"])
def test_name_of_sudoers_file_is_one_that_sudo_reads(prefix):
    assert not set(".~/") & set(sudoers_name(Path(prefix)))


def test_sudoers_line_lets_the_batch_service_start_runners_only(repository, values, tmp_path):
    script, line = for_runners(repository / "platform", {**values, "prefix": str(tmp_path)}, tmp_path / "sudoers.d")

    assert (script.mode, line.mode) == (0o755, 0o440)
    rules = [text for text in line.content.splitlines() if text and not text.startswith(("#", "Defaults"))]
    assert rules == [f'hven-batch ALL=(%hven-users) NOPASSWD: {tmp_path}/libexec/hven-runner ""']


def test_a_file_is_written_once_and_put_right(accounts, tmp_path):
    file = SystemFile(tmp_path / "unit", "content\n", 0o640)

    assert (write(file), write(file)) == (True, False)
    file.path.chmod(0o666)
    assert not is_right(file)
    assert write(file)
    assert file.path.stat().st_mode & 0o777 == 0o640


def test_a_sudoers_file_that_is_wrong_is_never_installed(accounts, need, tmp_path):
    need("visudo", "sudo")
    file = SystemFile(tmp_path / "sudoers.d" / "opt-hven", "this is no rule\n", 0o440)

    with pytest.raises(InfrastructureError, match="visudo"):
        write(file)
    assert list(file.path.parent.iterdir()) == []


def test_first_site_file_is_one_for_many_users(accounts, tmp_path):
    file = first_site(tmp_path / "site.yaml", Path("/opt/other"))
    write(file)
    settings = load_settings(file.path, environ={})

    assert settings.server.prefix == Path("/opt/other")
    assert settings.hub.port in ROOTS_PORTS
    assert file.path.stat().st_mode & 0o777 == 0o644
