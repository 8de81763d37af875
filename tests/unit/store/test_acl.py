"""Access control lists, against `getfacl` and against what other users can really do."""

from __future__ import annotations

import subprocess

import pytest

from hven.core.errors import ConfigurationError
from hven.store.acl import canonical, get_acl, remove_acl, set_acl

OWN = "u::rwx,u:root:r-x,g::r-x,g:root:rwx,o::---"


def getfacl(path, *options):
    """What the system's own program reads, in our form."""
    done = subprocess.run(
        ["getfacl", "--omit-header", "--absolute-names", *options, path], capture_output=True, text=True, check=True
    )
    short = {"user": "u", "group": "g", "mask": "m", "other": "o"}
    lines = [line.partition("\t")[0].removeprefix("default:") for line in done.stdout.splitlines() if line]
    return ",".join(f"{short[kind]}:{name}:{bits}" for kind, name, bits in (line.split(":") for line in lines))


pytestmark = pytest.mark.usefixtures("acl_programs")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir(mode=0o750)
    return path


def test_what_is_set_is_what_getfacl_reads(folder):
    set_acl(folder, OWN)

    assert getfacl(folder) == get_acl(folder) == canonical(OWN)


def test_default_list_is_inherited(folder):
    set_acl(folder, "u::rwx,g::rwx,g:root:r-x,o::r--", default=True)
    (folder / "inner").mkdir()

    assert getfacl(folder, "--default") == get_acl(folder, default=True)
    assert get_acl(folder / "inner", default=True) == get_acl(folder, default=True)
    assert get_acl(folder) == "u::rwx,g::r-x,o::---"


def test_mode_bits_are_a_list_too(folder):
    assert get_acl(folder) == getfacl(folder) == "u::rwx,g::r-x,o::---"
    assert get_acl(folder, default=True) == ""


def test_mask_limits_what_is_granted(folder):
    set_acl(folder, "u::rwx,g::rwx,g:root:rwx,m::r-x,o::---")

    assert folder.stat().st_mode & 0o777 == 0o750


def test_removed_list_leaves_the_mode_bits(folder):
    set_acl(folder, OWN)
    set_acl(folder, OWN, default=True)
    remove_acl(folder)
    remove_acl(folder)

    assert get_acl(folder, default=True) == ""
    assert get_acl(folder) == getfacl(folder)


@pytest.mark.parametrize(
    "wrong",
    ["", "u::rwx", "u::rwx,g::r-x,o::---,o::r--", "u::rwz,g::---,o::---", "u::rwx,g::r-x,o::---,u:hvt-none:r--"],
)
def test_nonsense_is_refused(folder, wrong):
    with pytest.raises(ConfigurationError):
        set_acl(folder, wrong)


def test_other_users_meet_it(accounts, server_site):
    folder = server_site.root.parent / "mine"
    folder.mkdir()
    set_acl(folder, "u::rwx,u:hvt-ada:r-x,g::---,g:hvt-copiers:rwx,o::---")

    assert accounts.ada.can("ls", folder)
    assert not accounts.ada.can("touch", folder / "a")
    assert accounts.cora.can("touch", folder / "c")
    assert not accounts.bert.can("ls", folder)
