"""The contract of a registry: subclass it, give it fixtures `registry` and `make`, and pytest runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hven.core.errors import (
    CalibrationMissingError,
    ConfigurationError,
    ConflictError,
    DatasetNotFoundError,
    UnknownNameError,
)
from hven.model.annotation import Annotation, Kind
from hven.model.collection import AccessClass, Collection, CollectionKind, Validity
from hven.model.data_id import DataId
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.registry.protocol import Registry
from hven.store.version import new_version

Make = Callable[..., Product]
"""Makes a product that the registry may register: dataset type, `run`, `inputs` (products), and data ID keys.

Everything of an L1 dataset of the instrument ``panoseti`` has a default; two calls give two versions of one dataset.
"""

_L1 = "L1/panoseti.ph1024"
_RUN = "panoseti/runs/contract/1"
_DAY = 86_400 * 10**9


class RegistryContract:
    """What every registry does."""

    def test_a_product_comes_back_as_it_was_registered(self, registry: Registry, make: Make) -> None:
        made = _registered(registry, make(_L1))

        assert registry.get(made.id) == made
        assert registry.find_one(made.ref) == made
        assert registry.find(made.ref.type) == [made]
        assert registry.find() == [made]

    def test_registering_again_changes_nothing(self, registry: Registry, make: Make) -> None:
        old = _registered(registry, make(_L1))
        new = _registered(registry, make(_L1))

        _registered(registry, old)

        assert registry.find() == [new]

    def test_what_people_say_of_data_comes_back_and_is_retracted_once(self, registry: Registry) -> None:
        marked = _said(Kind.BAD, "clouds", data_id=DataId(detector=254), begin_ns=1, end_ns=2)
        registry.annotate(marked)
        registry.annotate(marked)
        registry.annotate(_said(Kind.RETRACT, "it was the Moon", retracts=marked.id))

        first, second = registry.annotations()
        assert (first.id, first.kind, first.data_id, first.text) == (marked.id, "bad", marked.data_id, "clouds")
        assert (first.begin_ns, first.end_ns, second.retracts) == (1, 2, marked.id)
        with pytest.raises(ConflictError, match="retracted already"):
            registry.annotate(_said(Kind.RETRACT, "again", retracts=marked.id))
        with pytest.raises(UnknownNameError, match="unknown annotation"):
            registry.annotate(_said(Kind.RETRACT, "nothing", retracts=second.id))
        with pytest.raises(ConfigurationError, match="mark everything"):
            registry.annotate(_said(Kind.BAD, "all of it"))

    def test_what_is_not_chosen_is_found_in_its_run_only(self, registry: Registry, make: Make) -> None:
        """Until somebody tags it in the defaults."""
        made = make(_L1, run=_RUN)
        registry.register([made], inputs={}, chosen=False)
        assert registry.find(made.ref.type) == []
        assert registry.find(made.ref.type, collection=_RUN) == [made]

    def test_nothing_at_all_is_registered_and_found(self, registry: Registry) -> None:
        registry.register([], inputs={})
        registry.record_quanta([])

        assert (registry.find(), registry.by_quantum([]), registry.collections(), registry.quanta()) == ([], {}, [], [])

    def test_a_run_holds_all_versions_and_defaults_the_latest(self, registry: Registry, make: Make) -> None:
        made = [_registered(registry, make(_L1, run=_RUN)) for _ in range(2)]

        assert registry.find(collection=_RUN) == made
        assert registry.find_one(made[0].ref, collection=_RUN) == made[1]
        assert registry.find() == made[1:]

    def test_values_condition_and_limit_choose(self, registry: Registry, make: Make) -> None:
        made = {(d, day): _registered(registry, make(_L1, detector=d, day_obs=day)) for d in (10, 9) for day in (1, 2)}
        type_name = made[10, 1].ref.type

        assert registry.find(type_name, DataQuery.of(day_obs=2)) == [made[9, 2], made[10, 2]]
        assert registry.find(type_name, DataQuery.of("detector < 10", day_obs=[1, 2])) == [made[9, 1], made[9, 2]]
        assert registry.find(type_name, limit=1) == [made[9, 1]]
        assert registry.find(type_name, limit=0) == []
        assert registry.find(type_name, DataQuery.of(observation="none")) == []

    def test_a_condition_that_cannot_be_read_is_an_error(self, registry: Registry) -> None:
        with pytest.raises(ConfigurationError):
            registry.find(query=DataQuery.of("detector = 1; drop table product"))
        with pytest.raises(UnknownNameError, match="colour"):
            registry.find(query=DataQuery.of("colour == 1"))

    def test_ones_own_is_found_by_name_only(self, registry: Registry, make: Make) -> None:
        mine = _registered(registry, make(_L1, run="u/ada/flat"))

        assert registry.find() == []
        assert registry.find(collection="u/ada/flat") == [mine]

    def test_quantum_keys_find_what_exists(self, registry: Registry, make: Make) -> None:
        shared, own = (_registered(registry, make(_L1, run=run)) for run in (_RUN, "u/ada/flat"))
        keys = [shared.quantum_key, own.quantum_key, "none"]

        assert registry.by_quantum(keys) == {(shared.quantum_key, shared.output): shared}
        assert {p.id for p in registry.by_quantum(keys, owner="ada").values()} == {shared.id, own.id}

    def test_inputs_and_outputs_lead_both_ways(self, registry: Registry, make: Make) -> None:
        raw = _registered(registry, make("L0/panoseti.ph1024"))
        made = make(_L1, inputs=[raw])
        registry.register([made], inputs={made.id: [raw.id]})

        assert registry.inputs_of(made.id) == [raw.id]
        assert registry.outputs_of(raw.id) == [made.id]
        assert registry.inputs_of("none") == registry.outputs_of("none") == []

    def test_what_is_not_there_is_not_found(self, registry: Registry, make: Make) -> None:
        made = make(_L1)

        assert registry.find_one(made.ref) is None
        with pytest.raises(DatasetNotFoundError, match=made.id):
            registry.get(made.id)
        with pytest.raises(UnknownNameError, match="panoseti/default"):
            registry.find(collection="panoseti/default")

    def test_collections_keep_kind_class_text_and_children(self, registry: Registry) -> None:
        tagged = Collection("u/ada/best", CollectionKind.TAGGED, AccessClass.PUBLIC, "Ada's best.")
        chain = Collection("u/ada/chain", CollectionKind.CHAINED, children=("u/ada/best",))
        for collection in (tagged, chain):
            registry.define(collection)
        registry.define(replace(tagged, doc="Better."))

        assert registry.collections() == [replace(tagged, doc="Better."), chain]
        with pytest.raises(ConflictError, match="TAGGED"):
            registry.define(replace(tagged, kind=CollectionKind.RUN))
        with pytest.raises(UnknownNameError, match="nowhere"):
            registry.define(replace(chain, children=("nowhere",)))

    def test_a_chain_is_searched_in_order(self, registry: Registry, make: Make) -> None:
        old, new = (_registered(registry, make(_L1, run=f"panoseti/runs/{run}/1")) for run in "ab")
        only = _registered(registry, make(_L1, run="panoseti/runs/a/1", detector=5))
        runs = ("panoseti/runs/b/1", "panoseti/runs/a/1")
        registry.define(Collection("panoseti/both", CollectionKind.CHAINED, children=runs))

        assert registry.find(collection="panoseti/both") == [new, only]
        assert registry.find_one(old.ref, collection="panoseti/both") == new

    def test_tags_replace_those_of_the_same_dataset(self, registry: Registry, make: Make) -> None:
        old, new = (_registered(registry, make(_L1)) for _ in range(2))
        registry.define(Collection("u/ada/best", CollectionKind.TAGGED))
        registry.tag("u/ada/best", [new.id])
        registry.tag("u/ada/best", [old.id])

        assert registry.find(collection="u/ada/best") == [old]
        with pytest.raises(DatasetNotFoundError):
            registry.tag("u/ada/best", ["none"])
        with pytest.raises(ConflictError):
            registry.tag(old.run, [new.id])

    def test_calibrations_are_valid_in_half_open_ranges(self, registry: Registry, make: Make) -> None:
        gains = _registered(registry, make("L1/panoseti.gains"))
        registry.certify("panoseti/calib/gains", Validity(gains.id, 0, _DAY))

        assert registry.calibration(gains.ref, 0) == gains
        assert registry.calibration(gains.ref, _DAY - 1, collection="panoseti/calib/gains") == gains
        with pytest.raises(CalibrationMissingError):
            registry.calibration(gains.ref, _DAY)
        with pytest.raises(ConflictError, match="overlaps"):
            registry.certify("panoseti/calib/gains", Validity(gains.id, _DAY - 1, 2 * _DAY))

    def test_a_better_calibration_takes_its_range_and_the_books_keep_what_was(
        self, registry: Registry, make: Make
    ) -> None:
        old, new = (_registered(registry, make("L1/panoseti.gains")) for _ in range(2))
        registry.certify("panoseti/calib/gains", Validity(old.id, 0, 4 * _DAY), why="first")
        registry.certify("panoseti/calib/gains", Validity(new.id, _DAY, 2 * _DAY), why="better", supersede=True)

        valid = [c.validity for c in registry.certifications()]
        assert valid == [
            Validity(old.id, 0, _DAY), Validity(new.id, _DAY, 2 * _DAY), Validity(old.id, 2 * _DAY, 4 * _DAY),
        ]  # fmt: skip
        assert [registry.calibration(old.ref, day * _DAY) for day in (0, 1, 2)] == [old, new, old]

        registry.decertify("panoseti/calib/gains", Validity(old.id, 3 * _DAY, 9 * _DAY), why="frost")

        assert [c.why for c in registry.certifications()] == ["first", "better", "first"]
        books = registry.certifications(collection="panoseti/calib/gains", history=True)
        assert [(c.why, c.edit) for c in books] == [
            ("first", "certify"), ("better", "decertify"), ("better", "certify"), ("frost", "decertify"),
        ]  # fmt: skip
        assert {c.dataset_type for c in books} == {"L1/panoseti.gains"}
        with pytest.raises(CalibrationMissingError):
            registry.calibration(old.ref, 3 * _DAY)
        with pytest.raises(ConflictError, match="does not hold"):
            registry.decertify("panoseti/calib/gains", Validity(old.id, 3 * _DAY, 4 * _DAY))

    def test_quantum_records_come_newest_first_and_replace_former_ones(self, registry: Registry, make: Make) -> None:
        done, failed = _record(make, ended_ns=1), _record(make, ended_ns=2, detector=2, state=QuantumState.FAILED)
        registry.record_quanta([done, failed])

        assert registry.quanta() == [failed, done]
        assert registry.quanta(state=QuantumState.FAILED, output=_L1, run=_RUN) == [failed]
        assert registry.quanta(query=DataQuery.of('state == "done"', detector=1)) == [done]
        assert registry.quanta(run="none") == []
        assert registry.history("frames.calibrate", version="1.2", limit=5) == [done]
        assert registry.history("frames.calibrate", version="1.3") == registry.history("frames.subtract") == []
        again = replace(failed, state=QuantumState.DONE, error="", ended_ns=3)
        registry.record_quanta([again])
        assert registry.quanta() == [again, done]


def _registered(registry: Registry, made: Product) -> Product:
    registry.register([made], inputs={})
    return made


def _record(make: Make, *, detector: int = 1, state: QuantumState = QuantumState.DONE, **facts: Any) -> QuantumRecord:
    return QuantumRecord(
        run=_RUN,
        step="calibrate",
        task="frames.calibrate",
        data_id=make(_L1, detector=detector).ref.data_id,
        quantum_key="key",
        state=state,
        outputs=(_L1,),
        products=("a", "b"),
        error="" if state == QuantumState.DONE else 'no "pixel" is \N{GREEK SMALL LETTER ALPHA}',
        flavour=None if state == QuantumState.DONE else "data",
        wall_s=0.25,
        task_version="1.2",
        began_ns=7,
        read_s=0.125,
        write_s=0.0625,
        publish_s=0.5,
        output_bytes=1 << 40,
        workers=(("here:1", 0.125), ("there:2", 0.125)),
        **facts,
    )


def _said(kind: Kind, text: str, **more: Any) -> Annotation:
    return Annotation(
        **{"id": new_version(), "kind": kind, "data_id": DataId(), "text": text, "who": "ada", "at_ns": 1, **more}
    )
