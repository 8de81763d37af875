from __future__ import annotations

from hven.model.data_id import DataId
from hven.model.quantum import QuantumRecord, QuantumState
from hven.observatory.quanta import CUT_OFF, count_quanta
from hven.pipeline.runner import this_process


def record(state, runner=""):
    return QuantumRecord("r", "s", "t", DataId(), "k", state, (), runner=runner)


def test_quanta_of_a_process_that_has_died_are_not_counted_as_running():
    host_and_pid = this_process().rpartition(":")[0]
    running = QuantumState.RUNNING
    found = count_quanta(
        [
            record(running, this_process()),
            record(running, f"{host_and_pid}:1"),
            record(running, f"{host_and_pid}:1"),
            record(running, "elsewhere:1:2"),
            record(QuantumState.DONE, f"{host_and_pid}:1"),
        ]
    )

    assert {state: n for state, n in found.items() if n} == {"running": 2, "done": 1, CUT_OFF: 2}
