"""Failures by kind, and decisions about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from hven.batch.triage.model import FailureKind, Resolution
from hven.service.handlers.parts import ChangeJobs, ReadJobs

Fingerprint = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]

router = APIRouter()


@router.get("/triage")
def find(jobs: ReadJobs) -> list[FailureKind]:
    """Kinds of failures, the most frequent first."""
    return jobs.triage.kinds()


@router.get("/triage/{fingerprint}")
def show(fingerprint: Fingerprint, jobs: ReadJobs) -> FailureKind:
    """One kind."""
    return jobs.triage.kind(fingerprint)


@router.post("/triage/{fingerprint}")
def decide(fingerprint: Fingerprint, body: Resolution, jobs: ChangeJobs) -> FailureKind:
    """Decide about a kind."""
    return jobs.triage.decide(fingerprint, body)


@router.get("/jobs/{job_id}/triage")
def of_job(job_id: int, jobs: ReadJobs) -> list[FailureKind]:
    """Kinds of failures of one job."""
    return jobs.triage.kinds(job_id)
