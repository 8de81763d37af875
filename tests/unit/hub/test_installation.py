"""hven installed for many users by the operator's one command."""

from __future__ import annotations

import grp
import pwd
import shutil
import subprocess

import pytest
from installation import install, new_folder, open_folder, remove

from hven.core.settings import ServerSettings
from hven.hub.as_account import groups_of
from hven.hub.machine.accounts import make_accounts, members


def test_everybody_can_run_hven(installation, accounts):
    for account in (accounts.ada, accounts.otto, accounts.archive):
        answer = account.run(installation.hven, "--help")

        assert answer.returncode == 0, answer.stderr
        assert "hven" in answer.stdout


def test_it_knows_its_own_files(installation, accounts):
    code = "from hven.hub.layout import source_folder; print(source_folder())"

    assert accounts.ada.run(installation.python, "-c", code).stdout.strip() == str(installation.share)


def test_an_account_is_only_itself(accounts):
    assert accounts.ada.run("id", "-un").stdout.strip() == "hvt-ada"
    assert accounts.ada.run("id", "-Gn").stdout.split() == ["hvt-ada", "hvt-users"]
    assert not accounts.bert.can("ls", accounts.ada.home)


@pytest.fixture
def snapshot(repository):
    """A copy of the checkout, which others may be changing."""
    with open_folder("checkout") as folder:
        for name in ("src", "platform", "notebooks", "dashboards", "catalogs"):
            shutil.copytree(repository / name, folder / name)
        for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.lock"):
            shutil.copy(repository / name, folder / name)
        for name in (".venv", ".proxy", ".git"):
            (folder / name).symlink_to(repository / name)
        yield folder


@pytest.fixture
def own_installation(accounts, snapshot):
    """One that nobody else uses meanwhile."""
    prefix = new_folder("own") / "hven"
    yield install(prefix, accounts, source=snapshot)
    remove(prefix)


def test_a_second_run_changes_nothing_and_mends_what_was_spoilt(own_installation, accounts, snapshot):
    installation = own_installation
    page = next((installation.share / "dashboards").glob("*.py"))
    before = {path: path.stat().st_mtime_ns for path in (installation.hven, page)}
    install(installation.prefix, accounts, source=snapshot)
    assert {path: path.stat().st_mtime_ns for path in before} == before

    page.unlink()
    (installation.prefix / "installed-hven").unlink()
    (installation.prefix / "libexec" / "hven-runner").chmod(0o777)
    install(installation.prefix, accounts, source=snapshot)
    assert page.exists()
    assert (installation.prefix / "libexec" / "hven-runner").stat().st_mode & 0o777 == 0o755


def test_products_say_which_commit_an_installation_was_made_from(installation, accounts, repository):
    code = "from hven.pipeline.identity import software; print(software().commit)"
    told = accounts.ada.run(installation.python, "-c", code).stdout.strip()
    head = subprocess.run(
        ["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()

    if not head:
        pytest.skip("this is no checkout")
    assert len(told.removesuffix("-dirty")) == len(head)


def test_nobody_changes_the_installation(installation, accounts):
    for account in (accounts.ada, accounts.batch, accounts.archive):
        for path in (installation.prefix, installation.share, installation.python.parent):
            assert not account.can("touch", path / "mine")
        assert not account.can("sh", "-c", f"echo >> {installation.prefix}/libexec/hven-runner")


@pytest.fixture
def names(accounts):
    """Names that nothing has yet; what gets them is removed."""
    server = ServerSettings(
        services_group="hvt-new-services",
        users_group="hvt-new-users",
        operators_group="hvt-new-operators",
        copiers_group="hvt-new-copiers",
        archive_account="hvt-new-archive",
        batch_account="hvt-new-batch",
        api_account="hvt-new-api",
        dashboards_account="hvt-new-dash",
        culler_account="hvt-new-cull",
    )
    remove_accounts(server)
    yield server
    remove_accounts(server)


def remove_accounts(server):
    for field, name in server.model_dump().items():
        if field.endswith("_account"):
            subprocess.run(["/usr/sbin/userdel", name], capture_output=True, check=False)
    for field, name in server.model_dump().items():
        if field.endswith("_group"):
            subprocess.run(["/usr/sbin/groupdel", name], capture_output=True, check=False)


def test_accounts_are_made_once_and_cannot_log_in(names, tmp_path):
    made = list(make_accounts(names, tmp_path))

    assert len(made) == 9
    assert list(make_accounts(names, tmp_path)) == []
    entry = pwd.getpwnam("hvt-new-archive")
    assert (entry.pw_shell, entry.pw_dir) == ("/usr/sbin/nologin", str(tmp_path / "hvt-new-archive"))
    assert groups_of("hvt-new-archive") == ["hvt-new-copiers", "hvt-new-services"]
    assert members("hvt-new-services") == sorted(v for k, v in names.model_dump().items() if k.endswith("_account"))


def test_an_account_that_lost_a_group_gets_it_again(names, tmp_path):
    list(make_accounts(names, tmp_path))
    subprocess.run(["/usr/sbin/usermod", "--groups", "", "hvt-new-archive"], check=True)

    assert list(make_accounts(names, tmp_path)) == ["usermod --append --groups hvt-new-copiers hvt-new-archive"]
    assert "hvt-new-archive" in grp.getgrnam("hvt-new-copiers").gr_mem
