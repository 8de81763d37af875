"""A run that is asked to do only some quanta, to do some again, or to stop when those that have begun are done."""

from __future__ import annotations

import pytest

from hven.cluster.inprocess import InProcess
from hven.core.errors import CancelledError, DatasetNotFoundError
from hven.model.quantum import QuantumState
from hven.pipeline.scope import Scope

RUN = "tiny/runs/all/campaign"


def states(report):
    return {(r.step, r.data_id.get("detector")): (r.state, r.reused) for r in report.records}


def test_failed_only_leaves_to_others_what_has_come_since(observatory):
    observatory.add(1)
    broken = {"config": {"peaks": {"fail_detector": 1}}}
    observatory.process(run=RUN, **broken)
    observatory.add(2)

    report = observatory.process(run=RUN, again=Scope(known_only=True))

    assert {r.data_id.get("detector") for r in report.records} == {1}  # the pairs of all would need the new one
    assert states(report)["levels", 1] == (QuantumState.DONE, True)
    assert states(report)["peaks", 1] == (QuantumState.DONE, False)


def test_a_step_is_made_again_with_all_that_needs_it_and_nothing_else(observatory):
    observatory.add(1)
    observatory.add(2)
    first = observatory.process()

    second = observatory.process(again=Scope(step="signal", data_id=str(first.records[1].data_id)))

    assert first.records[1].data_id["detector"] == 2
    made = {key for key, (_, reused) in states(second).items() if not reused}
    assert made == {("signal", 2), ("peaks", 2), ("pair", None)}
    assert {str(p.ref): p.digest for p in second.products} == {str(p.ref): p.digest for p in first.products}
    signal = next(p for p in second.products if p.ref.type.name == "tiny.signal" and p.ref.data_id["detector"] == 2)
    assert observatory.registry.find_one(signal.ref).id == signal.id


def test_a_step_that_is_made_again_is_made_once_though_its_run_is_cut_in_between(observatory):
    observatory.add(1)
    observatory.process()
    scope = Scope(step="signal")
    asked = []

    def after_the_first():
        asked.append(1)
        return len(observatory.registry.quanta(run=RUN, state=QuantumState.DONE)) > 1

    with pytest.raises(CancelledError):
        observatory.process(run=RUN, again=scope, cancelled=after_the_first)
    report = observatory.process(run=RUN, again=scope)

    assert states(report)["signal", 1] == (QuantumState.DONE, True)
    assert states(report)["pair", None] == (QuantumState.DONE, False)
    born = [p for p in observatory.registry.find(collection=RUN) if p.run == RUN]
    assert sorted(p.ref.type.name for p in born) == ["tiny.pairs", "tiny.peaks", "tiny.signal"]


def test_a_step_without_this_quantum_is_named_with_one_that_it_has(observatory):
    observatory.add(1)

    with pytest.raises(DatasetNotFoundError, match="detector=1"):
        observatory.process(again=Scope(step="signal", data_id="detector=9"))


def test_a_run_that_gives_way_ends_the_quanta_that_have_begun(observatory):
    for detector in range(1, 9):
        observatory.add(detector)
    told = []

    with pytest.raises(CancelledError):
        observatory.process(run=RUN, yielding=lambda: bool(told), progress=lambda p: told.append(p.message))

    left = observatory.registry.quanta(run=RUN)
    by_state = {state: [r for r in left if r.state == state] for state in {r.state for r in left}}
    assert set(by_state) == {QuantumState.DONE, QuantumState.NOT_RUN}
    begun = len(by_state[QuantumState.DONE])
    assert 1 <= begun < 8
    again = observatory.process(run=RUN)
    assert sum(r.reused for r in again.records) == begun


class Backwards(InProcess):
    """Takes all items, and tells of the last first."""

    def map(self, function, items):
        return reversed(list(super().map(function, items)))


def test_a_run_that_gives_way_keeps_what_ends_out_of_turn(observatory):
    for detector in range(1, 9):
        observatory.add(detector)
    told = []

    with Backwards(1) as engine, pytest.raises(CancelledError):
        observatory.process(
            engine=engine, run=RUN, yielding=lambda: bool(told), progress=lambda p: told.append(p.message)
        )

    ended = {record.state for record in observatory.registry.quanta(run=RUN)}
    assert ended == {QuantumState.DONE}
