"""Quality and states of jobs reach the gateway, once, also over restarts."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import small_night

from hven.batch.model import JobRequest
from hven.batch.publish import GatewayChore
from hven.batch.store import JobStore
from hven.core.clock import NS
from hven.core.errors import ServiceUnavailableError
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.model.data_id import DataId, DatasetRef
from hven.registry.database import Database
from hven.store.version import new_version

METRICS = {"img16": {"partial_frames": (0.03, "1"), "host_lag": (float("nan"), "ms")}}


@pytest.fixture(scope="module")
def obs(tmp_path_factory):
    made = small_night.make(tmp_path_factory.mktemp("published"), metrics=METRICS)
    yield made
    made.close()


@pytest.fixture
def chore(obs):
    made = GatewayChore(obs.settings, Database(obs.settings.platform_url))
    yield made
    made.registry.close()
    made.gateway.database.close()


def again(obs):
    return GatewayChore(obs.settings, Database(obs.settings.platform_url))


def test_what_only_operators_may_read_is_not_published(obs, chore):
    run = obs.query("panoseti.img16.qc")[0].run
    before = next(c for c in obs.registry.collections() if c.name == run)
    obs.registry.define(Collection(run, CollectionKind.RUN, AccessClass.OPERATORS))

    chore.step()
    obs.registry.define(before)

    assert chore.gateway.latest("qc") == []


def test_the_newest_metrics_of_each_detector_are_published_once(obs, chore):
    chore.step()
    found = {record.name: record.value for record in chore.gateway.latest("qc")}
    last = chore.gateway.last()
    again(obs).step()

    product = obs.query("panoseti.img16.qc", detector=1)[0]
    table = obs.quality(product).query("grain == 'observation'").set_index("metric")
    told = found["panoseti.img16/1/partial_frames"]
    assert (told["value"], told["status"]) == (
        table.loc["partial_frames", "value"],
        table.loc["partial_frames", "status"],
    )
    assert (told["product"], told["observation"]) == (product.id, product.ref.data_id["observation"])
    assert found["panoseti.img16/1/host_lag"]["value"] is None
    assert chore.gateway.last() == last


def test_states_of_shared_jobs_are_published_when_they_change(obs, chore):
    store = JobStore(chore.gateway.database)
    own, shared = (
        store.submit(JobRequest(pipeline=f"panoseti/{n}", shared=n == "nightly"), user="ada")
        for n in ("own", "nightly")
    )
    chore.step()
    store.cancel(shared.id, who="ada")
    again(obs).step()
    again(obs).step()

    records = [r for r in chore.gateway.since(chore.gateway.snapshot().oldest) if r.channel == "processing"]
    assert [(r.name, r.value["job"], r.value["state"]) for r in records] == [
        ("panoseti/nightly", shared.id, "READY"),
        ("panoseti/nightly", shared.id, "DELETED"),
    ]
    assert own.id != shared.id


def test_what_is_made_later_is_published_whatever_was_made_long_before(obs, chore, monkeypatch):
    monkeypatch.setattr("hven.batch.publish.EVERY_S", 0.0)
    chore.step()
    product = obs.query("panoseti.img16.qc", detector=1)[0]
    hour = 3600 * NS
    made = []
    for name, later in (("within-a-day", hour), ("next", 48 * hour)):
        path = product.path.parent / f"{name}"
        shutil.copytree(obs.settings.root / product.path, obs.settings.root / path)
        data_id = DataId(**{**product.ref.data_id, "observation": name})
        ref = DatasetRef(product.ref.type, data_id)
        times = {"begin_ns": product.begin_ns + later, "created_ns": product.created_ns + later}
        made.append(replace(product, id=new_version(), ref=ref, path=path, quantum_key=name, **times))
        obs.registry.register([made[-1]], inputs={})
        chore.step()

        found = {record.name: record.value["product"] for record in chore.gateway.latest("qc")}
        assert found["panoseti.img16/1/partial_frames"] == made[-1].id


def test_what_could_not_be_published_is_published_later(obs, chore, monkeypatch):
    monkeypatch.setattr("hven.batch.publish.EVERY_S", 0.0)
    chore.step()
    job = JobStore(chore.gateway.database).submit(JobRequest(pipeline="panoseti/late", shared=True), user="ada")
    with chore.gateway.database.write() as other:
        other.exec_driver_sql("ALTER TABLE gateway_record RENAME TO away")
    with pytest.raises(ServiceUnavailableError):
        chore.step()
    with chore.gateway.database.write() as other:
        other.exec_driver_sql("ALTER TABLE away RENAME TO gateway_record")
    chore.step()

    assert [r.value["job"] for r in chore.gateway.latest("processing") if r.name == "panoseti/late"] == [job.id]
