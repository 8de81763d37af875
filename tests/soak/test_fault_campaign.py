"""A thousand quanta while runner, scheduler, worker and service are killed fifty times: as if nothing had happened.

Each kill waits until the work has recovered from the one before, and twice as long again: that three recoveries lie
between two kills keeps the campaign honest about both.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))
import faults

from hven.batch.model import JobState

pytestmark = pytest.mark.soak
QUANTA, KILLS, WORKERS, SLEEP_S = 1000, 52, 4, 3.0
PARTS = ("runner", "worker", "service", "scheduler")
APART = 3


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, faults.plugin(tmp_path_factory.mktemp("plugin"), patch):
        yield


def campaign(folder, during):
    """Run all quanta on a new platform; gives it closed, what the job came to, digests, visible versions, seconds."""
    platform = faults.Platform(folder, workers=WORKERS)
    platform.observe(QUANTA)
    platform.start("scheduler")
    platform.start("service")
    try:
        begin = time.monotonic()
        job = platform.submit(sleep_s=SLEEP_S)
        during(platform, job)
        ended = platform.wait(job, seconds=3600)
        took = time.monotonic() - begin
        return ended, platform.digests(job), platform.on_disk(), took, platform.deaths
    finally:
        platform.close()


def kill(platform, job):
    """Kill part after part, each when three recoveries have passed since the one before."""
    parts = itertools.cycle(PARTS)
    while not platform.published():  # starting is no recovery
        time.sleep(0.2)
    while sum(platform.deaths.values()) < KILLS and not platform.store.get(job).state.ended:
        published = platform.published()
        begin = time.monotonic()
        if not platform.kill(next(parts), job):
            time.sleep(1)
            continue
        while platform.published() == published and not platform.store.get(job).state.ended:
            time.sleep(0.2)
        time.sleep((APART - 1) * (time.monotonic() - begin))


def test_killed_fifty_times_a_campaign_ends_as_if_undisturbed(plugin, tmp_path, record_property):
    (tmp_path / "calm").mkdir()
    (tmp_path / "stormy").mkdir()
    calm, digests, _, calm_s, _ = campaign(tmp_path / "calm", lambda *_: None)
    assert calm.state == JobState.SUCCEEDED

    ended, found, visible, took_s, deaths = campaign(tmp_path / "stormy", kill)

    numbers = {"calm_s": calm_s, "stormy_s": took_s, "deaths": dict(deaths), "attempts": ended.attempt}
    record_property("campaign", json.dumps(numbers))
    sys.stderr.write(f"{numbers}\n")
    assert (ended.state, ended.counts.done) == (JobState.SUCCEEDED, QUANTA)
    assert sum(deaths.values()) >= KILLS - 2
    assert set(deaths) == set(PARTS)
    assert found == digests
    assert len(visible) == QUANTA
    assert set(visible.values()) == {1}
    assert took_s <= 4 * calm_s
