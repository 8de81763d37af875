"""Workers of a runner: forked of it, with one thread for each library, and gone with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

RUNNER = """
import json, os, sys, time
from hven.cluster.threads import only_one_for_algebra
only_one_for_algebra()
from hven.batch.forks import fork_early
from hven.core.settings import EngineSettings, Profile, Settings

def threads():
    import numba, numcodecs.blosc, pyarrow, zarr
    counts = [numba.config.NUMBA_NUM_THREADS, numcodecs.blosc.get_nthreads(), pyarrow.io_thread_count()]
    return counts + [zarr.config.get("threading.max_workers"), int(os.environ["OMP_NUM_THREADS"])]

def look(loaded):
    return os.getpid(), os.getppid(), loaded <= set(sys.modules), threads()

if __name__ == "__main__":
    engine = EngineSettings(kind="local", profiles={"two": Profile(workers=2)}, default_profile="two")
    fork_early(Settings(root=sys.argv[1], state=sys.argv[1], engine=engine))
    before = {name for name in sys.modules if name.startswith("hven.")}
    from hven.cluster.make import make_engine
    made = make_engine(engine)
    made._client.wait_for_workers(2)
    told = list(made._client.run(look, before).values())
    print(json.dumps({"workers": told, "own": threads()}), flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runner")
    (folder / "program.py").write_text(RUNNER)
    with subprocess.Popen([sys.executable, "program.py", folder], cwd=folder, stdout=subprocess.PIPE) as process:
        yield process, json.loads(process.stdout.readline())
        process.kill()


def test_workers_have_one_parent_that_is_the_runners_child(runner):
    process, told = runner
    (parent,) = {worker[1] for worker in told["workers"]}
    assert parent != process.pid
    assert psutil.Process(parent).ppid() == process.pid


def test_workers_begin_with_all_that_the_runner_had_loaded(runner):
    assert [worker[2] for worker in runner[1]["workers"]] == [True, True]


def test_libraries_have_one_thread_in_workers_and_in_the_runner_only_those_of_algebra(runner):
    told = runner[1]
    assert [worker[3] for worker in told["workers"]] == [[1, 1, 1, 1, 1]] * 2
    *_, arrays, algebra = told["own"]
    assert arrays is None
    assert algebra == 1


def test_a_killed_runner_leaves_no_process(runner):
    process, _ = runner
    below = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in below):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert len(below) >= 3
