from __future__ import annotations

import pytest
from distributed import Client
from loopback_sshd import HOSTS

from hven.cluster.address import AddressEngine
from hven.cluster.client import ClientEngine
from hven.cluster.inprocess import InProcess
from hven.cluster.local import LocalEngine, notebook_client
from hven.cluster.slurm import SlurmEngine
from hven.cluster.ssh import SshEngine
from hven.core.settings import Profile
from hven.testing.engine import EngineContract


class TestSerial(EngineContract):
    @pytest.fixture
    def engine(self):
        with InProcess(1) as engine:
            yield engine


class TestThreads(EngineContract):
    @pytest.fixture
    def engine(self):
        with InProcess(3) as engine:
            yield engine


class TestLocal(EngineContract):
    @pytest.fixture
    def engine(self, local):
        return local


class TestAddress(EngineContract):
    @pytest.fixture
    def engine(self, address):
        return address


class TestSsh(EngineContract):
    @pytest.fixture
    def engine(self, ssh):
        return ssh


class TestSlurm(EngineContract):
    @pytest.fixture
    def engine(self, slurm_engine):
        return slurm_engine


class TestNotebookClient(EngineContract):
    @pytest.fixture
    def engine(self, notebook):
        return notebook


class TestInProcessClient(EngineContract):
    @pytest.fixture
    def engine(self, threads):
        return threads


@pytest.fixture(scope="module")
def local():
    with LocalEngine(Profile(workers=2, memory_gb=1.0)) as engine:
        yield engine


@pytest.fixture(scope="module")
def address(local):
    with AddressEngine(local._client.scheduler_info(n_workers=0)["address"], local._folder) as engine:
        yield engine


@pytest.fixture(scope="module")
def ssh(ssh_config):
    with SshEngine(Profile(workers=2, memory_gb=1.0), HOSTS, config=ssh_config) as engine:
        yield engine


@pytest.fixture(scope="module")
def slurm_engine(slurm):
    with SlurmEngine(Profile(workers=2, memory_gb=1.0), slurm.settings()) as engine:
        yield engine


@pytest.fixture(scope="module")
def notebook():
    client = notebook_client(Profile(workers=1, memory_gb=1.0))
    yield ClientEngine(client)
    client.close()
    client.cluster.close()


@pytest.fixture(scope="module")
def threads():
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=":0") as client:
        yield ClientEngine(client)
