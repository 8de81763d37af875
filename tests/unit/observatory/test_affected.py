"""A hot fix: what the former version of a task has made is listed, made again or accepted."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hven.batch.model import JobState
from hven.core.errors import ConfigurationError
from hven.observatory import Observatory
from hven.pipeline.bind import find_task

sys.path.append(str(Path(__file__).parents[2] / "support"))
import tiny
import tiny_site


@pytest.fixture
def site(tmp_path, monkeypatch):
    with tiny_site.opened(tmp_path, monkeypatch, detectors=(1, 2)) as site:
        yield site


@pytest.fixture
def obs(site):
    return Observatory(site.settings, site.registry, user="tycho", jobs=site.jobs)


def named(found):
    return sorted(f"{a.product.ref.type.name}.{a.product.ref.data_id.get('detector', 'all')}" for a in found)


@pytest.fixture
def mend(monkeypatch):
    """Install version 2 of the task that subtracts, whose signal is higher by some counts."""

    def install(higher):
        monkeypatch.setattr(tiny, "SUBTRACT", replace(tiny.SUBTRACT, version="2", run=partial(_higher, higher)))
        find_task.cache_clear()

    yield install
    monkeypatch.undo()
    find_task.cache_clear()


def _higher(higher, inputs, config, former=tiny.SUBTRACT.run):
    made = former(inputs, config)["signal"]
    return {"signal": made.assign(signal=made["signal"] + np.float32(higher))}


@pytest.mark.parametrize("higher", [0, 1])
def test_products_of_a_version_and_what_was_made_from_them_are_made_again(site, obs, mend, higher):
    site.run(shared=True, values={"detector": (1,)}, config={"peaks": {"threshold": 21.0}})
    site.run(shared=True, values={"detector": (2,)})
    made = obs.affected("tiny.subtract", "1")
    before = made.products
    assert named(before) == ["tiny.pairs.all", "tiny.peaks.1", "tiny.peaks.2", "tiny.signal.1", "tiny.signal.2"]
    assert {bool(a.source) for a in before if a.product.ref.type.name == "tiny.signal"} == {False}
    assert obs.affected("tiny.subtract", "2").products == []
    mend(higher)

    jobs = made.redo()

    assert {job.request.config.get("peaks", {}).get("threshold") for job in jobs} == {21.0, None}
    assert all(job.request.shared for job in jobs)
    ended = [site.run_next() for _ in jobs]
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert all(job.counts.reused for job in ended)
    assert made.products == []
    remade = obs.affected("tiny.subtract", "2").products
    assert named(remade) == (named(before) if higher else ["tiny.signal.1", "tiny.signal.2"])


def test_what_is_accepted_is_said_so_with_a_reason_and_not_made_again(site, obs):
    site.run(shared=True)
    made = obs.affected("tiny.subtract", "1")
    with pytest.raises(ConfigurationError, match="for a reason"):
        made.accept("")
    assert not any(a.accepted for a in made.products)

    made.accept("the difference is below the noise")

    assert all(a.accepted for a in made.products)
    assert made.redo() == []
    [kept] = [c for c in obs.registry.collections() if c.name == "tiny/accepted/tiny.subtract/1"]
    assert kept.doc == "Accepted by tycho: the difference is below the noise"


def test_own_products_are_their_owners_to_make_again(site, obs):
    site.run()
    sophie = Observatory(site.settings, site.registry, user="sophie", jobs=site.jobs_of("sophie"))

    assert named(sophie.affected("tiny.subtract", "1").products) == named(obs.affected("tiny.subtract", "1").products)
    assert sophie.affected("tiny.subtract", "1").redo() == []
    [job] = obs.affected("tiny.subtract", "1").redo()
    assert not job.request.shared
