"""The same pipeline on Dask: equal digests, and what becomes of killed workers and killed coordinators."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hven.cluster.client import ClientEngine
from hven.cluster.inprocess import InProcess
from hven.cluster.local import LocalEngine, notebook_client
from hven.core.settings import Profile
from hven.model.quantum import QuantumState
from hven.registry.direct import DirectRegistry

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture(scope="module")
def local():
    with LocalEngine(Profile(workers=2, memory_gb=1.0)) as engine:
        yield engine


def test_notebook_and_job_one_worker_and_two_give_equal_digests(observatory, local):
    observatory.add(1, rows=1500, shuffled=True)
    observatory.add(2, rows=1500)
    with InProcess(1) as engine:
        expected = observatory.digests(observatory.process(engine=engine, force=True))
    assert len(expected) == 7
    two = observatory.process(engine=local, force=True, block_rows=256)
    two.raise_for_failures()
    assert observatory.digests(two) == expected
    client = notebook_client(Profile(workers=1, memory_gb=1.0))
    try:
        one = observatory.process(engine=ClientEngine(client), force=True)
    finally:
        client.close()
        client.cluster.close()
    assert observatory.digests(one) == expected


def test_quantum_that_kills_its_worker_fails_alone(observatory, local):
    observatory.add(1)
    observatory.add(2)
    report = observatory.process(engine=local, config={"peaks": {"kill_detector": 2}})
    broken = [r for r in report.records if r.state is QuantumState.FAILED]
    assert [(r.step, r.data_id["detector"], r.flavour) for r in broken] == [("peaks", 2, "infrastructure")]
    assert broken[0].error.startswith("WorkerLostError")
    assert {r.step for r in report.failed} == {"peaks", "pair"}


def test_worker_killed_in_the_middle_costs_nothing_but_time(observatory, local, tmp_path):
    observatory.add(1, rows=1500)
    expected = observatory.digests(observatory.process())
    pids = tmp_path / "pids"
    pids.mkdir()

    def kill_one():
        while not list(pids.iterdir()):
            time.sleep(0.01)
        os.kill(int(next(pids.iterdir()).name), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    config = {"peaks": {"sleep_s": 0.1, "pids": str(pids)}}
    report = observatory.process(engine=local, force=True, block_rows=256, config=config)
    killer.join()
    report.raise_for_failures()
    made = observatory.digests(report)
    assert made == expected


COORDINATORS = """
import os, signal, sys
from pathlib import Path
import numpy as np
import tiny
from hven.cluster.inprocess import InProcess
from hven.core.settings import Settings
from hven.model.query import DataQuery
from hven.pipeline.identity import software
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.registry.direct import DirectRegistry
from hven.store.overviews import reduce_rows

root = Path(sys.argv[1])

def run(die_at):
    count = 0

    def maybe_die(event, _args):
        nonlocal count
        if event in ("os.rename", "os.mkdir", "os.chmod"):
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    settings = Settings(root=root / "data", state=root / "state")
    instrument = tiny.instrument(root / "tiny")
    with DirectRegistry(settings.registry_url, settings.root) as registry, InProcess(1) as engine:
        sys.addaudithook(maybe_die)
        report = run_pipeline(
            load_pipeline(instrument, "all"), instrument=instrument, registry=registry, settings=settings,
            engine=engine, query=DataQuery(), run="tiny/runs/all/killed", user="ada",
        )
        report.raise_for_failures()

software()  # once for all children, as is compiling
reduce_rows(np.zeros((256, 2, 3), np.float32))

for die_at in map(int, sys.argv[2:]):
    child = os.fork()
    if child == 0:
        run(die_at)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_coordinators(tmp_path, points):
    """Exit codes of one coordinator after the other, each killed at its n-th change of a name on disk."""
    done = subprocess.run(
        [sys.executable, "-c", COORDINATORS, str(tmp_path), *map(str, points)],
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split() if line.lstrip("-").isdigit()]


def test_coordinator_killed_at_many_points_is_resumed_by_running_again(observatory, tmp_path):
    from hven.model.content_digest import digest_dataset
    from hven.store.index import iter_products
    from hven.store.read import open_product

    observatory.add(1, rows=300)
    observatory.registry.close()
    points = [3, 11, 20, 30, 42, 55, 70]
    codes = run_coordinators(tmp_path, points)
    assert codes.count(-signal.SIGKILL) >= 5
    for product in iter_products(observatory.root):
        assert digest_dataset(open_product(observatory.root / product.path)) == product.digest
    with DirectRegistry(observatory.settings.registry_url, observatory.root) as observatory.registry:
        observatory.process(run="tiny/runs/all/killed").raise_for_failures()
    made = [p for p in iter_products(observatory.root) if p.run != "tiny/raw/all"]
    assert sorted(str(p.ref.type) for p in made) == [
        "L1/tiny.levels",
        "L1/tiny.signal",
        "L2/tiny.pairs",
        "L2/tiny.peaks",
    ]
    with DirectRegistry(observatory.settings.registry_url, observatory.root) as registry:
        for product in made:
            assert registry.find_one(product.ref) == product
    assert list(observatory.root.rglob(".part-*")) == []
