from __future__ import annotations

import pytest
from small_products import ref

from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery


def record(state=QuantumState.DONE, *, run="r/1", detector=1, ended=1, **more):
    values = {"step": "calibrate", "task": "frames.calibrate", "quantum_key": "k", "outputs": ("L1/panoseti.ph1024",)}
    return QuantumRecord(
        run=run, data_id=ref(detector=detector).data_id, state=state, ended_ns=ended, **{**values, **more}
    )


@pytest.fixture
def failed(registry):
    made = record(
        QuantumState.FAILED, detector=2, ended=5, error="bad pixel", flavour="data", traceback="File...", wall_s=1.5
    )
    registry.record_quanta([record(), made, record(detector=3, ended=9, products=("p1", "p2"), reused=True)])
    return made


def test_records_come_back_newest_first(registry, failed):
    found = registry.quanta()

    assert [r.ended_ns for r in found] == [9, 5, 1]
    assert found[1] == failed
    assert found[0].products == ("p1", "p2")
    assert found[0].reused


def test_records_are_chosen_by_state_output_and_query(registry, failed):
    assert registry.quanta(state=QuantumState.FAILED) == [failed]
    assert registry.quanta(output="L1/panoseti.ph1024", query=DataQuery.of(detector=2)) == [failed]
    assert registry.quanta(query=DataQuery.of('state == "failed" and detector > 1')) == [failed]
    assert registry.quanta(output="L1/panoseti.ph") == []
    assert registry.quanta(run="r/2") == []


def test_a_later_record_replaces_the_former_of_its_run(registry, failed):
    again = record(detector=2, ended=20)
    registry.record_quanta([again])
    registry.record_quanta([record(QuantumState.BLOCKED, run="r/2", detector=2, ended=30, quantum_key="")])

    found = registry.quanta(query=DataQuery.of(detector=2))

    assert [r.state for r in found] == [QuantumState.BLOCKED, QuantumState.DONE]
