"""The quality gate of a campaign over the metrics of a processed night."""

from __future__ import annotations

import shutil

import campaign_site
import pytest

import hven
from hven.batch.campaigns.model import State
from hven.batch.campaigns.spec import parse_campaign
from hven.batch.chores import make_chores
from hven.core.settings import EngineSettings, Settings
from hven.model.data_id import Level
from hven.registry.database import Database

pytestmark = pytest.mark.journey
STEP = {"pipeline": "panoseti/nightly#qc"}
CAMPAIGN = {
    "name": "gate",
    "instrument": "panoseti",
    "steps": [
        {**STEP, "name": "loose", "accept": {"qc": {"max_error": 1.0}}},
        {**STEP, "name": "strict", "accept": {"qc": {"max_error": 0.0}}},
    ],
}


@pytest.fixture
def obs(night, tmp_path):
    for name in ("data", "state"):
        shutil.copytree(night / name, tmp_path / name)
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state", engine=EngineSettings(kind="inprocess"))
    with hven.connect(settings) as obs:
        yield obs


def test_a_gate_counts_the_errors_that_quality_shows(obs):
    whole = [metrics[metrics["grain"] == "observation"]["status"] for metrics in map(obs.quality, tables(obs))]
    judged = sum(int((status != "unlimited").sum()) for status in whole)
    errors = sum(int((status == "error").sum()) for status in whole)
    assert 0 < errors < judged
    obs.campaigns.load(parse_campaign(CAMPAIGN, origin="test"))
    obs.campaigns.start("gate")

    go_on(obs)

    loose, strict = obs.campaigns.get("gate").steps
    assert (loose.state, loose.groups[0].judged, loose.groups[0].errors) == (State.ACCEPTED, judged, errors)
    assert strict.state == State.FAILED
    assert strict.note == f"{errors} of {judged} quality metrics are error, 0.0% may"


def tables(obs):
    return [p for p in obs.query(level=Level.L2) if p.ref.type.name.endswith(".qc")]


def go_on(obs):
    """Until the campaign fails."""
    database = Database(obs.settings.platform_url)
    chore = next(chore for chore in make_chores(obs.settings, database) if chore.name == "campaigns")
    for _ in range(20):
        chore.step()
        campaign_site.work_off(obs.settings)
        if obs.campaigns.get("gate").state == State.FAILED:
            break
    chore.registry.close()
    database.close()
