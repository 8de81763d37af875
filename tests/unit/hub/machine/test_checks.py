"""`hven doctor --server`: each thing it looks at is broken on purpose, on a real installation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from installation import install, make_site, new_folder, open_folder, remove

from hven.core.errors import SettingsError
from hven.core.settings import Settings
from hven.hub.machine import checks
from hven.hub.machine.checks import closed_to_others, examine, open_to_others
from hven.hub.machine.files import SUDOERS, sudoers_name
from hven.store.acl import remove_acl


@pytest.fixture(scope="module")
def own_installation(accounts):
    """One that may be spoilt: nobody else uses it."""
    prefix = new_folder("spoilt") / "hven"
    yield install(prefix, accounts)
    remove(prefix)


@pytest.fixture
def server_site(accounts, own_installation):
    """A site on it."""
    with open_folder("site") as folder:
        yield make_site(folder, accounts, own_installation)


def problems(site, **changed):
    settings = site.settings.model_copy(update=changed)
    return {f.check: f for f in examine(settings, site.file) if f.level == "problem"}


@contextmanager
def mode(path: Path, bits: int):
    before = path.stat().st_mode & 0o7777
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


def test_nothing_is_wrong_with_what_the_installer_made(server_site):
    assert problems(server_site) == {}


def test_the_platform_begins_without_changing_what_the_installer_made(server_site):
    imports = "from hven.core.settings import load_settings; from hven.hub.mode import mode_of"
    code = f"{imports}; mode_of(load_settings()).begin()"
    environ = {"HVEN_SITE": str(server_site.file), "PATH": os.environ["PATH"]}
    subprocess.run([server_site.installation.python, "-c", code], env=environ, check=True)

    assert problems(server_site) == {}


def test_the_command_says_the_same(server_site):
    done = subprocess.run(
        [server_site.installation.hven, "doctor", "--server", "--json"],
        env={"HVEN_SITE": str(server_site.file), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(done.stdout)

    assert done.returncode == 0, done.stdout + done.stderr
    assert {f["check"] for f in findings} >= {
        "installation",
        "accounts",
        "site file",
        "state",
        "folders",
        "system files",
    }


@pytest.mark.parametrize("name", ["share/hven", "venv/bin", "venv", "python/lib", ""])
def test_a_part_of_the_installation_that_others_cannot_enter(server_site, name):
    if not (path := server_site.installation.prefix / name).exists():
        pytest.skip("this machine's Python is for everybody, so no copy was made")
    with mode(path, 0o700):
        found = problems(server_site)["installation"]

    assert str(path) in found.says or "does not run for others" in found.says
    assert found.hint


def test_an_installation_that_is_not_there(server_site, tmp_path):
    server = server_site.settings.server.model_copy(update={"prefix": tmp_path})

    assert "is missing" in problems(server_site, server=server)["installation"].says


def test_an_installation_that_others_can_change(server_site):
    with mode(server_site.installation.share, 0o777):
        assert "can be changed by others" in problems(server_site)["installation"].says


def test_accounts_and_groups_that_are_missing(server_site):
    server = server_site.settings.server
    for changed, command in (
        ({"archive_account": "hvt-none"}, "useradd --system --gid hvt-services --groups hvt-copiers"),
        ({"operators_group": "hvt-none"}, "groupadd --system hvt-none"),
        ({"archive_account": "hvt-batch"}, "usermod --append --groups hvt-copiers hvt-batch"),
    ):
        settings = server_site.settings.model_copy(update={"server": server.model_copy(update=changed)})
        found = [f for f in examine(settings, server_site.file) if command in f.says]

        assert [f.level for f in found] == ["problem"]
        assert "install.sh" in found[0].hint


def test_a_person_among_the_services(server_site):
    server = server_site.settings.server.model_copy(update={"services_group": "hvt-users"})
    found = list(examine(server_site.settings.model_copy(update={"server": server}), server_site.file))

    assert any("hvt-ada is in hvt-users and reads the state" in f.says for f in found)


def test_a_service_among_the_people(server_site):
    server = server_site.settings.server.model_copy(update={"users_group": "hvt-copiers"})

    assert "hvt-archive is in hvt-copiers, which is for people" in problems(server_site, server=server)["accounts"].says


def test_a_site_file_that_others_cannot_read(server_site):
    with mode(server_site.file, 0o600):
        found = problems(server_site)["site file"]

    assert found.hint == f"chmod o+r {server_site.file}"


def test_a_site_file_that_others_can_change(server_site):
    with mode(server_site.file, 0o666):
        assert "can be changed" in problems(server_site)["site file"].says


@pytest.mark.parametrize(
    "line",
    ["registry_url: postgresql://hven:geheim@db/hven", "password: geheim", "  client_secret: geheim", "api_token: x"],
)
def test_a_secret_in_the_site_file(server_site, line):
    with server_site.file.open("a") as file:
        file.write(f"\n{line}\n")
    found = problems(server_site)["site file"]

    assert "looks like a secret" in found.says
    assert "geheim" not in found.says


def test_what_only_looks_like_a_secret(server_site):
    with server_site.file.open("a") as file:
        file.write("\n# password: none here\nclient_secret_file: /etc/hven/secret\nurl: postgresql:///hven?host=/run\n")

    assert "site file" not in problems(server_site)


def test_state_on_a_network_filesystem(server_site, monkeypatch):
    monkeypatch.setattr(checks, "filesystem_of", lambda _folder: "beegfs")

    assert "network filesystem" in problems(server_site)["state"].says


def test_a_data_root_without_lists(server_site):
    remove_acl(server_site.root / "L1")

    found = problems(server_site)
    assert "BeeGFS" in found["access lists"].hint
    assert "L1: inherited access is none" in found["folders"].says


@pytest.mark.parametrize("name", ["L0", "incoming/hvt-cora", "users", "journal", "L0/panoseti"])
@pytest.mark.parametrize("spoil", [lambda p: p.chmod(0o777), lambda p: os.chown(p, 1234, -1), shutil.rmtree])
def test_a_folder_of_the_data_root_that_was_changed(server_site, name, spoil):
    spoil(server_site.root / name)

    assert str(server_site.root / name) in problems(server_site)["folders"].says


@pytest.mark.parametrize("name", ["", "logs/jobs", "hub"])
def test_a_folder_of_the_state_that_is_open(server_site, name):
    (server_site.state / name).chmod(0o755)

    assert str(server_site.state / name) in problems(server_site)["folders"].says


def test_a_data_root_in_a_folder_that_others_can_change(server_site):
    with mode(server_site.root.parent, 0o777):
        assert "can be changed by others" in problems(server_site)["folders"].says


@pytest.mark.parametrize("bits", ["0600", "0700"])
def test_a_delivery_that_the_archive_cannot_read(server_site, accounts, bits):
    folder = server_site.root / "incoming" / "hvt-cora" / "run"
    accounts.cora.run("sh", "-c", f"mkdir {folder}; touch {folder}/a.pff {folder}/b.pff; chmod {bits} {folder}/b.pff")
    found = problems(server_site)["deliveries"]

    assert str(folder / "b.pff") in found.says
    subprocess.run(["sh", "-c", found.hint.partition(";")[0]], check=True)
    assert accounts.archive.can("cat", folder / "b.pff")
    assert "deliveries" not in problems(server_site)


def test_a_log_that_everybody_can_read(server_site):
    log = server_site.state / "logs" / "batch.log"
    log.touch()
    log.chmod(0o644)

    assert problems(server_site)["logs"].hint == f"chmod o= {log}"


def test_a_sudoers_line_that_is_missing_or_changed(server_site):
    line = SUDOERS / sudoers_name(server_site.installation.prefix)
    before = line.read_text()
    try:
        line.write_text(f"{before}hvt-batch ALL=(ALL) NOPASSWD: ALL\n")
        assert "differs" in problems(server_site)["system files"].says
        line.unlink()
        assert "is missing" in problems(server_site)["system files"].says
    finally:
        line.touch()
        line.chmod(0o440)
        line.write_text(before)


def test_a_runner_script_that_was_changed(server_site):
    script = server_site.installation.prefix / "libexec" / "hven-runner"
    with mode(script, 0o777):
        assert str(script) in problems(server_site)["system files"].says


def test_a_site_for_one_user_is_no_server(tmp_path):
    with pytest.raises(SettingsError):
        list(examine(Settings(root=tmp_path, state=tmp_path), tmp_path / "site.yaml"))


def test_paths_that_others_can_and_cannot_use(tmp_path, accounts):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)

    assert closed_to_others(Path("/usr/bin/env")) is None
    assert closed_to_others(folder) is not None
    assert open_to_others(Path("/usr/bin/env")) is None
    assert open_to_others(Path("/tmp")) is None  # sticky: what is root's in it stays
    folder.chmod(0o777)
    assert open_to_others(folder) == folder
