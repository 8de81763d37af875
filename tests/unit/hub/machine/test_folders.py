"""Who can do what in the data root and the state folder: tried by real users."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from installation import make_site, open_folder

from hven.core.errors import AccessDeniedError
from hven.hub.machine.folders import (
    bring_about,
    data_folders,
    differences,
    incoming_folder,
    state_folders,
    user_folder,
)
from hven.store.acl import get_acl, set_acl
from hven.store.staging import make_read_only

OUTSIDERS = ("ada", "bert", "otto", "cora", "olga")
SERVICES = ("archive", "batch", "api", "dash", "cull")
NIGHT = "L0/panoseti/20251021/run/raw"


def archived_file(site):
    return site.root / NIGHT / "a.pff"


@pytest.fixture(scope="module")
def site(accounts, installation):
    """The archive's account has archived a night, the batch account has made a product; attempts leave no trace."""
    with open_folder("site") as folder:
        made = make_site(folder, accounts, installation)
        assert accounts.archive.can("mkdir", "-p", made.root / NIGHT)
        assert accounts.archive.can(
            "sh", "-c", f"echo raw > {made.root / NIGHT}/a.pff; chmod a-w {archived_file(made)}"
        )
        assert accounts.batch.can("mkdir", "-p", made.root / "L1/panoseti/20251021/run/type/all/version")
        assert accounts.cora.can("sh", "-c", f"echo new > {made.root}/incoming/hvt-cora/a.pff")
        yield made


def attempts(root):
    """Everything that somebody could do to an archived night, and to the archive."""
    night, file = root / NIGHT, root / NIGHT / "a.pff"
    return {
        "create a file": ("touch", night / "b.pff"),
        "create a folder": ("mkdir", root / "L0" / "panoseti" / "20251022"),
        "change a file": ("sh", "-c", f"echo x >> {file}"),
        "delete a file": ("rm", "-f", file),
        "rename a file": ("mv", file, night / "b.pff"),
        "rename a folder": ("mv", root / "L0" / "panoseti", root / "L0" / "mine"),
        "link into it": ("ln", "-s", "/etc/passwd", night / "link"),
        "put a hard link into it": ("ln", file, night / "link"),
        "change its mode": ("chmod", "777", night),
        "change its list": ("setfacl", "-m", "o::rwx", night),
        "give it a time": ("touch", file),
        "cut it": ("truncate", "--size=0", file),
        "copy over it": ("rsync", "-a", "/etc/hostname", f"{night}/"),
    }


@pytest.mark.parametrize("attempt", attempts(Path("/x")))
@pytest.mark.parametrize("who", ["ada", "cora", "otto", "batch", "api"])
def test_only_the_archive_makes_anything_in_l0(site, accounts, who, attempt):
    account = getattr(accounts, who)
    before = archived_file(site).read_text(), sorted((site.root / "L0").rglob("*"))

    done = account.run(*attempts(site.root)[attempt])

    assert done.returncode != 0
    assert (archived_file(site).read_text(), sorted((site.root / "L0").rglob("*"))) == before


@pytest.mark.parametrize("who", OUTSIDERS)
def test_everybody_reads_the_archive(site, accounts, who):
    assert getattr(accounts, who).run("cat", archived_file(site)).stdout == "raw\n"


def test_a_copier_delivers_by_rsync(site, accounts, need):
    need("rsync", "rsync")
    target = site.root / "incoming" / "hvt-cora"
    done = accounts.cora.run("rsync", "-rt", "/usr/share/doc/rsync", f"{target}/")

    assert done.returncode == 0, done.stderr
    assert accounts.archive.run("find", target / "rsync", "-type", "f", "-readable").stdout.count("\n") >= 1
    shutil.rmtree(target / "rsync")


@pytest.mark.parametrize("who", ["ada", "bert", "otto", "olga", "batch", "api", "dash"])
@pytest.mark.parametrize(
    "command", ["ls {0}", "cat {0}/a.pff", "touch {0}/b", "rm {0}/a.pff", "ln -s / {0}/l", "mv {0} {0}2"]
)
def test_nobody_else_enters_a_copiers_folder(site, accounts, who, command):
    folder = site.root / "incoming" / "hvt-cora"

    assert not getattr(accounts, who).can("sh", "-c", command.format(folder))
    assert sorted(p.name for p in folder.iterdir()) == ["a.pff"]


@pytest.mark.parametrize(
    "command", ["touch {0}/b", "rm {0}/a.pff", "mv {0}/a.pff {0}/b", "sh -c 'echo x >> {0}/a.pff'"]
)
def test_the_archive_only_reads_what_is_delivered(site, accounts, command):
    folder = site.root / "incoming" / "hvt-cora"

    assert accounts.archive.can("cat", folder / "a.pff")
    assert not accounts.archive.can("sh", "-c", command.format(folder))


@pytest.mark.parametrize("who", ["ada", "otto", "cora"])
@pytest.mark.parametrize("folder", ["", "incoming", "L1", "L2", "users", "projects", "quarantine", "journal", ".trash"])
def test_nobody_makes_anything_in_the_data_root(site, accounts, who, folder):
    assert not getattr(accounts, who).can("mkdir", site.root / folder / "mine")


@pytest.mark.parametrize("who", OUTSIDERS)
@pytest.mark.parametrize("folder", ["", "heartbeats", "logs", "logs/jobs", "run", "batch", "hub"])
def test_only_services_enter_the_state(site, accounts, who, folder):
    assert not getattr(accounts, who).can("ls", site.state / folder)


@pytest.mark.parametrize("who", SERVICES)
def test_services_share_the_state(site, accounts, who):
    assert getattr(accounts, who).can("touch", site.state / who, site.state / "logs" / who)
    assert not getattr(accounts, who).can("ls", site.state / "hub")


@pytest.mark.parametrize("who", ["archive", "api", "dash"])
def test_logs_of_jobs_are_written_by_the_batch_service_only(site, accounts, who):
    assert accounts.batch.can("touch", site.state / "logs/jobs/1.log")
    assert not getattr(accounts, who).can("touch", site.state / "logs/jobs/2.log")


def test_the_journal_is_shared_by_the_services(site, accounts):
    file = site.root / "journal" / "quanta.jsonl"
    for who in ("archive", "batch", "api"):
        assert getattr(accounts, who).can("sh", "-c", f"umask 077; echo x >> {file}")

    assert file.read_text() == "x\n" * 3


def test_the_api_may_replace_what_is_current_and_change_no_product(site, accounts):
    data_id = site.root / "L1/panoseti/20251021/run/type/all"
    accounts.batch.run("sh", "-c", f"echo x > {data_id}/version/data; chmod a-w {data_id}/version/data")

    assert accounts.api.can("sh", "-c", f"echo version > {data_id}/current")
    assert not accounts.api.can("sh", "-c", f"echo y > {data_id}/version/data")
    assert not accounts.dash.can("sh", "-c", f"echo version > {data_id}/current")


@pytest.fixture
def own(site):
    folder = user_folder(site.settings, site.settings.server, "hvt-ada")
    assert bring_about(folder)
    yield folder.path
    shutil.rmtree(folder.path)


@pytest.mark.parametrize("who", ["bert", "cora", "otto", "olga"])
@pytest.mark.parametrize("command", ["ls {0}", "cat {0}/product/data", "touch {0}/x", "mv {0} {0}2", "ln -s / {0}/l"])
def test_nobody_else_enters_ones_own(accounts, own, who, command):
    accounts.ada.run("sh", "-c", f"mkdir {own}/product; echo mine > {own}/product/data")

    assert not getattr(accounts, who).can("sh", "-c", command.format(own))


@pytest.mark.parametrize("umask", ["000", "022", "027"])
def test_services_read_ones_own_and_change_nothing(accounts, own, umask):
    accounts.ada.run("sh", "-c", f"umask {umask}; mkdir {own}/product; echo mine > {own}/product/data")

    assert accounts.api.run("cat", own / "product" / "data").stdout == "mine\n"
    for command in ("touch {0}/product/x", "rm -f {0}/product/data", "sh -c 'echo x > {0}/product/data'", "rmdir {0}"):
        assert not accounts.api.can("sh", "-c", command.format(own))


def test_what_is_made_read_only_stays_closed_to_others(own):
    product = own / "product"
    product.mkdir()
    (product / "data").touch()
    make_read_only(product / "data")
    make_read_only(product)

    assert get_acl(product) == "u::r-x,g::---,g:hvt-services:r-x,m::r-x,o::---"
    assert get_acl(product / "data") == "u::r--,g::---,g:hvt-services:r-x,m::r--,o::---"


def test_one_cannot_take_anothers_place(site, accounts):
    (site.root / "users" / "hvt-bert").symlink_to("/etc")

    with pytest.raises(AccessDeniedError, match="is no folder"):
        bring_about(user_folder(site.settings, site.settings.server, "hvt-bert"))
    (site.root / "users" / "hvt-bert").unlink()
    assert Path("/etc").stat().st_uid == 0


def test_a_second_time_changes_nothing(site):
    server = site.settings.server
    planned = [*data_folders(site.settings, server), *state_folders(site.settings, server)]

    assert [f.path for f in planned if differences(f)] == []
    assert not any(bring_about(f) for f in planned)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: os.chown(path, 0, -1), "owner is 0"),
        (lambda path: path.chmod(0o777), "access is u::rwx,u:hvt-archive:r-x,g::---,m::rwx,o::rwx"),
        (lambda path: set_acl(path, "u::rwx,g::rwx,o::rwx", default=True), "inherited access is u::rwx,g::rwx,o::rwx"),
        (lambda path: path.rmdir(), "it is missing"),
    ],
)
def test_what_was_spoilt_is_told_and_put_right(server_site, spoil, said):
    folder = incoming_folder(server_site.settings, server_site.settings.server, "hvt-cora")
    spoil(folder.path)

    assert any(said in text for text in differences(folder))
    assert bring_about(folder)
    assert differences(folder) == []
