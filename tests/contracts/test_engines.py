from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest
import tiny_plugin
import tiny_site
from distributed import Client
from loopback_sshd import HOSTS

from hven.cluster.address import AddressEngine
from hven.cluster.client import ClientEngine
from hven.cluster.inprocess import InProcess
from hven.cluster.local import LocalEngine, notebook_client
from hven.cluster.slurm import SlurmEngine
from hven.cluster.ssh import SshEngine
from hven.core.settings import EngineSettings, Profile
from hven.model.query import DataQuery
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.testing.engine import EngineContract

SUPPORT = Path(__file__).parents[1] / "support"


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


@pytest.fixture
def places(notebook, ssh, slurm_engine):
    return {"notebook": notebook, "ssh": ssh, "slurm": slurm_engine}


def test_one_pipeline_gives_equal_digests_in_notebook_batch_ssh_and_slurm(places, local, tmp_path, monkeypatch):
    made = {}
    with tiny_plugin.installed(tmp_path / "plugin", monkeypatch) as instrument:
        for name, engine in places.items():
            engine._client.wait_for_workers(engine.cores, timeout=120)
            show_the_telescope(engine)
            made[name] = processed(tmp_path / name, instrument, engine)
        made["batch"] = in_batch(tmp_path / "batch", local)

    assert len(made["notebook"]) == 10
    assert [name for name, digests in made.items() if digests != made["notebook"]] == []


def show_the_telescope(engine):
    """Let workers find its module, by a function that travels whole."""

    def show(folder):
        sys.path.append(folder)

    engine._client.run(show, str(SUPPORT))


def processed(folder, instrument, engine):
    """Digests of what the tiny telescope's pipeline makes."""
    site = tiny_site.TinySite(folder)
    with closing(site.registry), closing(site.jobs):
        report = run_pipeline(
            load_pipeline(instrument, "all"), instrument=instrument, registry=site.registry, settings=site.settings,
            engine=engine, query=DataQuery(), run="tiny/runs/all/1", user="ada",
        )  # fmt: skip
        report.raise_for_failures()
    return {str(product.ref): product.digest for product in report.products}


def in_batch(folder, local):
    """Digests of what a job makes on a cluster of this machine."""
    site = tiny_site.TinySite(folder)
    address = local._client.scheduler_info(n_workers=0)["address"]
    engine = EngineSettings(kind="address", address=address, keys=local._folder)
    site.settings = site.settings.model_copy(update={"engine": engine})
    show_the_telescope(local)
    with closing(site.registry), closing(site.jobs):
        job = site.run(shared=True)
        made = [site.registry.get(product) for product in site.jobs.products(job.id)]
    return {str(product.ref): product.digest for product in made}
