"""Every registry keeps the same promises: at the database itself, and through the API."""

from __future__ import annotations

from functools import partial

import guest_api
import pytest
import small_products

from hven.core.errors import ServiceUnavailableError
from hven.core.settings import Settings
from hven.observatory import connect
from hven.registry.api_client import ApiClient
from hven.registry.direct import DirectRegistry
from hven.registry.remote import RemoteRegistry
from hven.testing.registry import RegistryContract


class TestDirect(RegistryContract):
    @pytest.fixture
    def registry(self, database_url, tmp_path):
        with DirectRegistry(database_url, tmp_path / "data") as opened:
            yield opened

    @pytest.fixture
    def make(self):
        return _entry


class TestRemote(RegistryContract):
    @pytest.fixture
    def registry(self, served):
        opened = RemoteRegistry(served, "token ada.read.submit.operate")
        yield opened
        opened.close()

    @pytest.fixture
    def make(self, observatory):
        return partial(_published, observatory.root)


@pytest.fixture
def observatory(tmp_path):
    (tmp_path / "data").mkdir()
    with connect(Settings(root=tmp_path / "data", state=tmp_path)) as opened:
        yield opened


@pytest.fixture
def served(observatory):
    with guest_api.serve(observatory) as url:
        yield url


def _entry(name, *, inputs=(), **more):
    return small_products.product(name, **more)


def _published(root, name, *, run="panoseti/runs/calibrate/1", **more):
    user = run.split("/")[1] if run.startswith("u/") else ""
    return small_products.publish(root, name, run=run, user=user, **more)


def test_tens_of_thousands_of_rows_come_in_order(observatory, served):
    made = [_entry("L1/panoseti.ph1024", detector=d) for d in range(3500)]
    observatory.registry.register(made, inputs={})
    remote = RemoteRegistry(served, "token ada.read")

    assert remote.find() == made
    assert remote.by_quantum([p.quantum_key for p in made])[made[-1].quantum_key, "calibrated"] == made[-1]
    remote.close()


def test_an_api_that_is_away_is_asked_again_and_then_named():
    client = ApiClient("http://127.0.0.1:9", "token x", patience_s=0.5)

    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:9 does not answer"):
        client.ask("GET", "/health")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        list(client.lines("/lookup/find", {}))
    client.close()
