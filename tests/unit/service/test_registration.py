"""What the API refuses to believe: products, records and collections that are not the caller's, or not as they say."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath

import guest_api
import httpx
import installation
import pytest
import small_products

from hven.core.settings import ServerSettings, Settings
from hven.core.trust import trusted
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.model.quantum import QuantumRecord, QuantumState
from hven.observatory import connect
from hven.registry.entries import quantum_entry
from hven.registry.wire import product_to_row
from hven.store.staging import unlock

ADA, BERT, OLGA, OTTO = "hvt-ada", "hvt-bert", "hvt-olga", "hvt-otto"
SHARED = "panoseti/runs/calibrate/1"


class Place:
    """An observatory for many users, its API, and products that belong to them."""

    def __init__(self, observatory, url):
        self.obs, self.url = observatory, url
        self.root = observatory.root

    def ask(self, user, path, body, *, scopes=("read", "submit"), method="POST"):
        secret = ".".join((user, *scopes))
        content = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"Authorization": f"token {secret}", "Content-Type": "application/json"}
        return httpx.request(method, self.url + path, content=content, headers=headers, timeout=60, verify=trusted())

    def product(self, user=ADA, *, owner=None, run=None, maker=None, **more):
        """A product below a user's folder, published but not registered."""
        run = f"u/{user}/flat" if run is None else run
        made = small_products.publish(self.root, run=run, user=user, maker=maker or user, **more)
        if user:
            self.give(made, owner or user)
        return made

    def give(self, product, account):
        folder = self.root / product.path
        for base, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                shutil.chown(Path(base, name), account)

    def register(self, user, product, *, scopes=("read", "submit"), inputs=()):
        body = {"products": [product_to_row(product)], "inputs": {product.id: list(inputs)}}
        return self.ask(user, "/products", body, scopes=scopes)

    def knows(self, product):
        return bool(self.obs.registry.among([product.id]))


@pytest.fixture(scope="module")
def place(accounts):
    with installation.open_folder("registration") as folder:
        (folder / "data").mkdir()
        (folder / "state").mkdir()
        server = ServerSettings.model_validate(accounts.server(folder))
        settings = Settings(root=folder / "data", state=folder / "state", server=server)
        with connect(settings) as observatory, guest_api.serve(observatory) as url:
            yield Place(observatory, url)


@pytest.fixture
def mine(place):
    return place.product()


def refused(answer, status, says=""):
    assert answer.status_code == status, answer.text
    assert says in answer.json()["message"]


def test_ones_own_product_is_registered_as_the_disk_describes_it(place, mine):
    assert place.register(ADA, mine).status_code == 201

    assert place.obs.registry.get(mine.id) == mine
    assert place.obs.registry.find(mine.ref.type) == []


def test_the_same_again_is_no_error_and_changes_nothing(place, mine):
    assert [place.register(ADA, mine).status_code for _ in range(2)] == [201, 201]


@pytest.mark.parametrize("scopes", [(), ("read",), ("operate",)])
def test_without_the_right_to_submit_nothing_is_registered(place, mine, scopes):
    refused(place.register(ADA, mine, scopes=scopes), 403, "submit")
    assert not place.knows(mine)


def test_somebody_elses_product_is_refused(place, mine):
    refused(place.register(BERT, mine), 403, "u/hvt-ada/flat is not hvt-bert's")


def test_an_operator_does_not_write_into_somebodys_own(place, mine):
    refused(place.register(OLGA, mine, scopes=("read", "submit", "operate")), 403, "is not hvt-olga's")


def test_a_folder_of_somebody_else_is_refused(place):
    refused(place.register(ADA, place.product(owner=BERT)), 403, "belongs to somebody else")


def test_one_file_of_somebody_else_is_refused(place, mine):
    file = next((place.root / mine.path / "data.zarr").rglob("c/*"))
    shutil.chown(file, BERT)

    refused(place.register(ADA, mine), 403, "belongs to somebody else")


def test_a_shared_run_takes_the_right_to_operate(place):
    made = place.product("", run=SHARED, maker=ADA)

    refused(place.register(ADA, made), 403, "may not operate")
    assert SHARED not in {c.name for c in place.obs.registry.collections()}


def test_what_an_operator_made_by_hand_is_not_taken_for_the_batch_accounts(place):
    made = place.product("", run=SHARED, maker=OLGA)
    place.give(made, OLGA)

    refused(place.register(OLGA, made, scopes=("submit", "operate")), 403, "belongs to somebody else")


def test_the_batch_account_makes_shared_products(place):
    made = place.product("", run=SHARED, maker=OLGA, detector=77)
    place.give(made, "hvt-batch")

    assert place.register(OLGA, made, scopes=("submit", "operate")).status_code == 201
    assert place.obs.registry.find_one(made.ref) == made


@pytest.mark.parametrize(
    "path",
    ["/etc", "../../etc", "users/hvt-ada/../hvt-bert/L1/x", "L1/panoseti", "", ".", "users/hvt-ada"],
)
def test_a_path_elsewhere_is_refused(place, mine, path):
    refused(place.register(ADA, replace(mine, path=PurePosixPath(path))), 403, "is not where")


def test_the_path_of_another_dataset_is_refused(place, mine):
    other = place.product(detector=9)

    refused(place.register(ADA, replace(mine, path=other.path)), 403, "is not where")


def test_an_id_that_is_no_version_is_refused(place, mine):
    refused(place.register(ADA, replace(mine, id="../../../../../etc/passwd")), 422, "not a version")


def test_a_link_in_place_of_the_version_is_refused(place, mine):
    folder = place.root / mine.path
    moved = place.root / "elsewhere" / mine.id
    moved.parent.mkdir(exist_ok=True)
    folder.rename(moved)
    folder.symlink_to(moved)

    refused(place.register(ADA, mine), 403, "is a link or no folder")


def test_a_link_above_the_version_is_refused(place):
    mine = place.product(observation="linked")
    above = (place.root / mine.path).parents[2]
    moved = above.rename(above.with_name("moved"))
    above.symlink_to(moved)

    refused(place.register(ADA, mine), 403, "is a link or no folder")


@pytest.mark.parametrize("name", ["manifest.json", "provenance.json"])
def test_a_record_that_is_a_link_is_refused(place, mine, name):
    file = _open(place, mine) / name
    file.rename(file.with_name("real"))
    file.symlink_to("real")

    refused(place.register(ADA, mine), 403, "is a link")


def test_a_record_that_never_answers_is_refused(place, mine):
    file = _open(place, mine) / "manifest.json"
    file.unlink()
    os.mkfifo(file)

    refused(place.register(ADA, mine), 403, "no plain file")


def test_a_hard_link_to_a_file_of_somebody_else_is_refused(place, mine):
    theirs = place.product(BERT)
    source = next((place.root / theirs.path / "data.zarr").rglob("c/*"))
    target = next((_open(place, mine) / "data.zarr").rglob("c/*"))
    target.unlink()
    target.hardlink_to(source)

    refused(place.register(ADA, mine), 403, "hard link")


def test_a_link_among_the_data_is_refused(place, mine):
    target = next((_open(place, mine) / "data.zarr").rglob("c/*"))
    target.unlink()
    target.symlink_to("/etc/shadow")

    refused(place.register(ADA, mine), 403, "no plain file")


def test_a_linked_folder_among_the_data_is_refused(place, mine):
    (_open(place, mine) / "more").symlink_to("/root")

    refused(place.register(ADA, mine), 403, "no plain file")


@pytest.mark.parametrize("change", ["longer", "missing", "more"])
def test_files_that_are_not_those_of_the_manifest_are_refused(place, mine, change):
    target = next((_open(place, mine) / "data.zarr").rglob("c/*"))
    if change == "longer":
        target.write_bytes(target.read_bytes() + b"x")
    elif change == "missing":
        target.unlink()
    else:
        (target.parent / "more").touch()
    place.give(mine, ADA)

    refused(place.register(ADA, mine), 422, "missing, additional or of another size")


@pytest.mark.parametrize(
    "field", ["digest", "size_bytes", "rows", "begin_ns", "user", "site", "task", "quantum_key", "created_ns", "form"]
)
def test_a_record_that_differs_from_the_disk_is_refused(place, mine, field):
    value = getattr(mine, field)
    forged = replace(mine, **{field: value + 1 if isinstance(value, int) else f"{value}x"})

    refused(place.register(ADA, forged), 422, f"about: {field}")


def test_a_changed_manifest_is_refused(place, mine):
    _rewrite(_open(place, mine) / "manifest.json", content_digest="0" * 64)
    place.give(mine, ADA)

    refused(place.register(ADA, replace(mine, digest="0" * 64)), 422, "not what its digest says")


def test_a_changed_provenance_record_is_refused(place, mine):
    _rewrite(_open(place, mine) / "provenance.json", config={"forged": True})
    place.give(mine, ADA)

    refused(place.register(ADA, mine), 422, "not that of the manifest")


def test_broken_records_are_refused_without_a_fault_of_the_service(place, mine):
    for text in ("{", '{"form": NaN}', "[]", "\x00"):
        (_open(place, mine) / "manifest.json").write_text(text)
        place.give(mine, ADA)

        assert place.register(ADA, mine).status_code == 422


def test_a_product_made_in_the_name_of_somebody_else_is_refused(place):
    forged = place.product(maker=BERT)

    refused(place.register(ADA, forged), 403, "says that 'hvt-bert' made it")


def test_inputs_must_be_those_of_the_disk(place, mine):
    refused(place.register(ADA, mine, inputs=["0198c0de-0000-7000-8000-000000000000"]), 422, "other inputs")


def test_an_input_that_is_hidden_or_not_there_is_not_found(place):
    theirs = place.product(BERT)
    place.register(BERT, theirs)
    for unknown in (theirs, place.product(detector=3)):
        made = place.product(inputs=[unknown], detector=4)

        refused(place.register(ADA, made, inputs=[unknown.id]), 404, f"no product {unknown.id}")


def test_an_input_of_ones_own_is_linked(place, mine):
    place.register(ADA, mine)
    made = place.product(inputs=[mine], detector=5)

    assert place.register(ADA, made, inputs=[mine.id]).status_code == 201
    assert place.obs.registry.inputs_of(made.id) == [mine.id]


def test_one_refused_product_keeps_all_of_its_request_out(place, mine):
    other = place.product(owner=BERT)
    body = {"products": [product_to_row(p) for p in (mine, other)], "inputs": {}}

    refused(place.ask(ADA, "/products", body), 403)
    assert not place.knows(mine)


@pytest.mark.parametrize("run", ["u/hvt-ada", "u/hvt-ada/../hvt-bert", "u//x", "u/", "", "/", "panoseti/defaults"])
def test_a_run_of_another_name_than_the_disks_is_refused(place, mine, run):
    assert place.register(ADA, replace(mine, run=run)).status_code in {403, 422}
    assert not place.knows(mine)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b'{"products": 1}', b'{"products": [[]]}', b'{"products": [["L1/a.b", 1, 2, 3]]}',
        b'{"products": [], "more": 1}', b'{"products": [[null]]}', b'\xff\xfe{"products": []}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_registration_is_refused(place, body):
    answer = place.ask(ADA, "/products", body)

    assert answer.status_code in {400, 422}, answer.text
    assert set(answer.json()) == {"error", "message", "hint"}


def test_a_huge_body_is_refused_before_it_is_read(place):
    refused(place.ask(ADA, "/products", b" " * (33 << 20)), 413, "larger than")


def test_a_huge_body_of_unknown_length_is_refused_too(place):
    headers = {"Authorization": f"token {ADA}.read.submit", "Content-Type": "application/json"}
    parts = (b" " * (1 << 20) for _ in range(40))

    try:
        answer = httpx.post(f"{place.url}/products", content=parts, headers=headers, timeout=60, verify=trusted())
    except httpx.TransportError:
        return  # the service has hung up on us
    refused(answer, 413, "larger than")


def record(run, **facts):
    values = {"step": "s", "task": "t", "quantum_key": "k", "outputs": ("L1/panoseti.ph1024",), **facts}
    return quantum_entry(
        QuantumRecord(run=run, data_id=small_products.ref().data_id, state=QuantumState.DONE, **values)
    )


def test_records_of_ones_own_runs_are_kept(place):
    assert place.ask(ADA, "/quanta", [record("u/hvt-ada/r/1", error="bad \0 name")]).status_code == 200

    assert [r.run for r in place.obs.registry.quanta(run="u/hvt-ada/r/1")] == ["u/hvt-ada/r/1"]


@pytest.mark.parametrize("run", ["u/hvt-bert/r/1", SHARED, "panoseti/raw/all"])
def test_records_of_other_runs_are_refused_whole(place, run):
    refused(place.ask(ADA, "/quanta", [record("u/hvt-ada/r/2"), record(run)]), 403)
    assert place.obs.registry.quanta(run="u/hvt-ada/r/2") == []


@pytest.mark.parametrize(
    "change",
    [{"wall_s": "x"}, {"wall_s": float("nan")}, {"wall_s": float("inf")}, {"state": "great"}, {"peak_bytes": 2**63},
     {"data_id": {"colour": 1}}, {"data_id": {"detector": [1]}}, {"run": "u/hvt-ada/\0"}, {"more": 1}, {"step": None}],
)  # fmt: skip
def test_records_that_are_none_are_refused(place, change):
    answer = place.ask(ADA, "/quanta", [{**record("u/hvt-ada/r/3"), **change}])

    assert answer.status_code in {404, 422}, answer.text
    assert place.obs.registry.quanta(run="u/hvt-ada/r/3") == []


def define(place, user, name, *, scopes=("read", "submit"), **more):
    body = {"name": name, "kind": "TAGGED", "access": "public", "doc": "", "children": [], **more}
    return place.ask(user, "/collections", body, scopes=scopes)


def test_collections_of_ones_own_are_made(place):
    assert define(place, ADA, "u/hvt-ada/best").status_code == 200


@pytest.mark.parametrize("name", ["u/hvt-bert/best", "panoseti/defaults", "panoseti/best", "u", "p/team/best"])
def test_other_collections_are_refused(place, name):
    refused(define(place, ADA, name), 403)


@pytest.mark.parametrize("name", ["", "/", "a//b", "../x", "a/../b", "a b", "a\0", "é/x", "x" * 301])
def test_what_is_no_name_of_a_collection_is_refused(place, name):
    assert define(place, OLGA, name, scopes=("submit", "operate")).status_code == 422


def test_a_chain_does_not_lead_to_what_is_hidden(place):
    define(place, BERT, "u/hvt-bert/secret")

    answer = define(place, ADA, "u/hvt-ada/chain", kind="CHAINED", children=["u/hvt-bert/secret"])

    refused(answer, 404, "unknown collection")
    assert "bert/secret" not in answer.json()["hint"]


def test_the_class_of_a_shared_run_is_not_changed_behind_its_folders(place):
    place.obs.registry.define(Collection("panoseti/runs/x/1", CollectionKind.RUN))

    answer = define(place, OLGA, "panoseti/runs/x/1", kind="RUN", scopes=("read", "submit", "operate"))

    refused(answer, 409, "its folders")
    assert "hven collection access" in answer.json()["hint"]


def test_tags_and_certifications_need_a_collection_of_ones_own(place, mine):
    place.register(ADA, mine)
    define(place, BERT, "u/hvt-bert/best")
    for name in ("u/hvt-bert/best", "panoseti/defaults"):
        refused(place.ask(ADA, "/collections/tag", {"collection": name, "products": [mine.id]}), 403)
    for name in ("u/hvt-bert/calib", "panoseti/calib/gain"):
        body = {"collection": name, "product_id": mine.id, "begin_ns": 0, "end_ns": 1}
        refused(place.ask(ADA, "/collections/certify", body), 403)


def test_which_raw_data_are_current_is_said_by_the_archive_alone(place):
    raw = place.product("", run="panoseti/raw/all", maker="hvt-archive", name="L0/panoseti.ph1024")
    place.obs.registry.register([raw], inputs={})
    scopes = ("read", "submit", "operate")
    define(place, OLGA, "panoseti/best", scopes=scopes)

    answer = place.ask(
        OLGA, "/collections/tag", {"collection": "panoseti/defaults", "products": [raw.id]}, scopes=scopes
    )

    refused(answer, 403, "the archive alone")
    assert "hven ingest" in answer.json()["hint"]
    body = {"collection": "panoseti/best", "products": [raw.id]}
    assert place.ask(OLGA, "/collections/tag", body, scopes=scopes).status_code == 200


def test_what_is_hidden_is_neither_tagged_nor_certified(place):
    theirs = place.product(BERT)
    place.register(BERT, theirs)
    define(place, ADA, "u/hvt-ada/best")

    refused(place.ask(ADA, "/collections/tag", {"collection": "u/hvt-ada/best", "products": [theirs.id]}), 404)
    body = {"collection": "u/hvt-ada/calib", "product_id": theirs.id, "begin_ns": 0, "end_ns": 1}
    refused(place.ask(ADA, "/collections/certify", body), 404)


@pytest.mark.parametrize(
    "where",
    ["1=1; drop table product", "run == 'x' or 1 == 1", "(select 1)", "detector == (select id from product)",
     "__import__('os').system('id')", "run.x == 1", "detector == 1 -- x", "user == 'x' union select",
     "not " * 60 + "a"],
)  # fmt: skip
def test_a_condition_is_no_way_into_the_database(place, where):
    answer = place.ask(ADA, "/lookup/find", {"where": where})

    assert answer.status_code in {404, 422}, answer.text


@pytest.mark.parametrize("path", ["/lookup/find", "/quanta/find"])
@pytest.mark.parametrize(
    "body",
    [{"values": {"colour": [1]}}, {"values": {"detector": [2**63]}}, {"values": {"observation": ["\0"]}}, {"more": 1},
     {"values": {"detector": [[1]]}}, {"where": 1}],
)  # fmt: skip
def test_queries_that_are_none_are_refused(place, path, body):
    assert place.ask(ADA, path, body).status_code in {404, 422}


def test_refusals_are_noted_with_who_and_what(place, mine, capfd):
    place.register(BERT, mine)

    noted = [line for line in "".join(capfd.readouterr()).splitlines() if "refused" in line]
    assert any("hvt-bert" in line and "u/hvt-ada/flat" in line for line in noted)


def test_classes_open_by_unix_group_and_ones_own_to_oneself(place):
    own = place.product(detector=90)
    place.register(ADA, own)
    for number, access in enumerate(AccessClass):
        run = f"panoseti/runs/class/{access}"
        place.obs.registry.define(Collection(run, CollectionKind.RUN, access))
        place.obs.registry.register([small_products.product(run=run, detector=91 + number)], inputs={})

    def seen(user, scopes=("read",)):
        answer = place.ask(user, "/products?where=detector >= 90 and detector < 100", b"", method="GET", scopes=scopes)
        return {row["data_id"]["detector"] for row in answer.json()}

    assert [seen(u) for u in (OTTO, ADA, OLGA)] == [{91}, {91, 92}, {91, 92, 93}]
    assert seen(ADA, ("read", "operate")) == {91, 92}
    for user, there in ((ADA, 200), (BERT, 404), (OLGA, 404)):
        assert place.ask(user, f"/products/{own.id}", b"", method="GET").status_code == there


def _open(place, product):
    folder = place.root / product.path
    unlock(folder)
    return folder


def _rewrite(file, **values):
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
