"""Sharing with a group: members see, others do not, and taking it back works at once; on every path."""

from __future__ import annotations

import os
import shutil
import traceback
from pathlib import Path

import guest_api
import httpx
import installation
import pytest
import small_products

from hven.access.share import revoke, share
from hven.access.viewers import viewer_of
from hven.core.errors import AccessDeniedError, ConfigurationError, UnknownNameError
from hven.core.settings import ServerSettings, Settings
from hven.core.trust import trusted
from hven.hub.machine.folders import bring_about, user_folder
from hven.model.collection import Collection, CollectionKind
from hven.observatory import connect
from hven.registry.rebuild import rebuild
from hven.registry.sharing import open_new
from hven.store.acl import get_acl
from hven.store.paths import user_root

ADA, BERT, OTTO, OLGA = "hvt-ada", "hvt-bert", "hvt-otto", "hvt-olga"
RUN, OTHER, GROUP = "u/hvt-ada/flat", "u/hvt-ada/other", "hvt-users"


class Place:
    """An observatory for many users with its API, and a folder of Ada's own."""

    def __init__(self, observatory, url, accounts):
        self.obs, self.url, self.accounts = observatory, url, accounts
        self.root, self.settings = observatory.root, observatory.settings

    def product(self, run=RUN, **more):
        made = small_products.publish(self.root, run=run, user=ADA, maker=ADA, **more)
        for path in (self.root / "users" / ADA).rglob("*"):
            os.chown(path, self.accounts.ada.uid, self.accounts.ada.gid, follow_symlinks=False)
        open_new(self.obs.registry, self.root, [made])
        self.obs.registry.register([made], inputs={})
        return made

    def share(self, run=RUN, group=GROUP):
        return share(self.obs.registry, self.settings, ADA, run, group)

    def revoke(self, run=RUN, group=GROUP):
        return revoke(self.obs.registry, self.settings, ADA, run, group)

    def ask(self, user, path, body, *scopes):
        headers = {"Authorization": f"token {'.'.join((user, *(scopes or ('read', 'submit'))))}"}
        return httpx.post(self.url + path, json=body, headers=headers, timeout=60, verify=trusted())

    def seen(self, name):
        """Whether API and registry show somebody the product; they always say the same."""
        obs = self.obs.seen_by(viewer_of(name, self.settings.server, operator=False))
        shown = bool(obs.registry.owned(ADA))
        names = {c.name for c in obs.registry.collections()}
        asked = self.ask(name, "/lookup/find", {"collection": RUN, "limit": 1})
        assert (RUN in names) == shown == asked.is_success
        return shown

    def reads(self, account, product):
        """Whether somebody reads every file of a product."""
        files = sorted(p for p in (self.root / product.path).rglob("*") if p.is_file())
        return [account.can("sha256sum", file) for file in files] == [True] * len(files)


@pytest.fixture
def place(accounts):
    with installation.open_folder("share") as folder:
        (folder / "data" / "users").mkdir(parents=True)
        (folder / "state").mkdir()
        server = ServerSettings.model_validate(accounts.server(folder))
        settings = Settings(root=folder / "data", state=folder / "state", server=server)
        with connect(settings) as observatory, guest_api.serve(observatory) as url:
            bring_about(user_folder(settings, server, ADA))
            yield Place(observatory, url, accounts)


def entries(place, product):
    """Access lists of everything of Ada's, by path."""
    top = place.root / "users" / ADA
    return {p.relative_to(top).as_posix(): get_acl(p) for p in (top, *top.rglob("*"))}


def test_nobody_else_sees_what_is_not_shared(place):
    product = place.product()

    assert not any(place.seen(name) for name in (BERT, OTTO, OLGA))
    assert not place.reads(place.accounts.bert, product)


def test_members_see_and_read_what_is_shared_and_others_do_not(place):
    product = place.product()
    place.share()

    assert [place.seen(name) for name in (ADA, BERT, OTTO)] == [True, True, False]
    assert place.reads(place.accounts.bert, product)
    assert not place.reads(place.accounts.otto, product)
    assert place.obs.registry.find(collection=RUN) == [product]


def test_members_open_what_is_shared_by_the_name_of_its_run(place):
    place.product()
    place.share()
    obs = place.obs.seen_by(viewer_of(BERT, place.settings.server, operator=False))

    assert obs.open("ph1024", collection=RUN).sizes["time"] == 3


def test_members_pass_the_folders_above_and_do_not_list_them(place):
    product = place.product()
    place.share()
    bert = place.accounts.bert

    for folder in list(product.path.parents)[:-2]:
        assert not bert.can("ls", place.root / folder)
    assert not bert.can("ls", place.root / "users" / ADA)
    assert bert.can("ls", place.root / product.path)


def test_members_change_nothing(place):
    product = place.product()
    place.share()
    folder, bert = place.root / product.path, place.accounts.bert

    for command in (("touch", folder / "new"), ("rm", folder / "manifest.json"), ("chmod", "777", folder),
                    ("mv", folder, f"{folder}2"), ("ln", "-s", "/tmp", folder / "link")):  # fmt: skip
        assert not bert.can(*command)


def test_what_else_is_ones_own_stays_closed(place):
    place.product()
    other = place.product(OTHER)
    place.share()

    assert not place.reads(place.accounts.bert, other)
    obs = place.obs.seen_by(viewer_of(BERT, place.settings.server, operator=False))
    assert [p.run for p in obs.registry.owned(ADA)] == [RUN]


def test_taking_it_back_works_at_once_and_leaves_the_lists_as_they_were(place):
    product = place.product()
    before = entries(place, product)
    place.share()
    assert entries(place, product) != before
    place.revoke()

    assert not place.seen(BERT)
    assert not place.reads(place.accounts.bert, product)
    after = entries(place, product)
    assert {k: v.replace("m::r-x,", "").replace("m::r--,", "") for k, v in after.items()} == {
        k: v.replace("m::r-x,", "").replace("m::r--,", "") for k, v in before.items()
    }


def test_the_way_to_what_is_still_shared_stays_open(place):
    place.product()
    other = place.product(OTHER)
    place.share()
    place.share(OTHER)
    place.revoke()

    assert place.reads(place.accounts.bert, other)


def test_new_products_of_a_shared_run_are_shared(place):
    place.product()
    place.share()
    new = place.product(observation="new.20251022T050000Z", detector=7)

    assert place.reads(place.accounts.bert, new)
    assert not place.reads(place.accounts.otto, new)


def test_a_registry_made_anew_knows_with_whom_runs_are_shared(place, tmp_path):
    place.product()
    place.product(OTHER)
    place.share()
    place.share(OTHER)
    place.revoke(OTHER)
    url = f"sqlite:///{tmp_path}/again.sqlite"
    assert rebuild(url, place.root).problems == ()

    with connect(place.settings.model_copy(update={"registry_url": url})) as again:
        assert again.registry.collections() == place.obs.registry.collections()
        assert {c.name: c.groups for c in again.registry.collections()}[RUN] == (GROUP,)


def test_the_owner_alone_has_the_rights_that_it_takes(place):
    """As Ada herself, through the API."""
    product = place.product()

    def own():
        from hven.registry.remote import RemoteRegistry

        registry = RemoteRegistry(place.url, f"token {ADA}.read.submit")
        share(registry, place.settings, ADA, RUN, GROUP)

    assert _as(place.accounts.ada, own) == 0
    assert place.seen(BERT)
    assert place.reads(place.accounts.bert, product)


def _as(account, do):
    """Do something as somebody, in a process of their own."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(account.groups)
            os.setresgid(account.gid, account.gid, account.gid)
            os.setresuid(account.uid, account.uid, account.uid)
            do()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a process of its own
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# What is refused


def test_a_group_without_oneself_is_refused(place):
    place.product()

    with pytest.raises(AccessDeniedError, match="no member of a group 'hvt-operators'"):
        place.share(group="hvt-operators")


@pytest.mark.parametrize("group", ["no-such-group", "", "hvt-users,o::rwx", "../users"])
def test_a_group_that_is_none_is_refused(place, group):
    product = place.product()
    before = entries(place, product)

    with pytest.raises(AccessDeniedError):
        place.share(group=group)
    assert entries(place, product) == before


@pytest.mark.parametrize("name", ["panoseti/runs/calibrate/1", "u/hvt-bert/flat", "u/hvt-adamant/flat", "u", ""])
def test_what_is_not_ones_own_is_refused(place, name):
    with pytest.raises(AccessDeniedError):
        place.share(name)
    with pytest.raises(AccessDeniedError):
        place.revoke(name)


def test_a_run_that_does_not_exist_is_refused(place):
    with pytest.raises(UnknownNameError):
        place.share("u/hvt-ada/nothing")


def test_only_runs_are_shared(place):
    place.obs.registry.define(Collection("u/hvt-ada/best", CollectionKind.TAGGED))

    with pytest.raises(ConfigurationError, match="Only runs"):
        place.share("u/hvt-ada/best")


@pytest.mark.parametrize("verb", ["share", "unshare"])
@pytest.mark.parametrize("user", [BERT, OLGA, OTTO])
def test_the_api_lets_nobody_else_share_or_unshare(place, verb, user):
    place.product()
    place.share()

    answer = place.ask(user, f"/collections/{verb}", {"collection": RUN, "group": GROUP}, "read", "submit", "operate")
    assert answer.status_code == 403
    assert place.seen(BERT)


def test_the_api_asks_for_the_owners_groups_itself(place):
    place.product()

    answer = place.ask(ADA, "/collections/share", {"collection": RUN, "group": "hvt-operators"})
    assert answer.status_code == 403
    assert not place.seen(OLGA)


@pytest.mark.parametrize("scopes", [("read",), ("operate",)])
def test_sharing_takes_the_right_to_submit(place, scopes):
    place.product()

    answer = place.ask(ADA, "/collections/share", {"collection": RUN, "group": GROUP}, *scopes)
    assert answer.status_code == 403


def test_a_link_planted_in_a_product_is_not_followed(place, tmp_path):
    product = place.product()
    precious = Path(place.root.parent, "precious")
    precious.mkdir(mode=0o700)
    (precious / "file").write_text("mine")
    folder = place.root / product.path
    folder.chmod(0o755)
    (folder / "link").symlink_to(precious)
    before = get_acl(precious)
    place.share()

    assert get_acl(precious) == before
    assert not place.accounts.bert.can("cat", folder / "link" / "file")
    shutil.rmtree(precious)


def test_members_register_and_remove_nothing_in_a_shared_run(place):
    product = place.product()
    place.share()

    assert place.ask(BERT, "/products/remove", {"ids": [product.id]}).status_code == 403
    assert place.ask(BERT, "/collections", {"name": RUN, "kind": "RUN", "doc": "mine"}).status_code == 403


def test_the_owner_can_change_the_text_of_a_shared_run_and_it_stays_shared(place):
    place.product()
    place.share()

    assert place.ask(ADA, "/collections", {"name": RUN, "kind": "RUN", "doc": "flats"}).status_code == 200
    assert place.seen(BERT)


def test_sharing_that_was_interrupted_shows_nothing_and_is_finished_by_asking_again(place, monkeypatch):
    import hven.access.share as module

    products = [place.product() for _ in range(3)]
    real, calls = module.grant, []

    def grant(*words):
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*words)

    monkeypatch.setattr(module, "grant", grant)
    with pytest.raises(KeyboardInterrupt):
        place.share()
    assert not place.seen(BERT)
    monkeypatch.setattr(module, "grant", real)
    place.share()

    assert place.seen(BERT)
    assert all(place.reads(place.accounts.bert, product) for product in products)


def test_taking_it_back_that_was_interrupted_shows_nothing_more_and_is_finished_by_asking_again(place, monkeypatch):
    import hven.access.share as module

    products = [place.product() for _ in range(3)]
    place.share()
    real = module.withdraw
    monkeypatch.setattr(module, "withdraw", lambda *_words: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        place.revoke()
    assert not place.seen(BERT)
    monkeypatch.setattr(module, "withdraw", real)
    place.revoke()

    assert not any(place.reads(place.accounts.bert, product) for product in products)
    assert not place.accounts.bert.can("stat", place.root / user_root(ADA) / "L1")
