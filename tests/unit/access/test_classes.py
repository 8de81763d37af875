"""Each class for a member, an operator and an outsider: what folders, API, catalog and rows say, and its changes."""

from __future__ import annotations

import json
import os
import textwrap
from dataclasses import replace

import guest_api
import httpx
import installation as installing
import pytest
import small_products

from hven.access.change import change_access, strays
from hven.access.viewers import viewer_of
from hven.core.errors import ConfigurationError, DatasetNotFoundError, UnknownNameError
from hven.core.settings import ServerSettings, Settings
from hven.model.access import Viewer, may_see
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.observatory import connect
from hven.registry.journal import EDITS, Journal
from hven.registry.run_class import run_acl
from hven.store.classes import class_acl, is_of_class

OPEN_TO = {
    "public": {"ada", "olga", "otto", "api"},
    "collaboration": {"ada", "olga", "api"},
    "operators": {"olga", "api"},
}
PEOPLE = ("ada", "olga", "otto")
RUN = "panoseti/runs/calibrate/1"


class Place:
    """An observatory for many users with a product in one run."""

    def __init__(self, observatory, accounts):
        self.obs, self.accounts = observatory, accounts
        self.server = observatory.settings.server

    def publish(self, run=RUN, **more):
        acl = run_acl(self.obs.registry, run, self.server)
        made = small_products.publish(self.obs.root, run=run, acl=acl, **more)
        self.obs.registry.register([made], inputs={})
        return made

    def define(self, access, run=RUN):
        self.obs.registry.define(Collection(run, CollectionKind.RUN, AccessClass(access)))

    def change(self, access, run=RUN, **more):
        return change_access(self.obs.registry, self.obs.settings, run, AccessClass(access), **more)

    def readers(self, product):
        """Who can read a product's data, by the operating system's own answer."""
        file = next((self.obs.root / product.path).rglob("c/*"))
        folder = self.obs.root / product.path
        can = {name for name in OPEN_TO["public"] if getattr(self.accounts, name).can("cp", file, "/dev/null")}
        assert can == {name for name in OPEN_TO["public"] if getattr(self.accounts, name).can("ls", folder)}
        return can


@pytest.fixture
def place(accounts):
    with installing.open_folder("classes") as folder:
        (folder / "data").mkdir()
        (folder / "state").mkdir()
        server = ServerSettings.model_validate(accounts.server(folder))
        with connect(Settings(root=folder / "data", state=folder / "state", server=server)) as observatory:
            yield Place(observatory, accounts)


@pytest.mark.parametrize("access", list(AccessClass))
def test_a_published_product_is_open_to_its_class_only(place, access):
    place.define(access)

    assert place.readers(place.publish()) == OPEN_TO[access]


def test_a_run_without_a_class_is_for_the_collaboration(place):
    assert place.readers(place.publish()) == OPEN_TO["collaboration"]


@pytest.mark.parametrize("access", list(AccessClass))
def test_the_api_shows_what_the_folders_open(place, access):
    place.define(access)
    made = place.publish()
    child = place.publish(inputs=[made], detector=2, run="panoseti/runs/open/1")
    place.change("public", run="panoseti/runs/open/1")
    place.obs.registry.register([small_products.product(run="panoseti/runs/open/1", detector=3)], inputs={})
    with guest_api.serve(place.obs) as url:
        for name in PEOPLE:
            headers = {"Authorization": f"token hvt-{name}.read"}
            there = name in OPEN_TO[access]
            with httpx.Client(base_url=url, headers=headers) as api:
                assert (made.id in {p["id"] for p in api.get("/products").json()}) == there
                assert api.get(f"/products/{made.id}").status_code == (200 if there else 404)
                assert (RUN in {c["name"] for c in api.get("/collections").json()}) == there
                assert api.get(f"/products?collection={RUN}").status_code == (200 if there else 404)
                found = api.post("/lookup/quanta", json={"keys": [made.quantum_key]}).text
                assert (made.id in found) == there
                shown = api.get(f"/products/{child.id}").json()
                assert made.id not in shown["inputs"] or there


@pytest.mark.parametrize("access", list(AccessClass))
def test_the_class_of_a_collection_can_change_both_ways(place, access):
    made = [place.publish(detector=d) for d in (1, 2)]

    changed = place.change(access)

    assert (changed.before, changed.now, changed.folders) == ("collaboration", access, 2)
    assert [place.readers(p) for p in made] == [OPEN_TO[access]] * 2
    assert place.change("collaboration").changed == (0 if access == "collaboration" else 2)
    assert [place.readers(p) for p in made] == [OPEN_TO["collaboration"]] * 2


@pytest.mark.parametrize("access", ["public", "operators"])
def test_a_change_that_was_killed_half_way_is_finished_by_asking_again(place, access):
    made = [place.publish(detector=d) for d in (1, 2, 3)]

    with pytest.raises(KeyboardInterrupt):
        place.change(access, progress=_kill_at_second)

    row = {c.name: c.access for c in place.obs.registry.collections()}[RUN]
    assert row == ("operators" if access == "operators" else "collaboration")  # never wider than any folder
    place.change(access)
    assert [place.readers(p) for p in made] == [OPEN_TO[access]] * 3
    assert strays(place.obs.registry, place.obs.settings, _collection(place)) == []


def test_a_folder_that_strays_is_told_and_put_right(place):
    made = place.publish()
    (place.obs.root / made.path).chmod(0o555)

    assert strays(place.obs.registry, place.obs.settings, _collection(place)) == [place.obs.root / made.path]
    assert place.change("collaboration").changed == 1
    assert strays(place.obs.registry, place.obs.settings, _collection(place)) == []


def test_the_change_is_in_the_journal(place):
    place.publish()
    place.change("operators")

    last = list(Journal(place.obs.root / EDITS).entries())[-1]
    assert (last["edit"], last["name"], last["access"]) == ("define", RUN, "operators")


def test_raw_files_have_the_class_of_their_run(place):
    raw = place.obs.root / "L0" / "panoseti" / "20251021" / "crab" / "raw"
    raw.mkdir(parents=True)
    (raw / "file.pff").write_bytes(b"frames")
    place.define("collaboration", run="panoseti/raw/all")

    for access in ("operators", "public", "collaboration"):
        place.change(access, run="panoseti/raw/all")

        can = {n for n in OPEN_TO["public"] if getattr(place.accounts, n).can("cp", raw / "file.pff", "/dev/null")}
        assert can == OPEN_TO[access]
        assert raw.stat().st_mode & 0o700 == 0o700


def test_somebodys_own_has_no_class(place):
    place.publish(run="u/hvt-ada/flat", user="hvt-ada")

    with pytest.raises(ConfigurationError, match="hvt-ada's own"):
        place.change("public", run="u/hvt-ada/flat")
    with pytest.raises(UnknownNameError, match="nothing"):
        place.change("public", run="nothing")


@pytest.mark.parametrize("access", list(AccessClass))
def test_the_catalog_opens_what_the_folders_open(place, installation, access):
    place.define(access)
    made = place.publish()
    (place.obs.root / made.path.parent / "current").chmod(0o644)
    script = textwrap.dedent("""
        import json, sys
        from pathlib import Path
        from hven.catalog.resolve import available, resolve
        from hven.core.errors import DatasetNotFoundError
        from hven.model.data_id import TypeName
        root, name, keys = Path(sys.argv[1]), TypeName.parse("L1/panoseti.ph1024"), tuple(json.loads(sys.argv[2]))
        try:
            resolve(root, name, keys, json.loads(sys.argv[2]))
            print(len(available(root, name, keys)))
        except DatasetNotFoundError as error:
            print("none", len(available(root, name, keys)), error)
    """)
    keys = json.dumps(dict(made.ref.data_id))
    for name in PEOPLE:
        account = getattr(place.accounts, name)
        done = account.run(installation.python, "-c", script, place.obs.root, keys)

        assert done.stdout.strip().startswith("1" if name in OPEN_TO[access] else "none 0"), done.stdout + done.stderr


def test_the_batch_account_closes_what_it_publishes_to_groups_of_which_it_is_no_member(place, installation):
    root = place.obs.root
    os.chown(root, place.accounts.batch.uid, -1)
    acl = class_acl(AccessClass.OPERATORS, place.server)
    support = installing.REPOSITORY / "tests" / "support"
    script = "import sys; sys.path.insert(0, sys.argv[1]); import small_products as s; from pathlib import Path\n"
    script += "print(s.publish(Path(sys.argv[2]), acl=sys.argv[3]).path)"

    done = place.accounts.batch.run(
        installation.python, "-c", script, support, root, acl, env={"NUMBA_CACHE_DIR": root / "numba"}
    )

    assert done.returncode == 0, done.stderr
    folder = root / done.stdout.strip()
    assert is_of_class(folder, AccessClass.OPERATORS, place.server)
    assert folder.stat().st_uid == place.accounts.batch.uid
    for name in ("ada", "olga", "otto", "api"):
        assert getattr(place.accounts, name).can("ls", folder) == (name in OPEN_TO["operators"])


def test_in_the_try_out_a_class_is_a_row_only(tmp_path):
    (tmp_path / "data").mkdir()
    with connect(Settings(root=tmp_path / "data", state=tmp_path)) as obs:
        made = small_products.publish(obs.root)
        obs.registry.register([made], inputs={})

        changed = change_access(obs.registry, obs.settings, RUN, AccessClass.OPERATORS)

        assert (changed.folders, changed.changed) == (0, 0)
        assert (obs.root / made.path).stat().st_mode & 0o777 == 0o555
        assert obs.seen_by(viewer_of("guest", None, operator=False)).query() == []
        assert obs.seen_by(viewer_of("tycho", None, operator=True)).query() == [made]


def test_an_account_that_does_not_exist_sees_what_is_public(accounts, tmp_path):
    server = ServerSettings.model_validate(accounts.server(tmp_path))

    for name in ("hvt-nobody", "service-api", "", "a\0b", "../x"):
        assert viewer_of(name, server, operator=True) == Viewer(name, frozenset({AccessClass.PUBLIC}))


def _collection(place):
    return next(c for c in place.obs.registry.collections() if c.name == RUN)


def _kill_at_second(done):
    if done == 2:
        raise KeyboardInterrupt


def test_sql_and_python_say_the_same_of_who_may_see_what(database_url, tmp_path):
    from hven.registry.direct import DirectRegistry

    names = ["panoseti/raw/all", "panoseti/x", "u/ada", "u/ada/flat", "u/Ada/flat", "u/adam/flat", "u/a%a/x", "usual/x"]
    with DirectRegistry(database_url, tmp_path) as registry:
        made = {}
        for number, name in enumerate(names):
            for access in AccessClass:
                run = f"{name}/{access}"
                registry.define(Collection(run, CollectionKind.RUN, access))
                made[run] = small_products.product(run=run, detector=number)
        unclassed = small_products.product(run="panoseti/runs/none/1")
        registry.register([*made.values(), unclassed], inputs={})
        collections = {c.name: c for c in registry.collections()}
        for name in ("ada", "Ada", "a%a", ""):
            for classes in ({"public"}, {"public", "collaboration"}, set(AccessClass), {"operators"}, set()):
                viewer = Viewer(name, frozenset(map(AccessClass, classes)))
                expected = {c.name for c in collections.values() if may_see(viewer, c.name, c.access)}

                seen = registry.seen_by(viewer)

                assert {c.name for c in seen.collections()} - {"panoseti/defaults"} == expected - {"panoseti/defaults"}
                ids = [p.id for p in (*made.values(), unclassed)]
                wanted = {i for i, p in zip(ids, (*made.values(), unclassed), strict=True) if p.run in expected}
                assert set(seen.among(ids)) == wanted


def test_records_of_hidden_runs_are_hidden(place):
    from hven.model.quantum import QuantumRecord, QuantumState

    record = QuantumRecord("", "s", "t", small_products.ref().data_id, "k", QuantumState.DONE, ("L1/panoseti.ph1024",))
    runs = [RUN, "panoseti/runs/open/1", "u/hvt-ada/r/1", "u/hvt-otto/r/1"]
    place.define("operators")
    place.obs.registry.record_quanta([replace(record, run=run) for run in runs])

    def seen(name):
        viewer = viewer_of(name, place.server, operator=False)
        return sorted(r.run for r in place.obs.registry.seen_by(viewer).quanta())

    assert seen("hvt-ada") == ["panoseti/runs/open/1", "u/hvt-ada/r/1"]
    assert seen("hvt-olga") == [RUN, "panoseti/runs/open/1"]
    assert seen("hvt-otto") == ["u/hvt-otto/r/1"]


@pytest.mark.parametrize("access", list(AccessClass))
def test_a_page_shows_what_the_folders_open(place, access):
    import panel as pn
    from bokeh.document import Document

    from hven.service.visitors import Visitors
    from hven.views import frame
    from hven.views.pages import observations
    from hven.views.url import Url

    place.define(access)
    place.publish(name="L0/panoseti.ph1024", observation="the-night")
    visitors = Visitors(place.obs, lambda _name: True)
    for name in PEOPLE:
        page = frame.page("observations", observations.page, visitors(f"hvt-{name}"), Url())
        page.get_root(Document())
        text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))

        assert ("the-night" in text) == (name in OPEN_TO[access]), text


def test_what_is_hidden_is_not_in_counts_explanations_or_messages(place):
    hidden = place.publish(detector=7, observation="the-secret")
    place.change("operators")
    seen = place.obs.seen_by(viewer_of("hvt-ada", place.server, operator=False))

    assert seen.find().empty
    assert seen.registry.find(limit=1) == []
    explained = str(seen.explain("panoseti.ph1024", level="L1", observation="the-secret"))
    assert "there: 1" not in explained
    assert hidden.id not in explained
    for ask in (
        lambda: seen.product(hidden.id),
        lambda: seen.open("panoseti.ph1024", level="L1", observation="the-secret"),
        lambda: seen.query(collection=RUN),
        lambda: seen.open("panoseti.ph1024", level="L1", observation="another"),
    ):
        with pytest.raises((DatasetNotFoundError, UnknownNameError)) as error:
            ask()
        assert "operators" not in str(error.value)
        assert RUN not in error.value.hint
        assert str(hidden.ref.data_id["detector"]) not in error.value.hint
