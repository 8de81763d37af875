from __future__ import annotations

import gc
from dataclasses import replace

import pytest
import tiny

from hven.core.errors import HvenError
from hven.instruments import load
from hven.model.annotation import Annotation, Kind
from hven.model.collection import Collection, CollectionKind, Validity
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery
from hven.model.task import Slot
from hven.pipeline.bind import bind
from hven.pipeline.graph import build_graph, waves
from hven.pipeline.load import load_pipeline


@pytest.fixture
def steps(observatory):
    return bind(load_pipeline(observatory.instrument, "all"), observatory.instrument)


def raw(registry, detector, observation="a", begin=100):
    ref = DatasetRef(TypeName.parse("L0/tiny.frames"), tiny.data_id(detector, observation))
    return made(registry, ref, begin)


def made(registry, ref, begin=100):
    from hven.store.paths import product_path
    from hven.store.version import new_version

    version = new_version()
    facts = {"form": "array", "rows": 1, "size_bytes": 1, "digest": version, "created_ns": 1, "user": "a", "site": "b"}
    product = Product(
        id=version,
        ref=ref,
        run="tiny/raw/all",
        path=product_path(ref, version),
        begin_ns=begin,
        end_ns=begin + 1,
        schema_version="1.0",
        **facts,
    )
    registry.register([product], inputs={})
    return product


def test_one_quantum_for_each_data_id_in_topological_order(observatory, steps):
    raw(observatory.registry, 1)
    raw(observatory.registry, 2)
    graph = build_graph(steps, observatory.registry, DataQuery())
    assert [(q.step.name, q.data_id.get("detector")) for q in graph] == [
        ("levels", 1),
        ("levels", 2),
        ("signal", 1),
        ("signal", 2),
        ("peaks", 1),
        ("peaks", 2),
        ("pair", None),
    ]
    assert [q.depends for q in graph[2:]] == [{0}, {1}, {2}, {3}, {4, 5}]
    assert [[q.number for q in wave] for wave in waves(graph)] == [[0, 1], [2, 3], [4, 5], [6]]


def test_a_slot_of_many_datasets_takes_those_of_all_its_types(observatory):
    panoseti = load("panoseti")
    steps = [s for s in bind(load_pipeline(panoseti, "coincidences"), panoseti) if s.name == "coincidences"]
    keys = {"instrument": "panoseti", "day_obs": 20251021, "observation": "a"}
    refs = [
        DatasetRef(TypeName.parse(f"L1/panoseti.{name}"), DataId(keys, detector=detector))
        for name, detector in (("ph1024", 1), ("ph256", 1), ("ph256", 2))
    ]
    for ref in refs:
        made(observatory.registry, ref)
    (quantum,) = build_graph(steps, observatory.registry, DataQuery())
    assert [ref for ref, _ in quantum.inputs["events"]] == refs


def test_nothing_to_work_on_gives_an_empty_graph(observatory, steps):
    assert build_graph(steps, observatory.registry, DataQuery()) == []


def test_what_exists_stands_in_for_what_cannot_be_made(observatory, steps):
    product = made(observatory.registry, DatasetRef(TypeName.parse("L1/tiny.signal"), tiny.data_id(1)))
    graph = build_graph(steps, observatory.registry, DataQuery())
    assert [q.step.name for q in graph] == ["peaks", "pair"]
    assert graph[0].inputs["frames"] == ((product.ref, product),)


def test_condition_chooses_what_is_made(observatory, steps):
    for detector in (1, 2, 3):
        raw(observatory.registry, detector)
    graph = build_graph(steps, observatory.registry, DataQuery.of(where="detector >= 2"))
    assert {q.data_id.get("detector") for q in graph} == {2, 3, None}


def with_calibration(steps, *, optional):
    """Levels as a calibration of the signal step."""
    signal = next(s for s in steps if s.name == "signal")
    slots = tuple(
        replace(s, calibration=True, optional=optional) if s.name == "levels" else s for s in signal.task.inputs
    )
    return (replace(signal, task=replace(signal.task, inputs=slots)),)


@pytest.mark.parametrize("optional", [False, True])
def test_calibration_is_looked_up_at_the_begin_of_the_data(observatory, steps, optional):
    registry = observatory.registry
    raw(registry, 1, "early", begin=50)
    raw(registry, 1, "late", begin=150)
    ref = DatasetRef(TypeName.parse("L1/tiny.levels"), tiny.data_id(1))
    calibration = made(registry, replace(ref, data_id=tiny.data_id(1, "late")))
    registry.define(Collection("tiny/calib/levels", CollectionKind.CALIBRATION))
    registry.certify("tiny/calib/levels", Validity(calibration.id, 100, 200))
    early, late = build_graph(with_calibration(steps, optional=optional), registry, DataQuery())
    assert late.inputs["levels"] == ((calibration.ref, calibration),)
    assert late.missing == ""
    assert "levels" not in early.inputs
    assert ("no calibration" in early.missing) is not optional


def test_somebodys_own_run_takes_its_own_calibration_first_and_then_their_certified_ones(observatory, steps):
    registry = observatory.registry
    raw(registry, 1)
    ref = DatasetRef(TypeName.parse("L1/tiny.levels"), tiny.data_id(1))
    names = ("tiny/calib/levels", "u/ada/calib/levels", "u/bert/calib/levels")
    shared, adas, _berts = (made(registry, ref) for _ in names)
    for name, product in zip(names, (shared, adas, _berts), strict=True):
        registry.certify(name, Validity(product.id, 0, 200))
    (signal,) = with_calibration(steps, optional=False)
    levels = next(s for s in steps if s.name == "levels")

    def calibration_of(steps, owner):
        last = build_graph(steps, registry, DataQuery(), owner=owner)[-1]
        return last.inputs["levels"][0][1], last.depends

    assert calibration_of([signal], "") == (shared, frozenset())
    assert calibration_of([signal], "ada") == (adas, frozenset())
    assert calibration_of([signal], "carol") == (shared, frozenset())
    assert calibration_of([levels, signal], "") == (shared, frozenset())
    assert calibration_of([levels, signal], "ada") == (0, {0})


def test_missing_calibration_blocks_and_says_so(observatory, steps, monkeypatch):
    observatory.add(1)
    monkeypatch.setattr("hven.pipeline.run.bind", lambda *_: with_calibration(steps, optional=False))
    (record,) = observatory.process().records
    assert record.state is QuantumState.BLOCKED
    assert record.flavour == "data"
    assert "no calibration L1/tiny.levels" in record.error


def test_list_of_types_binds_the_first_that_exists(observatory, steps):
    registry = observatory.registry
    other = replace(tiny.TYPES[0], name="tiny.other")
    (levels,) = [s for s in steps if s.name == "levels"]
    both = replace(levels, inputs={"frames": (other, tiny.TYPES[0])})
    raw(registry, 1)
    raw(registry, 2)
    better = made(registry, DatasetRef(other.type_name, tiny.data_id(2)))
    graph = build_graph([both], registry, DataQuery())
    assert [q.inputs["frames"][0][0].type.name for q in graph] == ["tiny.frames", "tiny.other"]
    assert graph[1].inputs["frames"] == ((better.ref, better),)


def test_optional_slot_of_fewer_keys_is_filled_where_it_exists(observatory, steps):
    registry = observatory.registry
    weather = DatasetType("tiny.weather", tiny.Level.L0, "table", tiny.KEYS, (tiny.TIME,), "Weather.")
    (levels,) = [s for s in steps if s.name == "levels"]
    slot = Slot("weather", (tiny.TIME,), "Weather.", optional=True, whole=True)
    task = replace(levels.task, inputs=(*levels.task.inputs, slot))
    step = replace(levels, task=task, inputs={**levels.inputs, "weather": (weather,)})
    raw(registry, 1, "a")
    raw(registry, 1, "b")
    there = made(registry, DatasetRef(weather.type_name, tiny.data_id(1, "b").subset(tiny.KEYS)))
    first, second = build_graph([step], registry, DataQuery.of(detector=1))
    assert "weather" not in first.inputs
    assert second.inputs["weather"] == ((there.ref, there),)


def test_what_is_marked_bad_is_no_input_until_that_is_retracted(observatory, steps):
    registry = observatory.registry
    for detector in (1, 2):
        raw(registry, detector)

    def detectors():
        return {q.data_id.get("detector") for q in build_graph(steps, registry, DataQuery())}

    registry.annotate(Annotation("a", Kind.BAD, DataId(detector=2), "clouds", "ada", 1))
    assert detectors() == {1, None}
    registry.annotate(Annotation("b", Kind.RETRACT, DataId(), "no", "ada", 2, retracts="a"))
    assert detectors() == {1, 2, None}


def test_garbage_is_collected_again_after_a_query_that_cannot_be_answered(observatory, steps):
    raw(observatory.registry, 1)
    with pytest.raises(HvenError, match="Did you mean 'detector'"):
        build_graph(steps, observatory.registry, DataQuery.of("detektor == 1"))

    assert gc.isenabled()
