"""Where the time of a job went."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "support"))
import tiny_site


def test_a_sampled_jobs_time_is_told_by_function(tmp_path, monkeypatch):
    with tiny_site.opened(tmp_path, monkeypatch) as site:
        job = site.run(sample=True, config={"peaks": {"sleep_s": 0.05}})
        steps = {step.step: step for step in site.jobs.profile(job.id).steps}
        other = site.jobs.profile(site.run().id)

    (sleeping,) = (one for one in steps["peaks"].hottest(50) if one.function == "tiny:_peaks")
    assert 3 * 0.05 * 0.7 < sleeping.own_s <= sleeping.whole_s <= steps["peaks"].seconds
    assert other.steps == ()


def test_a_jobs_time_is_told_by_task_and_worker_and_adds_up(tmp_path, monkeypatch):
    with tiny_site.opened(tmp_path, monkeypatch) as site:
        first = site.run(config={"peaks": {"sleep_s": 0.05}})
        again = site.run(config={"peaks": {"sleep_s": 0.05}})
        times, reused = site.jobs.times(first.id), site.jobs.times(again.id)
        made = [site.registry.get(i) for i in site.jobs.products(first.id)]

    tasks = {task.step: task for task in times.tasks}
    assert {step: (task.task, task.version) for step, task in tasks.items()} == {
        "levels": ("tiny.levels", "1"), "signal": ("tiny.subtract", "1"),
        "peaks": ("tiny.peaks", "1"), "pair": ("tiny.pair", "1"),
    }  # fmt: skip
    assert tasks["peaks"].computing_s >= 3 * 0.05
    assert tasks["signal"].writing_s > 10 * tasks["levels"].writing_s
    assert all(task.reading_s > 0 and task.publishing_s > 0 and task.cpu_s > 0 for task in times.tasks)
    on_workers = sum(task.reading_s + task.computing_s + task.writing_s for task in times.tasks)
    assert times.busy_s == pytest.approx(on_workers)
    assert [worker.worker.rpartition(":")[2] for worker in times.workers] == [str(os.getpid())]
    assert times.output_bytes == sum(product.size_bytes for product in made)
    assert (times.reused, reused.reused, reused.output_bytes, reused.busy_s) == (0, 10, 0, 0)
    assert 0 < times.ran_s == pytest.approx((first.ended_ns - first.started_ns) / 1e9)
