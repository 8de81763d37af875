"""A whole campaign, from its schedule to its report, by the real batch service, which is killed now and then."""

from __future__ import annotations

import subprocess
import sys

import api_server
import campaign_site
import pytest
import yaml

from hven.alarms.queries import notifications
from hven.batch.campaigns.model import State
from hven.batch.campaigns.remote import RemoteCampaigns
from hven.batch.campaigns.report import as_text
from hven.batch.launcher import write_site
from hven.batch.schedules.remote import RemoteSchedules
from hven.batch.schedules.tables import SWITCH
from hven.batch.store import JobStore
from hven.core.clock import NS, now_ns
from hven.model.data_id import TypeName
from hven.observatory import Observatory, connect
from hven.service.auth import Caller

SCHEDULE = {"name": "survey", "cron": "0 0 * * *", "zone": "UTC"}


@pytest.fixture
def scheduled(site, tmp_path):
    """The site with a schedule of its own, of a campaign of six steps."""
    folder = tmp_path / "schedules"
    folder.mkdir()
    campaign = yaml.safe_load(campaign_site.SIX_STEPS.replace("{name}", "survey"))
    (folder / "survey.yaml").write_text(yaml.safe_dump({**SCHEDULE, "campaign": {**campaign, "name": "s-{night}"}}))
    return site.model_copy(update={"batch": site.batch.model_copy(update={"schedules": folder})})


@pytest.fixture
def service(scheduled, tmp_path):
    """Start the batch service, in place of the one that runs, which is killed."""
    file, running = write_site(scheduled), []

    def begin():
        for process in running:
            process.kill()
            process.wait()
        with (tmp_path / "service.log").open("ab") as log:
            code = "from hven.cli.main import main; main()"
            command = [sys.executable, "-c", code, "batch", "--site", str(file)]
            running.append(subprocess.Popen(command, stderr=log))

    yield begin
    for process in running:
        process.terminate()
    for process in running:
        process.wait()


class Olga:
    """Takes every token for an operator's."""

    async def caller(self, _secret):
        return Caller("olga", frozenset(f"custom:hven:{verb}" for verb in ("read", "submit", "operate")))


@pytest.fixture
def remote(scheduled):
    """The observatory as an operator's notebook has it, through the API."""
    with connect(scheduled) as obs, api_server.serving(obs, token=Olga()) as api:
        campaigns, schedules = RemoteCampaigns(api.url, "olga"), RemoteSchedules(api.url, "olga")
        with Observatory(scheduled, obs.registry, user="olga", campaigns=campaigns, schedules=schedules) as notebook:
            yield notebook


def sent(settings):
    return [told.message.subject for told in notifications(settings, limit=9) if told.state == "sent"]


def test_a_campaign_goes_from_its_schedule_to_its_report_by_itself(scheduled, service, database, remote):
    campaigns = remote.campaigns
    remote.schedules.enable("survey")
    with database.write() as connection:  # since two days ago: one fire was missed
        connection.execute(SWITCH.update().values(since_ns=now_ns() - 2 * 24 * 3600 * NS))

    def at(number, *states):
        found = campaigns.find()
        return found and found[0].steps[number].state in states and found[0]

    service()
    for number in (1, 2):
        campaign_site.until(lambda n=number: at(n, State.READY, State.RUNNING))
        service()
    blocked = campaign_site.until(lambda: at(3, State.BLOCKED))
    service()
    (fire,) = remote.schedules.fires("survey", limit=9)
    assert (fire.state, fire.campaign, fire.missed) == ("done", blocked.name, 1)
    peaks = blocked.step("peaks")
    assert {g.name: g.state for g in peaks.groups} == {"1": "accepted", "2": "accepted", "3": "failed"}

    campaigns.accept(blocked.name, reason="looked well")
    campaign_site.until(lambda: campaigns.get(blocked.name).state == State.ACCEPTED)

    runs = [job.run for job in JobStore(database).find()]
    assert len(runs) == len(set(runs)) == 8
    pairs = remote.registry.find(TypeName.parse("L2/tiny.pairs"), collection=blocked.spec.home)
    assert [(p.rows, p.run) for p in pairs] == [(2, f"{blocked.spec.home}/pairs/v1/all")]
    campaign_site.until(lambda: len(sent(scheduled)) == 2)
    assert set(sent(scheduled)) == {f"campaign {blocked.name} finished", f"campaign {blocked.name} waits at review"}
    text = as_text(campaigns.report(blocked.name))
    assert f"campaign {blocked.name}: accepted" in text
    assert "detector 3 is broken" in text
    assert "review (tiny/peaks): accepted by olga" in text
    accepted = [e for e in campaigns.events(blocked.name) if e.what == "accept"]
    assert [(e.who, e.step, e.parameters["reason"]) for e in accepted] == [("olga", "review", "looked well")]
