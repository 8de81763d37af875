from __future__ import annotations

from dataclasses import replace

import pytest
from small_products import product, publish, ref

from hven.core.errors import ConflictError, DatasetNotFoundError, UnknownNameError
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.model.data_id import TypeName
from hven.model.query import DataQuery
from hven.store.current import read_current

L1 = TypeName.parse("L1/panoseti.ph1024")


def test_a_product_comes_back_as_it_was_registered(registry):
    made = product()

    registry.register([made], inputs={})

    assert registry.get(made.id) == made
    assert registry.find_one(made.ref) == made
    assert registry.find(L1) == [made]


def test_registering_again_changes_nothing(registry):
    old, new = product(), product()
    registry.register([old], inputs={})
    registry.register([new], inputs={})

    registry.register([old], inputs={})

    assert registry.find(L1) == [new]


def test_defaults_hold_the_latest_of_each_dataset(registry):
    first, second, other = product(), product(), product(detector=2)

    registry.register([first, second, other], inputs={})

    assert registry.find(L1) == [second, other]
    assert registry.get(first.id) == first


def test_find_sorts_numbers_as_numbers(registry):
    made = [product(detector=d) for d in (10, 9, 254)]

    registry.register(made, inputs={})

    assert [p.ref.data_id["detector"] for p in registry.find(L1)] == [9, 10, 254]
    assert registry.find(L1, limit=1) == [made[1]]


def test_find_by_values_and_condition(registry):
    made = [product(detector=d, day_obs=day, hours=d) for d in (1, 2, 3) for day in (20251021, 20251022)]
    registry.register(made, inputs={})

    found = registry.find(L1, DataQuery.of('begin >= "2025-10-22T06:00"', day_obs=[20251021, 20251030]))

    assert [p.ref.data_id["detector"] for p in found] == [2, 3]
    assert {p.ref.data_id["day_obs"] for p in found} == {20251021}


def test_find_without_a_type_gives_all_types(registry):
    made = [product(), product("L0/panoseti.ph1024"), product("L2/panoseti.coincidences", detector=None)]
    registry.register(made, inputs={})

    assert {p.id for p in registry.find()} == {p.id for p in made}


def test_what_users_saved_is_found_in_their_collection_only(registry):
    mine = product(run="u/ada/my-flat")
    registry.register([mine], inputs={})

    assert registry.find(L1) == []
    assert registry.find(L1, collection="u/ada/my-flat") == [mine]


def test_same_output_of_a_quantum_twice_in_a_run_is_a_conflict_and_changes_nothing(registry):
    first = product(quantum_key="k")
    registry.register([first], inputs={})

    with pytest.raises(ConflictError, match="same quantum key"):
        registry.register([product(detector=7), product(quantum_key="k")], inputs={})

    assert registry.find(L1) == [first]


def test_raw_products_have_no_quantum_key_to_conflict(registry):
    registry.register([product(quantum_key=""), product(quantum_key="")], inputs={})

    assert len(registry.find(L1, collection="panoseti/runs/calibrate/1")) == 2


def test_by_quantum_finds_what_exists(registry):
    made = product(quantum_key="k")
    registry.register([made, product()], inputs={})

    assert registry.by_quantum(["k", "other"]) == {("k", "calibrated"): made}


def test_by_quantum_gives_what_is_shared_else_ones_own_and_never_somebody_elses(registry):
    shared, adas, berts, newer = (
        product(quantum_key="k", run=run)
        for run in ("panoseti/runs/calibrate/1", "u/ada/calibrate/1", "u/bert/calibrate/1", "u/ada/calibrate/2")
    )
    registry.register([adas, berts], inputs={})
    assert registry.by_quantum(["k"]) == {}
    assert registry.by_quantum(["k"], owner="Ada") == {}
    assert registry.by_quantum(["k"], owner="bert") == {("k", "calibrated"): berts}

    registry.register([shared, newer], inputs={})
    assert registry.by_quantum(["k"]) == registry.by_quantum(["k"], owner="ada") == {("k", "calibrated"): shared}


def test_inputs_and_outputs_are_followed_both_ways(registry):
    raw, calibrated = product("L0/panoseti.ph1024"), product()
    registry.register([raw], inputs={})
    registry.register([calibrated], inputs={calibrated.id: [raw.id, "deleted"]})

    assert registry.inputs_of(calibrated.id) == sorted([raw.id, "deleted"])
    assert registry.outputs_of(raw.id) == [calibrated.id]


def test_an_unknown_product_is_not_found(registry):
    with pytest.raises(DatasetNotFoundError, match="no product nowhere"):
        registry.get("nowhere")


def test_an_unknown_collection_is_named_with_those_there_are(registry):
    registry.register([product()], inputs={})

    with pytest.raises(UnknownNameError, match="panoseti/defaults"):
        registry.find(L1, collection="panoseti/default")


def test_a_chain_is_searched_in_order_and_the_first_wins(registry):
    old = product(run="panoseti/runs/a/1")
    new = product(run="panoseti/runs/b/1")
    only_old = product(run="panoseti/runs/a/1", detector=5)
    registry.register([old, only_old, new], inputs={})
    registry.define(Collection("both", CollectionKind.CHAINED, children=("panoseti/runs/b/1", "panoseti/runs/a/1")))
    registry.define(Collection("around", CollectionKind.CHAINED, children=("both",)))

    assert registry.find(L1, collection="around") == [new, only_old]
    assert registry.find_one(old.ref, collection="around") == new
    assert registry.find(L1, collection="around", limit=1) == [new]


def test_a_chain_cannot_contain_itself(registry):
    registry.define(Collection("a", CollectionKind.CHAINED))
    registry.define(Collection("b", CollectionKind.CHAINED, children=("a",)))

    with pytest.raises(ConflictError, match="contain itself"):
        registry.define(Collection("a", CollectionKind.CHAINED, children=("b",)))


def test_collections_keep_access_class_and_kind(registry):
    mine = Collection("u/ada/best", CollectionKind.TAGGED, AccessClass.OPERATORS, "The best.")
    registry.define(mine)
    registry.define(replace(mine, access=AccessClass.PUBLIC))

    assert registry.collections() == [replace(mine, access=AccessClass.PUBLIC)]
    with pytest.raises(ConflictError, match="is TAGGED, not RUN"):
        registry.define(replace(mine, kind=CollectionKind.RUN))


def test_tags_replace_those_of_the_same_dataset(registry):
    first, second = product(), product()
    registry.register([first, second], inputs={})
    registry.define(Collection("best", CollectionKind.TAGGED))

    registry.tag("best", [first.id])
    registry.tag("best", [second.id])

    assert registry.find(L1, collection="best") == [second]
    assert registry.find_one(ref(), collection="best") == second


def test_only_tagged_collections_take_tags(registry):
    made = product()
    registry.register([made], inputs={})

    with pytest.raises(ConflictError, match="is RUN"):
        registry.tag(made.run, [made.id])


def test_tagging_in_defaults_changes_what_is_current_on_disk(registry):
    old, new = publish(registry.root), publish(registry.root)
    registry.register([old, new], inputs={})

    registry.tag("panoseti/defaults", [old.id])

    assert registry.find_one(old.ref) == old
    assert read_current(registry.root, old.ref) == old.path
