from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from small_products import NIGHT, publish, ref

from hven.core.clock import NS
from hven.model.annotation import Annotation, Kind
from hven.model.collection import AccessClass, Collection, CollectionKind, Validity
from hven.model.data_id import DataId
from hven.model.quantum import QuantumRecord, QuantumState
from hven.registry import schema
from hven.registry.direct import DirectRegistry
from hven.registry.journal import EDITS, QUANTA
from hven.registry.rebuild import Rebuilt, rebuild


def dump(registry):
    with registry.database.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in schema.metadata.sorted_tables
        }


def fill(registry):
    root = registry.root
    raw = publish(root, "L0/panoseti.ph1024", run="panoseti/raw/all")
    old, new = publish(root, inputs=[raw]), publish(root, inputs=[raw])
    other = publish(root, detector=2, run="panoseti/runs/calibrate/2")
    mine = publish(root, "L2/panoseti.my-flat", run="u/ada/my-flat", user="ada", inputs=[new])
    registry.register([raw], inputs={})
    registry.register([old, new, other, mine], inputs={old.id: [raw.id], new.id: [raw.id], mine.id: [new.id]})
    registry.define(Collection("best", CollectionKind.TAGGED, AccessClass.PUBLIC, "The best."))
    registry.tag("best", [old.id, other.id])
    registry.tag("panoseti/defaults", [old.id])
    registry.define(Collection("all", CollectionKind.CHAINED, children=("best", "panoseti/runs/calibrate/2")))
    registry.certify("panoseti/calib/x", Validity(new.id, NIGHT, NIGHT + 4 * NS), who="ada")
    registry.certify("panoseti/calib/x", Validity(old.id, NIGHT + NS, NIGHT + 2 * NS), why="better", supersede=True)
    registry.decertify("panoseti/calib/x", Validity(new.id, NIGHT + 3 * NS, NIGHT + 4 * NS), who="eve")
    registry.annotate(Annotation("a1", Kind.BAD, DataId(detector=2), "é", "ada", NIGHT, NIGHT, NIGHT + NS))
    registry.annotate(Annotation("a2", Kind.RETRACT, DataId(), "not so", "bert", NIGHT, retracts="a1"))
    key = {"step": "s", "task": "t", "quantum_key": "k", "outputs": ("L1/panoseti.ph1024",)}
    for state in (QuantumState.FAILED, QuantumState.DONE):
        registry.record_quanta([QuantumRecord(run="r", data_id=ref().data_id, state=state, **key)])


def test_the_index_comes_back_from_the_disk_as_it_was(database_url, registry):
    fill(registry)
    before = dump(registry)

    rebuilt = rebuild(database_url, registry.root)

    assert dump(registry) == before
    assert rebuilt == Rebuilt(products=5, edits=10, quanta=2)


def test_readers_see_the_old_index_until_the_new_one_is_whole(database_url, registry):
    """The rebuild waits at its journal, a pipe, when all products are in."""
    fill(registry)
    before = dump(registry)
    edits = registry.root / EDITS
    lines = edits.read_bytes()
    edits.unlink()
    os.mkfifo(edits)
    with ThreadPoolExecutor(1) as pool:
        rebuilding = pool.submit(rebuild, database_url, registry.root)
        with edits.open("wb") as journal:
            meanwhile = dump(registry)
            journal.write(lines)
        rebuilt = rebuilding.result(60)

    assert meanwhile == before
    assert rebuilt == Rebuilt(products=5, edits=10, quanta=2)
    assert dump(registry) == before


def test_a_deleted_index_comes_back(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.sqlite"
    with DirectRegistry(url, tmp_path / "data") as registry:
        fill(registry)
        before = dump(registry)
    for file in tmp_path.glob("registry.sqlite*"):
        file.unlink()

    rebuild(url, tmp_path / "data")

    with DirectRegistry(url, tmp_path / "data") as registry:
        assert dump(registry) == before


def test_tags_of_products_that_are_gone_are_left_out(database_url, registry):
    fill(registry)
    gone = publish(registry.root, detector=9)
    registry.register([gone], inputs={})
    registry.tag("best", [gone.id])
    registry.certify("panoseti/calib/x", Validity(gone.id, NIGHT, NIGHT + NS))
    before = dump(registry)
    folder = registry.root / gone.path
    folder.chmod(0o755)
    (folder / "provenance.json").unlink()
    (folder / "manifest.json").unlink()
    folder.rename(registry.root / "expired")

    rebuild(database_url, registry.root)

    for table in ("member", "product", "validity"):
        before[table] = [row for row in before[table] if gone.id not in row]
    assert dump(registry) == before


def damage(root, path, content=b"{"):
    file = root / path
    file.parent.chmod(0o755)
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_bytes(content)


@pytest.mark.parametrize("name", ["manifest.json", "provenance.json"])
@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b"\xff", None])
def test_a_product_that_cannot_be_read_is_left_out_and_named_and_all_others_are_found(
    database_url, registry, name, content
):
    fill(registry)
    before = dump(registry)
    bad = publish(registry.root, detector=9)
    damage(registry.root, bad.path / name, content)

    rebuilt = rebuild(database_url, registry.root)

    assert dump(registry) == before
    (problem,) = rebuilt.problems
    assert str(bad.path) in problem.message
    assert name in problem.message
    assert "backup" in problem.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"nonsense\n", "names no version"), (f"{'0198c0de-0000-7000-8000-000000000000'}\n".encode(), "is not there")],
)
def test_a_broken_pointer_is_named_and_its_products_are_found_in_their_run(database_url, registry, content, says):
    fill(registry)
    one = publish(registry.root, detector=9)
    registry.register([one], inputs={})
    damage(registry.root, one.path.parent / "current", content)

    rebuilt = rebuild(database_url, registry.root)

    assert [(says in p.message, str(one.path.parent / "current") in p.message) for p in rebuilt.problems] == [
        (True, True)
    ]
    assert rebuilt.products == 6
    assert one in registry.find(collection=one.run)
    assert registry.find_one(one.ref) is None


def test_of_products_that_contradict_each_other_the_first_is_found_and_the_other_named(database_url, registry):
    fill(registry)
    one = publish(registry.root, detector=8)
    copy = publish(registry.root, detector=9)
    record = json.loads((registry.root / copy.path / "provenance.json").read_text())
    damage(
        registry.root,
        copy.path / "provenance.json",
        json.dumps({**record, "quantum_key": one.quantum_key}).encode(),
    )

    rebuilt = rebuild(database_url, registry.root)

    assert rebuilt.products == 6
    (problem,) = rebuilt.problems
    assert str(copy.path) in problem.message
    assert registry.find_one(one.ref) == one


@pytest.mark.parametrize("line", ["garbage", '{"edit":"dance"}', '{"edit":"tag"}', '{"edit":"tag","collection":"new"}'])
def test_a_line_of_the_journal_that_says_nothing_is_named_and_the_others_count(database_url, registry, line):
    fill(registry)
    before = dump(registry)
    with (registry.root / EDITS).open("a") as journal:
        journal.write(f"{line}\n")
    with (registry.root / QUANTA).open("a") as journal:
        journal.write('{"run":"r"}\n')

    rebuilt = rebuild(database_url, registry.root)

    assert dump(registry) == before
    assert ["collections.jsonl" in p.message or "quanta.jsonl" in p.message for p in rebuilt.problems] == [True, True]


def test_an_edit_that_needs_a_lost_one_is_left_out(database_url, registry):
    fill(registry)
    registry.define(Collection("child", CollectionKind.TAGGED))
    registry.define(Collection("parent", CollectionKind.CHAINED, children=("child",)))
    registry.tag("child", [registry.find()[0].id])
    text = (registry.root / EDITS).read_text().splitlines(keepends=True)
    (registry.root / EDITS).write_text("".join(["broken\n" if '"name":"child"' in line else line for line in text]))

    rebuilt = rebuild(database_url, registry.root)

    assert len(rebuilt.problems) == 2
    assert "child" in rebuilt.problems[1].message
    assert {"best", "all"} <= {c.name for c in registry.collections()}


def test_an_index_of_an_older_version_is_made_anew(database_url, registry):
    fill(registry)
    before = dump(registry)
    with registry.database.write() as connection:
        connection.execute(sa.text("UPDATE schema_version SET version = 0"))

    rebuild(database_url, registry.root)

    with DirectRegistry(database_url, registry.root) as again:
        assert dump(again) == before
