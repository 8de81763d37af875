from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hven.cluster.address import AddressEngine
from hven.cluster.certificates import make_keys, security
from hven.cluster.client import ClientEngine
from hven.cluster.inprocess import InProcess
from hven.cluster.local import LocalEngine, notebook_client
from hven.cluster.make import client, make_engine
from hven.core.errors import (
    CommunicationFailedError,
    ConfigurationError,
    OutOfMemoryError,
    UnknownNameError,
    WorkerLostError,
)
from hven.core.settings import EngineSettings, Profile, Settings


def kill_on_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def take_memory(megabytes):
    block = bytearray(megabytes << 20)
    time.sleep(3 if megabytes > 300 else 0)
    return len(block)


def threads(_item):
    import numba

    names = ("OMP_NUM_THREADS", "ZARR_THREADING__MAX_WORKERS", "BLOSC_NTHREADS")
    return [os.environ[n] for n in names], numba.config.NUMBA_NUM_THREADS


def pid_and_sleep(path):
    (path / str(os.getpid())).touch()
    time.sleep(0.3)
    return os.getpid()


def own_pid(_item):
    return os.getpid()


def parent_and_name(_item):
    return os.getppid(), psutil.Process().name()


@pytest.fixture(scope="module")
def engine():
    with LocalEngine(Profile(workers=2, memory_gb=0.6)) as engine:
        yield engine


def listeners(pid):
    """Addresses on which a process listens."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [c.laddr for p in family for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]


def test_item_that_kills_its_worker_fails_alone(engine):
    outcomes = {o.index: o for o in engine.map(kill_on_three, range(8))}
    assert isinstance(outcomes.pop(3).error, WorkerLostError)
    assert {i: o.value for i, o in outcomes.items()} == {i: i for i in range(8) if i != 3}


def test_worker_killed_from_outside_costs_no_result(engine, tmp_path):
    outcomes = engine.map(pid_and_sleep, [tmp_path] * 12)
    first = next(outcomes)
    os.kill(first.value, signal.SIGKILL)
    rest = list(outcomes)
    assert [o.error for o in rest] == [None] * 11
    assert len({o.index for o in [first, *rest]}) == 12


def test_worker_that_takes_its_time_to_come_back_is_waited_for(engine):
    import dask

    (killed,) = engine.map(own_pid, [0])
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1ms"}):
        os.kill(killed.value, signal.SIGKILL)
        outcomes = list(engine.map(own_pid, range(8)))
        engine._client.wait_for_workers(2, timeout=120)
    assert [o.error for o in outcomes] == [None] * 8


def test_item_that_takes_too_much_memory_is_told_apart(engine):
    outcomes = {o.index: o for o in engine.map(take_memory, [1, 900, 2])}
    assert isinstance(outcomes[1].error, OutOfMemoryError)
    assert outcomes[1].error.flavour == "memory"
    assert [outcomes[i].error for i in (0, 2)] == [None, None]


def test_workers_use_one_thread_each_in_every_library(engine):
    (outcome,) = engine.map(threads, [0])
    assert outcome.error is None
    assert outcome.value == (["1", "1", "1"], 1)


def test_workers_are_forked_of_one_process_and_have_a_name(engine):
    told = {o.value for o in engine.map(parent_and_name, range(8))}
    with LocalEngine(Profile(workers=1, memory_gb=0.6)) as other:
        told |= {o.value for o in other.map(parent_and_name, [0])}
    ((parent, name),) = told
    assert psutil.Process(parent).ppid() == os.getpid()
    assert name == "hven-worker"


def test_cluster_listens_on_loopback_only(engine):
    list(engine.map(abs, [1]))
    addresses = listeners(os.getpid())
    assert addresses
    assert {a.ip for a in addresses} <= {"127.0.0.1", "::1"}


def test_scheduler_refuses_callers_without_the_key(engine, tmp_path):
    address = engine._client.scheduler_info(n_workers=0)["address"]
    assert address.startswith("tls://127.0.0.1:")
    make_keys(tmp_path)
    with pytest.raises(CommunicationFailedError):
        AddressEngine(address, tmp_path, timeout_s=2)


def test_keys_are_private_and_removed_at_close():
    with LocalEngine(Profile(workers=1, memory_gb=0.6)) as engine:
        folder = engine._folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE((folder / n).stat().st_mode) for n in ("cluster.pem", "cluster.key")} == {0o600}
    assert not folder.exists()


def test_bare_tcp_is_refused_everywhere(tmp_path):
    with pytest.raises(ConfigurationError, match="tls://"):
        AddressEngine("tcp://127.0.0.1:8786", tmp_path)
    from distributed import Client

    with (
        Client(processes=False, n_workers=1, dashboard_address=":0", protocol="tcp://") as open_client,
        pytest.raises(ConfigurationError, match="open to every user"),
    ):
        ClientEngine(open_client)


def test_address_without_keys_names_the_setting(tmp_path):
    with pytest.raises(ConfigurationError, match=r"engine\.keys"):
        security(tmp_path)


def test_address_where_nothing_listens_is_a_communication_error(tmp_path):
    make_keys(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(CommunicationFailedError):
            AddressEngine(f"tls://127.0.0.1:{free.getsockname()[1]}", tmp_path, timeout_s=1)


def test_scheduler_that_goes_away_is_a_communication_error(tmp_path):
    cluster = LocalEngine(Profile(workers=1, memory_gb=0.6))
    address = cluster._client.scheduler_info(n_workers=0)["address"]
    remote = AddressEngine(address, cluster._folder, timeout_s=2)
    outcomes = remote.map(pid_and_sleep, [tmp_path] * 6)
    next(outcomes)
    cluster.close()
    rest = list(outcomes)
    assert any(isinstance(o.error, CommunicationFailedError) for o in rest)
    assert len(rest) == 5
    remote.close()


def test_dashboard_link_goes_through_the_hub(tmp_path):
    import dask

    settings = Settings(root=tmp_path, state=tmp_path, engine=EngineSettings(profiles={"medium": Profile(workers=1)}))
    with dask.config.set({"distributed.dashboard.link": ""}):
        found = client(settings, service_prefix="/user/ada/")
        port = found.scheduler_info(n_workers=0)["services"]["dashboard"]
        assert found.dashboard_link == f"/user/ada/proxy/{port}/status"
        found.close()
        found.cluster.close()


def test_settings_choose_the_engine():
    with make_engine(EngineSettings(kind="inprocess", profiles={"medium": Profile(workers=2)})) as engine:
        assert isinstance(engine, InProcess)
        assert engine.cores == 2
    with pytest.raises(UnknownNameError, match="huge"):
        make_engine(EngineSettings(), "huge")


def test_a_kernel_that_ends_leaves_no_worker_and_no_key(tmp_path):
    script = tmp_path / "kernel.py"
    script.write_text(
        "import os, signal\n"
        "from hven.cluster.local import notebook_client\n"
        "from hven.core.settings import Profile\n"
        "if __name__ == '__main__':\n"
        "    client = notebook_client(Profile(workers=1, memory_gb=0.6))\n"
        "    print(*client.run(os.getpid).values(), flush=True)\n"
        "    input()\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as kernel:
        worker = int(kernel.stdout.readline())
        kernel.stdin.close()
    deadline = time.time() + 20
    while time.time() < deadline and Path(f"/proc/{worker}").exists():
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()
    assert list(tmp_path.glob("hven-dask-*")) == []


def test_notebook_client_is_a_default_client():
    from distributed import default_client

    own = notebook_client(Profile(workers=1, memory_gb=0.6))
    try:
        assert default_client() is own
    finally:
        own.close()
        own.cluster.close()
