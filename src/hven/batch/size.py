"""How large the work of a job is: its engine, and what a whole cluster is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from hven.batch.model import Estimate, Job
from hven.cluster.make import find_profile
from hven.core.settings import EngineSettings, Profile

_MARGIN = 1.5
_START_S = 300.0


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """What a scheduler of a whole cluster is asked for.

    Parameters
    ----------
    cores, memory_bytes
        Of all workers together.
    wall_s
        None where nothing is known: the site's own limit applies.
    """

    cores: int
    memory_bytes: int
    wall_s: float | None


def sized(engine: EngineSettings, job: Job) -> EngineSettings:
    """Engine of the size that a job was given: its own memory where it was tried again with more.

    Examples
    --------
    >>> from hven.batch.model import JobRequest
    >>> request = JobRequest(pipeline="panoseti/calibrate", profile="small")
    >>> job = Job(id=1, user="ada", request=request, state="RUNNING", cores=1, memory_gb=4.0)
    >>> sized(EngineSettings(), job).profiles["small"]
    Profile(workers=1, threads_per_worker=1, memory_gb=4.0)
    """
    name = job.request.profile or engine.default_profile
    size = find_profile(engine, name)
    workers = max(1, job.cores // size.threads_per_worker)
    memory_gb = job.memory_gb / workers or size.memory_gb
    size = size.model_copy(update={"workers": workers, "memory_gb": memory_gb})
    return engine.model_copy(update={"profiles": {**engine.profiles, name: size}, "default_profile": name})


def request_of(job: Job, profile: Profile) -> ResourceRequest:
    """What to ask a cluster's scheduler for, so that a job fits and is not ended in the middle.

    Time and memory are those that nearly all jobs of this kind stay below, with half as much again; a job that needs
    more memory than its profile says gets it.

    Parameters
    ----------
    job
        With the estimate made when it was submitted.
    profile
        Size of its engine.

    Examples
    --------
    >>> from hven.batch.model import JobRequest
    >>> known = Estimate(quanta=9, done=0, wall_minutes_high=40.0, peak_bytes=3_000_000_000)
    >>> job = Job(id=1, user="ada", request=JobRequest(pipeline="panoseti/nightly"), state="READY", estimate=known)
    >>> request_of(job, Profile(workers=2, memory_gb=2.0))
    ResourceRequest(cores=2, memory_bytes=9000000000, wall_s=3900.0)
    """
    known = job.estimate or Estimate(quanta=0, done=0)
    memory = max(profile.memory_gb * 1e9, _MARGIN * profile.threads_per_worker * (known.peak_bytes or 0))
    high = known.wall_minutes_high
    return ResourceRequest(
        cores=profile.workers * profile.threads_per_worker,
        memory_bytes=round(profile.workers * memory),
        wall_s=None if high is None else _START_S + _MARGIN * 60 * high,
    )
