from __future__ import annotations

import campaign_site
import pytest
import tiny_plugin

from hven.batch.campaigns.campaigns import DirectCampaigns
from hven.batch.campaigns.store import CampaignStore
from hven.batch.chores import make_chores
from hven.core.settings import BatchSettings, EngineSettings, Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry


@pytest.fixture
def site(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    settings = Settings(
        root=tmp_path / "data",
        state=tmp_path / "state",
        instruments=("tiny",),
        batch=BatchSettings(lease_s=5),
        engine=EngineSettings(kind="inprocess"),
    )
    with tiny_plugin.installed(tmp_path / "plugin", monkeypatch) as instrument:
        campaign_site.add_pipelines(instrument)
        campaign_site.add_frames(settings)
        yield settings


@pytest.fixture
def database(site):
    database = Database(site.platform_url)
    yield database
    database.close()


@pytest.fixture
def campaigns(database):
    return DirectCampaigns(CampaignStore(database), user="olga", operator=True)


@pytest.fixture
def registry(site):
    with DirectRegistry(site.registry_url, site.root) as registry:
        yield registry


@pytest.fixture
def go_on(site, database):
    """Let the batch service do rounds and runners do jobs until nothing moves any more."""
    chore = next(c for c in make_chores(site, database) if c.name == "campaigns")

    def rounds(times=100):
        for _ in range(times):
            before = _stands(database)
            chore.step()
            if not campaign_site.work_off(site) and _stands(database) == before:
                return
        raise AssertionError("it never comes to rest")

    yield rounds
    chore.registry.close()


def _stands(database):
    return [one.model_dump(exclude={"spec"}) for one in CampaignStore(database).find()]
