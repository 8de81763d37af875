from __future__ import annotations

import multiprocessing
import os
import stat
import threading

import pytest

from hven.cluster.cores import Cores, make_cores, take_cores
from hven.cluster.local import LocalEngine, notebook_client
from hven.core.errors import ServiceUnavailableError
from hven.core.settings import Profile, Settings


@pytest.fixture
def cores(tmp_path):
    make_cores(tmp_path / "cores", 4)
    return tmp_path / "cores"


def work(cores, wanted):
    return take_cores(cores, wanted, stays=False, patience_s=0)


def test_all_together_never_get_more_than_there_are(cores):
    first, second = work(cores, 3), work(cores, 3)

    assert (len(first), len(second)) == (3, 1)
    with pytest.raises(ServiceUnavailableError, match="all 4 cores were in use"):
        work(cores, 1)


def test_cores_come_back(cores):
    with work(cores, 4) as taken:
        assert len(taken) == 4

    assert len(work(cores, 4)) == 4


def test_who_waits_gets_the_next_free_core(cores):
    taken = work(cores, 4)
    threading.Timer(0.5, taken.give_back).start()

    assert len(take_cores(cores, 2, stays=False, patience_s=30)) == 2


def test_notebooks_leave_a_core_to_work_that_ends(cores):
    notebooks = take_cores(cores, 9, stays=True, patience_s=0)

    assert len(notebooks) == 3
    with pytest.raises(ServiceUnavailableError, match="all 3 cores"):
        take_cores(cores, 1, stays=True, patience_s=0)
    assert len(work(cores, 2)) == 1


def test_a_single_core_is_for_everybody(tmp_path):
    make_cores(tmp_path / "one", 1)

    assert len(take_cores(tmp_path / "one", 2, stays=True, patience_s=0)) == 1


def hold(cores, pipe):
    taken = work(cores, 4)
    pipe.send(len(taken))
    pipe.recv()


def test_the_cores_of_a_killed_process_come_back(cores, forked):
    here, there = multiprocessing.Pipe()
    process = forked.Process(target=hold, args=(cores, there))
    process.start()
    assert here.recv() == 4
    with pytest.raises(ServiceUnavailableError):
        work(cores, 1)
    process.kill()
    process.join()

    assert len(work(cores, 4)) == 4


def test_a_machine_that_shrank_has_fewer(cores):
    make_cores(cores, 2)

    assert len(work(cores, 4)) == 2


def test_nobody_but_its_owner_changes_what_a_core_is(cores, accounts):
    for path in (cores, *cores.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o022


def test_without_cores_the_platform_is_not_up(tmp_path):
    with pytest.raises(ServiceUnavailableError, match="has no cores"):
        work(tmp_path, 1)


def test_work_that_comes_before_the_platform_waits_for_it(tmp_path):
    threading.Timer(0.5, make_cores, [tmp_path / "cores", 2]).start()

    assert len(take_cores(tmp_path / "cores", 2, stays=False, patience_s=30)) == 2


def test_a_cluster_is_no_larger_than_its_cores(cores):
    other = work(cores, 3)
    with LocalEngine(Profile(workers=2, memory_gb=0.6), cores=cores) as engine:
        assert engine.cores == 1
        assert [o.value for o in engine.map(abs, [-1])] == [1]
    other.give_back()

    assert len(work(cores, 4)) == 4


def test_a_notebook_cannot_scale_beyond_its_cores(cores):
    client = notebook_client(Profile(workers=1, memory_gb=0.6), cores=cores)
    try:
        client.cluster.scale(8)
        assert len(client.cluster.worker_spec) == 1
        client.cluster.scale(cores=8)
        assert len(client.cluster.worker_spec) == 1
    finally:
        client.close()
        client.cluster.close()

    assert len(work(cores, 4)) == 4


def test_many_users_share_the_cores_of_their_machine(tmp_path):
    shared = Settings(root=tmp_path, state=tmp_path, server={"runtime": tmp_path / "run"})

    assert shared.engine.cores == tmp_path / "run" / "cores"
    assert Settings(root=tmp_path, state=tmp_path).engine.cores is None


def test_open_files_are_not_inherited(cores):
    with work(cores, 1) as taken:
        assert isinstance(taken, Cores)
        assert not any(os.get_inheritable(number) for number in taken._held)
