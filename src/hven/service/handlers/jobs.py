"""Jobs: estimate, submit, look, cancel, hold, restart."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from hven.batch.jobs import LOG_LINES
from hven.batch.model import Again, Estimate, Failure, Job, JobRequest, JobState
from hven.batch.profile import JobProfile
from hven.batch.times import JobTimes
from hven.core.errors import ConfigurationError
from hven.service.handlers.bodies import Move, Restart
from hven.service.handlers.parts import ChangeJobs, ReadJobs

router = APIRouter()


@router.post("/estimate")
def estimate(request: JobRequest, jobs: ReadJobs) -> Estimate:
    """What a job would take."""
    return jobs.estimate(request)


@router.post("/jobs", status_code=201)
def submit(request: JobRequest, jobs: ChangeJobs) -> Job:
    """Queue a job in the caller's name; RUN collections are named by campaigns and schedules only."""
    if request.run:
        raise ConfigurationError("nobody chooses a job's RUN collection", hint="Leave `run` out.")
    return jobs.submit(request)


@router.get("/jobs")
def find(
    jobs: ReadJobs,
    user: str = "",
    state: Annotated[list[JobState] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Job]:
    """Jobs, newest first."""
    return jobs.find(user=user, states=state or (), limit=limit)


@router.get("/jobs/{job_id}")
def show(job_id: int, jobs: ReadJobs) -> Job:
    """One job."""
    return jobs.get(job_id)


@router.get("/jobs/{job_id}/failures")
def failures(job_id: int, jobs: ReadJobs) -> list[Failure]:
    """Failed quanta by cause."""
    return jobs.failures(job_id)


@router.get("/jobs/{job_id}/products")
def products(job_id: int, jobs: ReadJobs) -> list[str]:
    """Ids of what it made or found."""
    return jobs.products(job_id)


@router.get("/jobs/{job_id}/times")
def times(job_id: int, jobs: ReadJobs) -> JobTimes:
    """Where its time went."""
    return jobs.times(job_id)


@router.get("/jobs/{job_id}/profile")
def profile(job_id: int, jobs: ReadJobs) -> JobProfile:
    """Which functions its time went to."""
    return jobs.profile(job_id)


@router.get("/jobs/{job_id}/log")
def log(job_id: int, jobs: ReadJobs, lines: Annotated[int, Query(ge=1, le=10_000)] = LOG_LINES) -> dict[str, str]:
    """Last lines of its log."""
    return {"text": jobs.log(job_id, lines=lines)}


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: int, jobs: ChangeJobs) -> Job:
    """Stop it."""
    return jobs.cancel(job_id)


@router.post("/jobs/{job_id}/hold")
def hold(job_id: int, jobs: ChangeJobs) -> Job:
    """Keep it from starting."""
    return jobs.hold(job_id)


@router.post("/jobs/{job_id}/unhold")
def unhold(job_id: int, jobs: ChangeJobs) -> Job:
    """Let it go."""
    return jobs.unhold(job_id)


@router.post("/jobs/{job_id}/restart")
def restart(job_id: int, jobs: ChangeJobs, again: Restart | None = None) -> Job:
    """Queue it again."""
    return jobs.restart(job_id, Again(**again.model_dump()) if again else None)


@router.post("/jobs/{job_id}/reclass")
def reclass(job_id: int, jobs: ChangeJobs, move: Move) -> Job:
    """Move it into another class."""
    return jobs.reclass(job_id, move.job_class)
