"""Projects: members write and read, others do neither; through folders, API and pages."""

from __future__ import annotations

import grp
import os
import traceback

import guest_api
import httpx
import installation
import numpy as np
import pytest
import small_products
import tiny
import tiny_plugin
import xarray as xr

from hven.access.projects import owner_in, projects
from hven.access.viewers import viewer_of
from hven.core.errors import AccessDeniedError, ConfigurationError, UnknownNameError
from hven.core.settings import EngineSettings, ServerSettings, Settings
from hven.core.trust import trusted
from hven.hub.machine.folders import make_project
from hven.model.access import Viewer, may_see
from hven.model.collection import AccessClass
from hven.observatory import connect
from hven.observatory.observatory import Observatory
from hven.registry.rebuild import rebuild
from hven.registry.remote import RemoteRegistry
from hven.registry.wire import product_to_row

ADA, BERT, OTTO, OLGA = "hvt-ada", "hvt-bert", "hvt-otto", "hvt-olga"
GROUP, RUN = "hvt-users", "p/hvt-users/flat"


class Place:
    """An observatory for many users with its API and a project."""

    def __init__(self, observatory, url, accounts):
        self.obs, self.url, self.accounts = observatory, url, accounts
        self.root, self.settings = observatory.root, observatory.settings

    def product(self, maker=ADA, run=RUN, user="p/hvt-users"):
        """A product as its maker would have published it."""
        made = small_products.publish(self.root, run=run, user=user, maker=maker)
        account = getattr(self.accounts, maker.removeprefix("hvt-"))
        gid = grp.getgrnam(GROUP).gr_gid
        for path in (self.root / made.path, *(self.root / made.path).rglob("*")):
            os.chown(path, account.uid, gid, follow_symlinks=False)
        return made

    def ask(self, user, path, body, *scopes):
        headers = {"Authorization": f"token {'.'.join((user, *(scopes or ('read', 'submit'))))}"}
        return httpx.post(self.url + path, json=body, headers=headers, timeout=60, verify=trusted())

    def register(self, user, product, *scopes):
        return self.ask(user, "/products", {"products": [product_to_row(product)], "inputs": {}}, *scopes)

    def sees(self, name):
        obs = self.obs.seen_by(viewer_of(name, self.settings.server, operator=False))
        return RUN in {c.name for c in obs.registry.collections()}

    def as_person(self, account, do):
        """Run something as somebody, with their own observatory through the API, in a process of their own."""
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups(account.groups)
                os.setresgid(account.gid, account.gid, account.gid)
                os.setresuid(account.uid, account.uid, account.uid)
                registry = RemoteRegistry(self.url, f"token {account.name}.read.submit")
                do(Observatory(self.settings, registry, user=account.name))
                os._exit(0)
            except BaseException:  # noqa: BLE001 - a process of its own
                traceback.print_exc()
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def place(accounts):
    with installation.open_folder("project") as folder:
        for name in ("users", "projects"):
            (folder / "data" / name).mkdir(parents=True)
        (folder / "state").mkdir()
        server = ServerSettings.model_validate(accounts.server(folder))
        settings = Settings(root=folder / "data", state=folder / "state", server=server)
        make_project(settings, GROUP)
        with connect(settings) as observatory, guest_api.serve(observatory) as url:
            observatory.user = ADA
            yield Place(observatory, url, accounts)


def save(obs):
    return obs.save(xr.Dataset({"a": ("x", np.arange(5))}), "flat", observation="a", day_obs=20251021, project=GROUP)


def test_members_write_and_read_what_others_of_them_made(place):
    first = save(place.obs)  # loads everything that a person's process will need
    ada, bert, otto = place.accounts.ada, place.accounts.bert, place.accounts.otto

    assert place.as_person(ada, save) == 0
    assert place.as_person(bert, save) == 0
    made = [p for p in place.obs.registry.find(collection=RUN) if p.id != first.id]
    assert sorted(p.user for p in made) == [ADA, BERT]
    for product in made:
        files = [p for p in (place.root / product.path).rglob("*") if p.is_file()]
        for file in files:
            assert ada.can("sha256sum", file)
            assert bert.can("sha256sum", file)
            assert not otto.can("sha256sum", file)
        assert not bert.can("rm", files[0]) or product.user == BERT


def test_the_outsider_sees_no_project(place):
    save(place.obs)

    assert [place.sees(name) for name in (ADA, BERT, OTTO)] == [True, True, False]
    assert not place.accounts.otto.can("ls", place.root / "projects" / GROUP)
    assert place.accounts.bert.can("ls", place.root / "projects" / GROUP)


def test_products_of_a_project_are_nobodys_default_and_count_for_nobody(place):
    product = save(place.obs)

    assert product.path.parts[:2] == ("projects", GROUP)
    assert place.obs.registry.find() == []
    assert place.obs.registry.owned(ADA) == []
    assert place.obs.open("flat", collection=RUN).sizes["x"] == 5


def test_a_registry_made_anew_finds_projects(place, tmp_path):
    product = place.product()
    place.obs.registry.register([product], inputs={})
    url = f"sqlite:///{tmp_path}/again.sqlite"
    rebuild(url, place.root)

    with connect(place.settings.model_copy(update={"registry_url": url})) as again:
        assert again.registry.get(product.id) == product


def test_a_member_registers_what_they_made_themselves(place):
    assert place.register(ADA, place.product()).status_code == 201


@pytest.mark.parametrize("user", [BERT, OLGA])
def test_what_another_member_made_is_refused(place, user):
    answer = place.register(user, place.product(), "read", "submit", "operate")

    assert answer.status_code == 403


def test_who_is_no_member_registers_nothing(place):
    answer = place.register(OTTO, place.product(OTTO), "read", "submit", "operate")

    assert answer.status_code == 403
    assert "is not hvt-otto's" in answer.json()["message"]


def test_a_run_of_a_project_does_not_lead_into_a_persons_folder(place):
    assert place.register(ADA, place.product(run=RUN, user=BERT)).status_code == 403
    assert place.register(ADA, place.product(run="u/hvt-ada/flat", user="p/hvt-users")).status_code == 403


@pytest.mark.parametrize("run", ["p/hvt-operators/x", "p/root/x", "p/../users/x", "p//x", "p/x"])
def test_a_project_of_others_is_refused(place, run):
    body = {"name": run, "kind": "TAGGED"}

    assert place.ask(ADA, "/collections", body).status_code in {403, 422}


@pytest.mark.parametrize("verb", ["remove", "protected"])
def test_products_of_a_project_are_not_removed_as_ones_own(place, verb):
    product = place.product()
    place.obs.registry.register([product], inputs={})

    assert place.ask(ADA, f"/products/{verb}", {"ids": [product.id]}).status_code == 403


def test_an_outsider_cannot_ask_for_a_project(place):
    with pytest.raises(AccessDeniedError, match="no member"):
        owner_in(place.settings, OTTO, GROUP)


def test_a_group_without_a_project_is_an_error_that_lists_those_there_are(place):
    with pytest.raises(UnknownNameError, match="hvt-operators") as error:
        owner_in(place.settings, OLGA, "hvt-operators")
    assert GROUP in error.value.hint
    assert projects(place.settings) == [GROUP]


def test_shared_and_in_a_project_is_a_contradiction(place):
    with pytest.raises(ConfigurationError, match="not both"):
        owner_in(place.settings, ADA, GROUP, shared=True)


@pytest.mark.parametrize("group", ["hvt-services", "hvt-copiers"])
def test_groups_of_the_platform_get_no_project(place, group):
    with pytest.raises(AccessDeniedError, match="the platform's own"):
        make_project(place.settings, group)


def test_a_group_that_does_not_exist_gets_no_project(place):
    with pytest.raises(UnknownNameError):
        make_project(place.settings, "hvt-nobody")
    assert projects(place.settings) == [GROUP]


def test_a_project_is_made_by_root_only(place, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(AccessDeniedError, match="made by root"):
        make_project(place.settings, GROUP)


@pytest.mark.parametrize("groups", [(), ("pulsars",), ("pulsars", "comets")])
def test_sql_and_python_say_the_same_of_projects_and_shared_runs(place, groups):
    from hven.model.collection import Collection, CollectionKind

    registry = place.obs.registry
    for name in ("u/ada/a", "u/ada/b", "p/pulsars/a", "p/comets/b", "p/pulsarsx/c", "panoseti/x"):
        registry.define(Collection(name, CollectionKind.RUN))
    registry.share("u/ada/a", "pulsars")
    viewer = Viewer("bert", frozenset({AccessClass.PUBLIC}), frozenset(groups))
    known = registry.collections()

    expected = {c.name for c in known if may_see(viewer, c.name, c.access, c.groups)}
    assert {c.name for c in registry.seen_by(viewer).collections()} == expected


def test_what_one_member_processed_another_finds_done(accounts, tmp_path, monkeypatch):
    with installation.open_folder("tiny") as folder, tiny_plugin.installed(tmp_path / "plugin", monkeypatch):
        for name in ("data/users", "data/projects", "state"):
            (folder / name).mkdir(parents=True)
        server = ServerSettings.model_validate(accounts.server(folder))
        engine = EngineSettings(kind="inprocess")
        settings = Settings(
            root=folder / "data", state=folder / "state", server=server, instruments=("tiny",), engine=engine
        )
        make_project(settings, GROUP)
        with connect(settings) as obs:
            tiny.publish_frames(obs.root, obs.registry, 1, tiny.frames(300, 1))
            obs.user = ADA
            made = obs.process("tiny/all", project=GROUP)
            obs.user = BERT
            again = obs.process("tiny/all", project=GROUP)
            own = obs.process("tiny/all")

    made.raise_for_failures()
    assert made.run.startswith("p/hvt-users/all/")
    assert {p.path.parts[:2] for p in made.products} == {("projects", GROUP)}
    assert {p.id for p in again.products} == {p.id for p in made.products}
    assert {p.path.parts[:2] for p in own.products} == {("users", BERT)}
