from __future__ import annotations

import sqlalchemy as sa
from small_products import NIGHT, publish, ref

from hven.core.clock import NS
from hven.model.collection import AccessClass, Collection, CollectionKind, Validity
from hven.model.quantum import QuantumRecord, QuantumState
from hven.registry import schema
from hven.registry.direct import DirectRegistry
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
    registry.certify("panoseti/calib/x", Validity(new.id, NIGHT, NIGHT + NS))
    key = {"step": "s", "task": "t", "quantum_key": "k", "outputs": ("L1/panoseti.ph1024",)}
    for state in (QuantumState.FAILED, QuantumState.DONE):
        registry.record_quanta([QuantumRecord(run="r", data_id=ref().data_id, state=state, **key)])


def test_the_index_comes_back_from_the_disk_as_it_was(database_url, registry):
    fill(registry)
    before = dump(registry)

    rebuilt = rebuild(database_url, registry.root)

    assert dump(registry) == before
    assert rebuilt == Rebuilt(products=5, edits=5, quanta=2)


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
    before = dump(registry)
    registry.tag("best", [gone.id])
    registry.certify("panoseti/calib/x", Validity(gone.id, NIGHT, NIGHT + NS))
    folder = registry.root / gone.path
    folder.chmod(0o755)
    (folder / "provenance.json").unlink()
    (folder / "manifest.json").unlink()
    folder.rename(registry.root / "expired")

    rebuild(database_url, registry.root)

    before["member"] = [row for row in before["member"] if gone.id not in row]
    before["product"] = [row for row in before["product"] if gone.id not in row]
    assert dump(registry) == before


def test_an_index_of_an_older_version_is_made_anew(database_url, registry):
    fill(registry)
    before = dump(registry)
    with registry.database.write() as connection:
        connection.execute(sa.text("UPDATE schema_version SET version = 0"))

    rebuild(database_url, registry.root)

    with DirectRegistry(database_url, registry.root) as again:
        assert dump(again) == before
