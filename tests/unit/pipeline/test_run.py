from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny

from hven.cluster.inprocess import InProcess
from hven.core.errors import CancelledError, QuantumError
from hven.model.data_id import DatasetRef, TypeName
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery
from hven.pipeline.runner import this_process
from hven.store import arrays
from hven.store.current import read_current
from hven.store.read import open_product
from hven.store.records import read_provenance

SIGNAL = TypeName.parse("L1/tiny.signal")


def signal(observatory, detector=1):
    product = observatory.registry.find_one(DatasetRef(SIGNAL, tiny.data_id(detector)))
    return open_product(observatory.root / product.path)


def test_pipeline_makes_what_a_plain_computation_makes(observatory):
    observatory.add(1, shuffled=True)
    report = observatory.process()
    report.raise_for_failures()
    frames = tiny.frames(1000, 1, shuffled=True)
    order = np.argsort(frames["time"].values, kind="stable")
    images = frames["images"].values[order].astype(float)
    cells = frames["time"].values[order].view(np.int64) // tiny.NS
    smooth = np.concatenate([images[:1], (images[1:] + images[:-1]) / 2])
    levels = {c: images[cells == c].mean(axis=0) for c in np.unique(cells)}
    expected = smooth - np.stack([levels[c] for c in cells])
    found = signal(observatory)
    np.testing.assert_allclose(found["signal"].values, expected, atol=1e-4)
    assert (found["time"].values == frames["time"].values[order]).all()
    assert found.attrs["cells"] == len(levels)


def test_any_block_length_and_any_number_of_threads_give_equal_digests(observatory):
    observatory.add(1, shuffled=True)
    observatory.add(2)
    digests = []
    for rows, cores in [(None, 1), (256, 2), (512, 1), (300, 1)]:
        with InProcess(cores) as engine:
            report = observatory.process(engine=engine, force=True, block_rows=rows)
        report.raise_for_failures()
        digests.append(observatory.digests(report))
    assert len(digests[0]) == 7
    assert all(d == digests[0] for d in digests)


def test_second_run_computes_nothing_and_says_so(observatory):
    observatory.add(1)
    first = observatory.process()
    second = observatory.process()
    assert all(r.reused for r in second.records)
    assert not any(r.reused for r in first.records)
    assert {p.id for p in second.products} == {p.id for p in first.products}
    assert "4 done; 4 were there already" in str(second)


def test_changed_config_makes_new_products_from_the_step_on(observatory):
    observatory.add(1)
    observatory.process()
    report = observatory.process(config={"peaks": {"threshold": 25.0}})
    assert {r.step: r.reused for r in report.records} == {
        "levels": True,
        "signal": True,
        "peaks": False,
        "pair": False,
    }


def test_returning_to_an_old_config_tags_the_old_product(observatory):
    observatory.add(1)
    old = {str(p.ref): p for p in observatory.process().products}
    observatory.process(config={"peaks": {"threshold": 25.0}})
    observatory.process()
    for product in old.values():
        assert observatory.registry.find_one(product.ref).id == product.id
        assert read_current(observatory.root, product.ref) == product.path


def test_product_that_is_missing_on_disk_is_made_again(observatory):
    observatory.add(1)
    product = next(p for p in observatory.process().products if p.ref.type == SIGNAL)
    (observatory.root / product.path).rename(observatory.root / "elsewhere")
    report = observatory.process()
    assert [r.step for r in report.records if not r.reused] == ["signal"]
    assert signal(observatory).sizes["time"] == 1000


def test_failing_quantum_fails_alone_and_blocks_its_descendants(observatory):
    observatory.add(1)
    observatory.add(2)
    observatory.add(3, observation="b")
    report = observatory.process(config={"peaks": {"fail_detector": 2}})
    states = {(r.step, r.data_id["observation"], r.data_id.get("detector")): r for r in report.records}
    broken = states["peaks", "a", 2]
    assert broken.state is QuantumState.FAILED
    assert broken.error == "ValueError: detector 2 is broken"
    assert broken.flavour == "pipeline"
    assert "in _peaks" in broken.traceback
    assert states["pair", "a", None].state is QuantumState.BLOCKED
    assert states["pair", "b", None].state is QuantumState.DONE
    assert len(report.failed) == 2
    assert len(report.records) == 11
    with pytest.raises(QuantumError, match="detector 2 is broken"):
        report.raise_for_failures()
    stored = observatory.registry.quanta(run=report.run, state=QuantumState.FAILED)
    assert [r.error for r in stored] == [broken.error]


def test_a_product_without_a_variable_that_a_slot_reads_fails_its_quanta_by_name(observatory):
    broken = observatory.add(1)
    observatory.add(2)
    shutil.rmtree(observatory.root / broken.path / arrays.DATA / "images")

    (failed,) = [r for r in observatory.process().records if r.state == QuantumState.FAILED]

    assert (failed.step, failed.data_id["detector"], failed.flavour) == ("levels", 1, "data")
    assert failed.error.startswith(f"SchemaError: slot frames: {broken.ref.data_id} in ")
    assert "unknown variable 'images'" in failed.error
    assert "Known: time." in failed.error


def test_what_failed_is_tried_again_and_the_rest_is_not(observatory):
    observatory.add(1)
    observatory.add(2)
    observatory.process(config={"peaks": {"fail_detector": 2}})
    report = observatory.process(config={"peaks": {"fail_detector": 9}})
    report.raise_for_failures()
    assert {r.step for r in report.records if r.reused} == {"levels", "signal"}


def test_nothing_half_made_is_left_by_a_failure(observatory):
    observatory.add(1)
    observatory.process(config={"peaks": {"fail_detector": 1}})
    assert list(observatory.root.rglob(".part-*")) == []


def test_empty_data_are_no_work_not_failure(observatory):
    observatory.add(1, rows=0)
    report = observatory.process()
    assert {r.state for r in report.records} == {QuantumState.NO_WORK}
    assert report.failed == ()


def test_partial_input_gives_partial_products(observatory):
    observatory.add(1, flags=("partial",))
    report = observatory.process()
    assert {r.state for r in report.records} == {QuantumState.PARTIAL}
    assert all(p.flags == ("partial",) for p in report.products)


def test_cancel_stops_between_blocks_and_keeps_what_is_done(observatory):
    observatory.add(1)
    seen = []
    with pytest.raises(CancelledError):
        observatory.process(
            progress=seen.append, cancelled=lambda: any("signal" in p.message for p in seen), block_rows=256
        )
    assert [p.ref.type.name for p in observatory.registry.find(TypeName.parse("L1/tiny.levels"))] == ["tiny.levels"]
    assert observatory.registry.find(TypeName.parse("L2/tiny.peaks")) == []
    report = observatory.process()
    assert next(r for r in report.records if r.step == "levels").reused


def test_progress_counts_up_to_the_total(observatory):
    observatory.add(1)
    observatory.add(2)
    seen = []
    observatory.process(progress=seen.append, config={"peaks": {"fail_detector": 2}})
    last = seen[-1]
    assert (last.done, last.failed, last.blocked, last.total) == (5, 1, 1, 7)
    assert any("block 1 of" in p.message for p in seen)
    assert [p.done + p.failed + p.blocked for p in seen] == sorted(p.done + p.failed + p.blocked for p in seen)


def test_provenance_names_everything_that_went_in(observatory):
    raw = observatory.add(1)
    report = observatory.process()
    by_type = {str(p.ref.type): p for p in report.products}
    product = by_type["L1/tiny.signal"]
    record = read_provenance(observatory.root / product.path)
    assert {(i.slot, i.id, i.digest) for i in record.inputs} == {
        ("frames", raw.id, raw.digest),
        ("levels", by_type["L1/tiny.levels"].id, by_type["L1/tiny.levels"].digest),
    }
    assert (record.user, record.run, record.task, record.task_version) == ("ada", report.run, "tiny.subtract", "1")
    assert record.software.version
    assert len(record.software.environment) == 64
    assert record.notes == {"pipeline": "tiny/all", "step": "signal"}
    assert set(observatory.registry.inputs_of(product.id)) == {raw.id, by_type["L1/tiny.levels"].id}


def test_query_limits_the_detectors_but_joins_see_all_of_them(observatory):
    observatory.add(1)
    observatory.add(2)
    observatory.process()
    report = observatory.process(query=DataQuery.of(detector=2), force=True)
    assert [r.data_id.get("detector") for r in report.records] == [2, 2, 2, None]
    pairs = next(p for p in report.products if p.ref.type.name == "tiny.pairs")
    assert open_product(observatory.root / pairs.path)["count"].size == 2


def test_user_run_goes_to_the_users_tree_and_not_to_the_defaults(observatory):
    observatory.add(1)
    report = observatory.process(run="u/ada/try")
    assert all(p.path.parts[:2] == ("users", "ada") for p in report.products)
    assert observatory.registry.find(SIGNAL) == []
    assert all(r.reused for r in observatory.process(run="u/ada/again").records)
    assert not any(r.reused for r in observatory.process(run="u/bert/mine").records)
    assert not any(r.reused for r in observatory.process().records)


def test_what_is_shared_satisfies_somebodys_own_run_and_keeps_its_place(observatory):
    observatory.add(1)
    shared = observatory.process()
    collections = observatory.registry.collections()
    own = observatory.process(run="u/ada/again")
    assert all(r.reused for r in own.records)
    assert {p.id for p in own.products} == {p.id for p in shared.products}
    assert {p.id for p in observatory.registry.find()} >= {p.id for p in shared.products}
    assert observatory.registry.collections() == collections
    assert not (observatory.root / "users").exists()


def test_somebodys_own_run_changes_nothing_that_is_shared(observatory):
    observatory.add(1)
    observatory.process()
    before = [observatory.registry.find(), observatory.registry.collections()]
    files = {p: p.read_bytes() for p in (observatory.root).rglob("current")}
    report = observatory.process(run="u/ada/other", config={"peaks": {"threshold": 25.0}})
    made = [p for p in report.products if p.run == "u/ada/other"]
    assert {p.ref.type.name for p in made} == {"tiny.peaks", "tiny.pairs"}
    after = observatory.registry.collections()
    assert [observatory.registry.find(), [c for c in after if c.name != "u/ada/other"]] == before
    assert {p: p.read_bytes() for p in files} == files
    assert {p.id for p in observatory.registry.find(collection="u/ada/other")} == {p.id for p in made}


def test_records_are_told_once_they_can_be_found(observatory):
    observatory.add(1)
    told = []

    def hear(records):
        known = {(r.step, r.data_id) for r in observatory.registry.quanta()}
        assert {(r.step, r.data_id) for r in records} <= known
        told.extend(records)

    report = observatory.process(told=hear)
    assert {(r.step, r.data_id, r.state) for r in report.records} <= {(r.step, r.data_id, r.state) for r in told}


def test_published_but_unregistered_product_is_found_again(observatory, tmp_path):
    from hven.registry.direct import DirectRegistry

    observatory.add(1)
    first = observatory.process()
    raw = observatory.registry.find(TypeName.parse("L0/tiny.frames"))
    with DirectRegistry(f"sqlite:///{tmp_path}/other.sqlite", tmp_path / "journal2") as registry:
        registry.register(raw, inputs={})
        observatory.registry, old = registry, observatory.registry
        second = observatory.process()
        observatory.registry = old
        assert {p.id for p in second.products} == {p.id for p in first.products}
        assert registry.get(first.products[0].id) == first.products[0]


def test_manifest_digest_is_the_content_of_what_is_on_disk(observatory):
    from hven.model.content_digest import digest_dataset

    observatory.add(1)
    for product in observatory.process(block_rows=256).products:
        folder = observatory.root / product.path
        assert digest_dataset(open_product(folder)) == product.digest
        assert json.loads((folder / "manifest.json").read_text())["content_digest"] == product.digest


def test_a_subset_makes_its_products_only_and_the_rest_goes_on_from_them(observatory):
    observatory.add(1)

    part = observatory.process(name="tiny/all#first")
    whole = observatory.process()

    assert {r.step for r in part.records} == {"levels", "signal"}
    assert {r.step for r in whole.records if r.reused} == {"levels", "signal"}
    assert {p.ref.type.name for p in part.products} == {"tiny.levels", "tiny.signal"}


def test_what_runs_is_recorded_as_running_and_then_as_what_became_of_it(observatory):
    observatory.add(1)
    seen = {}

    def look(counts):
        if "block" in counts.message:
            running = observatory.registry.quanta(state=QuantumState.RUNNING)
            seen.update({r.step: (r.runner, r.ended_ns) for r in running})

    observatory.process(progress=look)

    assert seen == dict.fromkeys(("levels", "signal", "peaks", "pair"), (this_process(), 0))
    assert {r.state for r in observatory.registry.quanta()} == {QuantumState.DONE}


def test_what_a_stopped_run_did_not_end_is_not_run_and_does_not_look_alive(observatory):
    observatory.add(1)
    observatory.add(2)
    seen = []
    with pytest.raises(CancelledError):
        observatory.process(progress=seen.append, cancelled=lambda: len(seen) > 1, block_rows=256)

    states = {r.state for r in observatory.registry.quanta()}

    assert QuantumState.NOT_RUN in states
    assert QuantumState.RUNNING not in states


def test_a_running_quantum_is_newer_than_how_it_ended_before(observatory):
    observatory.add(1)
    observatory.process()
    newest = []

    def look(counts):
        if "block" in counts.message:
            newest.append(observatory.registry.quanta()[0].state)

    observatory.process(force=True, progress=look)

    assert newest[0] == QuantumState.RUNNING
