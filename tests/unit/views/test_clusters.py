"""The System page says what running jobs take."""

from __future__ import annotations

import re
from types import SimpleNamespace

from hven.views.pages.system_clusters import shown


def job(job_class, user, cores, memory_gb):
    return SimpleNamespace(request=SimpleNamespace(job_class=job_class), user=user, cores=cores, memory_gb=memory_gb)


def test_cores_and_memory_are_summed_by_class_and_user():
    text = shown([job("offline", "<b>", 2, 4.0), job("prompt", "ada", 1, 2.0), job("offline", "<b>", 4, 8.5)])

    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in text.split("<tr>")[2:]]
    assert rows == [["offline", "&lt;b&gt;", "2", "6", "12.5 GB"], ["prompt", "ada", "1", "1", "2 GB"]]


def test_nothing_that_runs_is_said():
    assert "No job runs" in shown([])
