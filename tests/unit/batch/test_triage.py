"""Failures by kind, and what decisions about them do to the jobs that follow."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from hven.batch.model import JobState
from hven.batch.triage import queries
from hven.batch.triage.fingerprint import signs
from hven.batch.triage.model import Resolution, Verdict
from hven.batch.triage.remote import RemoteTriage
from hven.core.errors import AccessDeniedError, ConflictError, UnknownNameError
from hven.model.data_id import DataId
from hven.model.quantum import QuantumRecord, QuantumState
from hven.observatory import Observatory
from hven.registry.api_client import ApiClient
from hven.service.auth import Caller

sys.path.append(str(Path(__file__).parents[2] / "support"))
import api_server
import tiny_site

BROKEN = {"peaks": {"fail_detector": 2}}


@pytest.fixture
def site(tmp_path, monkeypatch):
    with tiny_site.opened(tmp_path, monkeypatch) as site:
        yield site


def decide(site, kind, verdict, why="it is the cable"):
    return site.jobs.triage.decide(kind.fingerprint, Resolution(verdict=Verdict(verdict), why=why))


TRACE = 'Traceback:\n  File "/a/lib/python3.12/site-packages/hven/x.py", line 7, in run\nValueError: no\n'
RECORD = QuantumRecord(
    "u/ada/x/1", "s", "t", DataId(observation="obs.1", detector=7), "k", QuantumState.FAILED, (),
    error="ValueError: obs.1: row 17 of /data/a7.zarr (0193b8f0-77aa-7e01-8001-f2a7b8c9d0e1) is -1.5e3\n  Look there.",
    traceback=TRACE,
)  # fmt: skip


@pytest.mark.parametrize(
    "same",
    [
        {"data_id": DataId(observation="night.b", detector=1), "error": "ValueError: night.b: row 2 of "
         "/other/place/b.zarr (0193b8f0-77aa-7e01-8001-aaaaaaaaaaaa) is 7\n  Or there."},
        {"traceback": TRACE.replace("/a/lib/python3.12/site-packages", "/home/ada/hven/src").replace("7,", "9,")},
        {"task_version": "2", "run": "u/bert/y/1", "step": "other"},
    ],
)  # fmt: skip
def test_failures_of_one_kind_have_one_fingerprint_wherever_and_on_whatever_they_happen(same):
    assert signs(replace(RECORD, **same)).fingerprint == signs(RECORD).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"task": "u"},
        {"error": RECORD.error.replace("ValueError", "KeyError")},
        {"error": RECORD.error.replace("row", "column")},
        {"traceback": TRACE.replace("in run", "in fold")},
    ],
)
def test_another_task_exception_message_or_place_is_another_kind(other):
    assert signs(replace(RECORD, **other)).fingerprint != signs(RECORD).fingerprint


def test_failures_of_several_jobs_are_counted_together_with_the_first_traceback(site):
    first = site.run(config=BROKEN)
    second = site.run(config={"peaks": {"fail_detector": 3}})

    [kind] = site.jobs.triage.kinds()

    assert (kind.count, kind.runs, kind.task, kind.versions) == (2, (second.run, first.run), "tiny.peaks", ("1",))
    assert (kind.error_type, kind.message, kind.frame) == (
        "ValueError", "detector <n> is broken", "tiny.py _peaks",
    )  # fmt: skip
    assert (kind.error, "detector=2" in kind.data_id) == ("ValueError: detector 2 is broken", True)
    assert 'raise ValueError(f"detector {detector} is broken")' in kind.traceback
    assert [k.count for k in site.jobs.triage.kinds(second.id)] == [1]
    assert queries.failure_kinds(site.settings, site.registry, run=first.run)[0].count == 1


def test_a_job_whose_only_failures_are_known_succeeds_and_says_so(site):
    failed = site.run(config=BROKEN)
    decided = decide(site, site.jobs.triage.kinds()[0], "known")

    site.jobs.restart(failed.id)
    again = site.run_next()

    assert (failed.state, again.state) == (JobState.FAILED, JobState.SUCCEEDED)
    assert (again.counts.failed, again.counts.blocked, again.error) == (1, 1, "")
    assert again.message == "1 quanta failed in ways accepted as known, 1 that need them were not run"
    assert (decided.decision.who, decided.decision.why, decided.decision.version) == ("tycho", "it is the cable", "1")


def test_a_known_failure_does_not_hide_another(site, tmp_path):
    site.run(config=BROKEN)
    decide(site, site.jobs.triage.kinds()[0], "known")

    job = site.run(config={"peaks": {"fail_detector": 2, "fail_unless": str(tmp_path / "mark"), "threshold": 21.0}})

    assert (job.state, job.counts.failed) == (JobState.FAILED, 2)


def test_retry_restarts_what_failed_so_and_runs_the_next_such_failure_once_more(site, tmp_path):
    marks = [tmp_path / "first", tmp_path / "second"]
    stumbled = site.run(config={"peaks": {"fail_unless": str(marks[0])}})
    assert (stumbled.state, stumbled.counts.failed) == (JobState.FAILED, 1)

    decide(site, site.jobs.triage.kinds()[0], "retry")

    restarted = site.run_next()
    assert (restarted.id, restarted.state, restarted.counts.done) == (stumbled.id, JobState.SUCCEEDED, 10)
    next_job = site.run(config={"peaks": {"fail_unless": str(marks[1]), "threshold": 21.0}})
    assert (next_job.state, next_job.counts.failed, next_job.counts.done) == (JobState.SUCCEEDED, 0, 10)


def test_block_holds_what_waits_refuses_what_is_submitted_and_stops_what_got_through(site):
    site.run(config=BROKEN)
    waiting = site.submit(config=BROKEN)
    [kind] = site.jobs.triage.kinds()

    decide(site, kind, "block", "wrong since Tuesday")

    assert site.jobs.get(waiting).state == JobState.HELD
    with pytest.raises(ConflictError, match=r"tiny.peaks 1 is blocked by tycho since .*: wrong since Tuesday"):
        site.submit()
    assert site.jobs.unhold(waiting).state == JobState.READY
    through = site.run_next()
    assert (through.state, through.counts.total, "is blocked by tycho" in through.error) == (JobState.FAILED, 0, True)
    decide(site, kind, "open")
    assert site.jobs.get(site.submit()).state == JobState.READY


def test_other_pipelines_and_other_versions_are_not_blocked(site):
    site.run(config=BROKEN)
    kind = decide(site, site.jobs.triage.kinds()[0], "block")
    site.jobs.triage._store.add(kind.decision.model_copy(update={"version": "0"}))

    site.submit()


def test_decisions_are_kept_with_who_and_why_and_outlive_the_failures(site):
    job = site.run(config=BROKEN)
    kind = site.jobs.triage.kinds()[0]
    decide(site, kind, "known", "first")
    decide(site, kind, "retry", "second")
    failed = site.registry.quanta(run=job.run, state=QuantumState.FAILED)
    site.registry.record_quanta([replace(record, state=QuantumState.DONE) for record in failed])

    [left] = site.jobs.triage.kinds()

    assert (left.count, left.fingerprint, left.decision.verdict) == (0, kind.fingerprint, Verdict.RETRY)
    assert [(d.verdict, d.who, d.why) for d in queries.decisions(site.settings)] == [
        ("retry", "tycho", "second"), ("known", "tycho", "first"),
    ]  # fmt: skip
    assert decide(site, left, "open").decision is None
    assert site.jobs.triage.kinds() == []


def test_only_operators_decide_and_only_about_what_there_is(site):
    site.run(config=BROKEN)
    kind = site.jobs.triage.kinds()[0]
    resolution = Resolution(verdict=Verdict.KNOWN, why="so")

    with pytest.raises(AccessDeniedError, match="sophie may not decide"):
        site.jobs_of("sophie").triage.decide(kind.fingerprint, resolution)
    with pytest.raises(UnknownNameError, match="kind of failure"):
        site.jobs.triage.decide("0" * 12, resolution)
    assert site.jobs.triage.kinds()[0].decision is None


class Everybody:
    """Believes who calls."""

    async def caller(self, secret):
        verbs = ("read", "submit", "operate") if secret == "tycho" else ("read", "submit")
        return Caller(secret, frozenset(f"custom:hven:{verb}" for verb in verbs))


def test_triage_through_the_api_is_the_same(site):
    site.run(config=BROKEN)
    obs = Observatory(site.settings, site.registry, user="api")
    with api_server.serving(obs, token=Everybody()) as api, ExitStack() as clients:
        opened = [closing(ApiClient(api.url, f"token {name}")) for name in ("tycho", "sophie")]
        tycho, sophie = (RemoteTriage(clients.enter_context(client)) for client in opened)
        [kind] = tycho.kinds()
        assert [kind] == site.jobs.triage.kinds() == tycho.kinds(1)
        assert tycho.kind(kind.fingerprint) == kind
        with pytest.raises(AccessDeniedError):
            sophie.decide(kind.fingerprint, Resolution(verdict=Verdict.KNOWN, why="so"))
        decided = tycho.decide(kind.fingerprint, Resolution(verdict=Verdict.KNOWN, why="so"))

    assert site.jobs.triage.kind(kind.fingerprint) == decided
