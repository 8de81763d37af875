"""What the runner of a job asks Slurm for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hven.batch.model import Job
from hven.batch.size import request_of, sized
from hven.cluster.make import find_profile
from hven.core.settings import EngineSettings, SlurmSettings

_MB = 2**20


@dataclass(frozen=True, slots=True)
class Size:
    """Cores, memory in MiB, and minutes; 0 minutes are what the class has."""

    cores: int
    memory_mb: int
    wall_min: int = 0


def size_of(engine: EngineSettings, slurm: SlurmSettings, job: Job) -> Size:
    """Size of a runner: Dask workers in Slurm ask for their own, work in the runner itself is its.

    Examples
    --------
    >>> from hven.batch.model import JobRequest
    >>> request = JobRequest(pipeline="panoseti/calibrate", profile="small")
    >>> job = Job(id=1, user="ada", request=request, state="PENDING", cores=1, memory_gb=4.0)
    >>> slurm = SlurmSettings(spool="/spool", runner_memory_gb=1.0)
    >>> size_of(EngineSettings(kind="slurm"), slurm, job), size_of(EngineSettings(kind="inprocess"), slurm, job)
    (Size(cores=1, memory_mb=1024, wall_min=0), Size(cores=1, memory_mb=4839, wall_min=0))
    """
    own = math.ceil(slurm.runner_memory_gb * 1024)
    if engine.kind == "slurm":
        return Size(1, own)
    wanted = request_of(job, find_profile(sized(engine, job)))
    return Size(wanted.cores, own + math.ceil(wanted.memory_bytes / _MB), math.ceil((wanted.wall_s or 0) / 60))
