"""hven installed for many users by the operator's one command."""

from __future__ import annotations


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
