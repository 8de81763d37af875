"""What a task takes, from what was recorded of it."""

from __future__ import annotations

import pytest

from hven.batch.estimate import Spread, cost_of
from hven.batch.model import Estimate, Job, JobRequest, JobState
from hven.batch.size import request_of
from hven.core.settings import Profile
from hven.model.data_id import DataId
from hven.model.quantum import QuantumRecord, QuantumState
from hven.registry.direct import DirectRegistry


@pytest.fixture
def registry(tmp_path):
    with DirectRegistry(f"sqlite:///{tmp_path}/r.sqlite", tmp_path) as registry:
        yield registry


def record(number, **more):
    facts = {"cpu_s": float(number), "wall_s": 2.0 * number, "peak_bytes": 10 * number, "output_bytes": 100 * number}
    key = ("u/ada/x/1", "step", "t", DataId(detector=number), "k")
    values = {"state": QuantumState.DONE, "outputs": (), "ended_ns": number, "began_ns": 1, **facts, **more}
    return QuantumRecord(*key, **values)


def test_median_and_95th_percentile_of_what_was_computed(registry):
    registry.record_quanta([record(number) for number in range(1, 101)])
    registry.record_quanta([record(200 + n, reused=True, cpu_s=1e6) for n in range(5)])
    registry.record_quanta([record(300, state=QuantumState.FAILED, cpu_s=1e6)])

    cost = cost_of("t", registry)

    assert cost.quanta == 100
    assert (cost.cpu_s, cost.wall_s) == (Spread(50.5, 95.0), Spread(101.0, 190.0))
    assert (cost.peak_bytes, cost.output_bytes) == (Spread(505, 950), Spread(5050, 9500))
    assert cost_of("other", registry) is None


def test_records_that_do_not_tell_sizes_are_no_history(registry):
    registry.record_quanta([record(1, began_ns=0)])

    assert cost_of("t", registry) is None


def test_a_job_that_needs_more_memory_than_its_profile_asks_for_it():
    known = Estimate(quanta=2, done=0, wall_minutes_high=10.0, peak_bytes=4_000_000_000)
    job = Job(id=1, user="ada", request=JobRequest(pipeline="p/x"), state=JobState.READY)
    profile = Profile(workers=3, threads_per_worker=2, memory_gb=4.0)

    asked = request_of(job.model_copy(update={"estimate": known}), profile)
    blind = request_of(job, profile)

    assert (asked.cores, asked.memory_bytes, asked.wall_s) == (6, 3 * 12_000_000_000, 300 + 900)
    assert (blind.cores, blind.memory_bytes, blind.wall_s) == (6, 3 * 4_000_000_000, None)
