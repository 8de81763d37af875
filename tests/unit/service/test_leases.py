"""Leases as credentials: who their bearers are, and for how long."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from hven.batch.lease import JobQueue, Lease
from hven.batch.model import JobRequest, JobState
from hven.batch.remote_queue import credential
from hven.batch.store import JobStore
from hven.core.settings import BatchSettings, Settings
from hven.core.trust import trusted
from hven.observatory import connect
from hven.registry.database import Database
from hven.service.auth import Caller
from hven.service.leases import LeaseAuthentication

sys.path.append(str(Path(__file__).parents[2] / "support"))
from api_server import serving

READ_AND_SUBMIT = {"custom:hven:read", "custom:hven:submit"}


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "data").mkdir()
    return Settings(root=tmp_path / "data", state=tmp_path / "state")


@pytest.fixture
def store(settings):
    store = JobStore(Database(settings.platform_url))
    yield store
    store.database.close()


@pytest.fixture
def queue(store):
    return JobQueue(store.database, lease_s=30, rules=BatchSettings(slots=2))


def claim(store, queue, **request):
    store.submit(JobRequest(pipeline="panoseti/calibrate", **request), user="ada")
    return queue.claim()


def caller(queue, secret):
    return asyncio.run(LeaseAuthentication(queue).caller(secret))


def secret(lease):
    return f"{lease.job}:{lease.name}"


@pytest.mark.parametrize(("shared", "more"), [(False, set()), (True, {"custom:hven:operate"})])
def test_a_bearer_is_the_jobs_user_and_may_operate_for_a_shared_job_only(store, queue, shared, more):
    found = caller(queue, secret(claim(store, queue, shared=shared)))

    assert (found.name, found.scopes) == ("ada", READ_AND_SUBMIT | more)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ":",
        "{job}:",
        "{job}:{name}0",
        "{job}:{short}",
        "{job}:{upper}",
        "{other}:{name}",
        "-{job}:{name}",
        "{job} :{name}",
        "{job}:{name}\n",
        "{job}:" + "0" * 32,
        "9" * 19 + ":{name}",
        "٣:{name}",
    ],
)
def test_what_is_not_the_lease_itself_is_nobodys(store, queue, wrong):
    lease = claim(store, queue)
    other = store.submit(JobRequest(pipeline="panoseti/calibrate"), user="bert").id
    upper = lease.name.upper() if lease.name.upper() != lease.name else "A" * 32
    text = wrong.format(job=lease.job, name=lease.name, short=lease.name[:-1], upper=upper, other=other)

    assert caller(queue, text) is None


def test_a_lease_is_void_once_its_time_is_over_or_its_job_has_ended(store, queue):
    over, ended = claim(store, queue), claim(store, queue)
    JobQueue(store.database, lease_s=-1).renew(over)
    queue.finish(ended, JobState.SUCCEEDED)

    assert caller(queue, secret(over)) is None
    assert caller(queue, secret(ended)) is None


def test_a_job_that_nobody_holds_has_no_lease(store, queue):
    job = store.submit(JobRequest(pipeline="panoseti/calibrate"), user="ada").id

    assert queue.holder(Lease(job, "")) is None


class Token:
    """Knows one token."""

    async def caller(self, secret):
        return Caller("ada", frozenset(READ_AND_SUBMIT | {"custom:hven:operate"})) if secret == "ada-s" else None


def test_only_runners_report_and_a_job_ends_as_jobs_end(settings, store, queue):
    lease = claim(store, queue)
    with connect(settings) as obs, serving(obs, token=Token()) as api:

        def ask(authorization, method, path, body=None):
            return httpx.request(
                method, api.url + path, headers={"Authorization": authorization}, json=body, verify=trusted()
            )

        assert ask("token ada-s", "GET", "/whoami").json()["name"] == "ada"
        assert ask("token ada-s", "POST", "/runner/renew").status_code == 403
        assert ask("token ada-s", "GET", "/runner/job").status_code == 403
        assert ask(credential(lease), "GET", "/runner/job").json()["id"] == lease.job
        assert ask(f"token {secret(lease)}", "GET", "/whoami").status_code == 401
        assert ask(f"bearer {secret(lease)}", "GET", "/whoami").status_code == 401
        for state in ("RUNNING", "READY", "PENDING", "HELD"):
            assert ask(credential(lease), "POST", "/runner/finish", {"state": state}).status_code == 422
        assert ask(credential(lease), "POST", "/runner/finish", {"state": "FAILED", "x": 1}).status_code == 422
        assert store.get(lease.job).state == JobState.PENDING
