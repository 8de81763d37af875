"""Who may log in by their Unix groups, asked of the real accounts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hven.hub.as_account import as_account, environment_of, folder_for, groups_of
from hven.hub.priority import first
from hven.hub.unix_login import PamLogin


@pytest.fixture
def login(accounts):
    return PamLogin(allowed_groups={"hvt-users"})


def refresh(login, name):
    return asyncio.run(login.refresh_user(SimpleNamespace(name=name)))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hvt-ada", True),
        ("hvt-olga", True),
        ("hvt-cora", False),
        ("hvt-otto", False),
        ("root", False),
        ("nobody-x", False),
    ],
)
def test_members_of_the_group_are_let_in(login, name, allowed):
    assert login.check_allowed(name) is allowed


def test_root_is_not_let_in_by_membership(accounts):
    assert not PamLogin(allowed_groups={"root"}).check_allowed("root")


def test_the_hub_gets_the_groups_of_the_account(login):
    found = asyncio.run(login.run_post_auth_hook(None, {"name": "hvt-olga"}))

    assert found == {"name": "hvt-olga", "groups": ["hvt-olga", "hvt-operators", "hvt-users"]}


def test_who_left_the_group_gets_no_further(login):
    before = refresh(login, "hvt-bert")
    subprocess.run(["gpasswd", "--delete", "hvt-bert", "hvt-users"], check=True, capture_output=True)
    try:
        after = refresh(login, "hvt-bert")
    finally:
        subprocess.run(["gpasswd", "--add", "hvt-bert", "hvt-users"], check=True, capture_output=True)

    assert before == {"name": "hvt-bert", "groups": ["hvt-bert", "hvt-users"]}
    assert after is False


def test_another_spelling_of_a_name_is_refused(login, accounts):
    form = {"username": "HVT-ada", "password": accounts.password}

    assert asyncio.run(login.authenticate(None, form)) is None


def test_a_command_runs_as_its_account_with_its_groups_only(accounts):
    shown = subprocess.run([*as_account("hvt-archive"), "id"], capture_output=True, text=True, check=True).stdout

    assert f"uid={accounts.archive.uid}(hvt-archive)" in shown
    assert "hvt-copiers" in shown
    assert "root" not in shown


def test_a_service_may_listen_below_1024_and_nothing_more():
    command = [*as_account("hvt-api", low_ports=True), "cat", "/proc/self/status"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    facts = dict(line.split(":\t", 1) for line in shown.splitlines() if ":\t" in line)

    assert {facts[name] for name in ("CapEff", "CapBnd", "CapAmb")} == {f"{1 << 10:016x}"}
    assert facts["NoNewPrivs"] == "1"


def test_what_answers_everybody_goes_first_and_peoples_servers_do_not():
    look = "import os; from hven.hub.priority import like_everybody; print(os.getpriority(0, 0)); like_everybody(); "
    look += "print(os.getpriority(0, 0))"
    shown = subprocess.run(
        [*first(), sys.executable, "-c", look], capture_output=True, text=True, check=True, start_new_session=True
    )

    assert shown.stdout.split() == [str(os.getpriority(os.PRIO_PROCESS, 0) - 15), "0"]


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel shares out by process alone")
def test_so_does_its_session():
    command = [*first(), "cat", "/proc/self/autogroup"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True).stdout

    assert shown.split()[-1] == "-15"


def test_no_account_changes_nothing(tmp_path):
    assert as_account("") == ()
    assert environment_of("", tmp_path) == {}


def test_a_private_folder_is_the_accounts(accounts, tmp_path):
    folder_for("hvt-ada", tmp_path / "hvt-ada")

    found = (tmp_path / "hvt-ada").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (accounts.ada.uid, accounts.ada.gid, 0o700)


def test_a_link_in_place_of_a_private_folder_is_not_followed(accounts, tmp_path):
    (tmp_path / "roots").mkdir()
    (tmp_path / "hvt-ada").symlink_to(tmp_path / "roots")

    folder_for("hvt-ada", tmp_path / "hvt-ada")

    assert (tmp_path / "roots").stat().st_uid == 0


def test_unknown_account_has_no_groups():
    assert groups_of("nobody-x") == []
