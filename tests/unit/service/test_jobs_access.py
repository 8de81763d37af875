"""Shared jobs are there for those who may see the data that they work on and the run that they make."""

from __future__ import annotations

import guest_api
import httpx
import pytest
import sqlalchemy as sa

from hven.batch.model import JobRequest
from hven.batch.publish import GatewayChore
from hven.batch.store import JobStore
from hven.core.settings import Settings
from hven.model.collection import AccessClass, Collection, CollectionKind, raw_run
from hven.observatory import connect
from hven.registry.database import Database

RUNS = {
    "of closed data": "closed/runs/secret/1",
    "into a closed run": "panoseti/runs/secret/1",
    "for all": "panoseti/runs/open/1",
    "into the public's run": "panoseti/runs/public/1",
}
OLGA = {"Authorization": "token olga.read.submit.operate"}
WAYS = ("", "/failures", "/products", "/times", "/profile", "/log", "/triage")
CHANGES = ("cancel", "hold", "unhold", "restart")


@pytest.fixture
def site(tmp_path):
    (tmp_path / "data").mkdir()
    obs = connect(Settings(root=tmp_path / "data", state=tmp_path / "state"))
    eve = {"Authorization": "token eve.read.submit"}
    with guest_api.serve(obs) as url, httpx.Client(base_url=url, headers=eve) as client:
        yield obs, client
    obs.close()


@pytest.fixture
def jobs(site):
    """Numbers of shared jobs by what they are."""
    obs, _ = site
    store = JobStore(Database(obs.settings.platform_url))
    made = {}
    for what, run in RUNS.items():
        request = JobRequest(pipeline=f"{run.partition('/')[0]}/nightly", run=run, shared=True, where="detector == 7")
        made[what] = store.submit(request, user="olga").id
    store.database.close()
    return made


def close(obs, name, access=AccessClass.OPERATORS):
    obs.registry.define(Collection(name, CollectionKind.RUN, access))


def close_some(obs):
    close(obs, raw_run("closed"))
    close(obs, RUNS["into a closed run"])
    close(obs, RUNS["into the public's run"], AccessClass.PUBLIC)


def test_jobs_are_listed_for_those_who_may_see_their_data_and_their_run(site, jobs):
    obs, client = site

    def listed(headers=None, **query):
        return {job["id"] for job in client.get("/jobs", params=query, headers=headers).json()}

    assert listed() == set(jobs.values())
    close_some(obs)

    assert listed() == listed(user="olga") == {jobs["for all"], jobs["into the public's run"]}
    assert listed(limit=1) == {max(jobs.values())}
    assert listed(OLGA) == set(jobs.values())


@pytest.mark.parametrize("what", ["of closed data", "into a closed run"])
def test_a_job_of_a_closed_run_is_not_there(site, jobs, what):
    obs, client = site
    close_some(obs)
    absent = client.get("/jobs/999").json()

    for way in WAYS:
        answer = client.get(f"/jobs/{jobs[what]}{way}")
        assert (way, answer.status_code) == (way, 404)
        assert answer.json() == {**absent, "message": f"there is no job {jobs[what]}"}
    for change in CHANGES:
        assert client.post(f"/jobs/{jobs[what]}/{change}").status_code == 404
    assert client.get(f"/jobs/{jobs[what]}", headers=OLGA).json()["request"]["where"] == "detector == 7"
    assert client.get(f"/jobs/{jobs['for all']}").status_code == 200


def test_states_of_jobs_are_told_to_those_who_may_see_their_data_and_their_run(site, jobs):
    obs, client = site
    close_some(obs)
    chore = GatewayChore(obs.settings, Database(obs.settings.platform_url))
    chore.step()

    def heard(headers=None):
        query = {"channel": "processing"}
        records = client.get("/gateway", params=query, headers=headers).json()["records"]
        return {record["value"]["job"] for record in records}

    assert heard() == {max(jobs.values())}
    assert heard(OLGA) == {max(jobs.values()), jobs["of closed data"]}


def test_a_list_takes_one_question_to_the_registry_however_many_jobs_there_are(site, jobs):
    obs, client = site
    close_some(obs)
    asked = []

    def note(_connection, _cursor, text, *_):
        asked.append(text)

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    client.get("/jobs")
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)
    assert len([text for text in asked if "FROM collection" in text]) == 1
