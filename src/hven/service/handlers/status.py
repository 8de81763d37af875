"""How the platform is: services, queue, disks."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from hven import __version__
from hven.batch.model import JobState
from hven.service.handlers.parts import Place, ReadJobs

_GOING = (JobState.UNREADY, JobState.READY, JobState.PENDING, JobState.RUNNING, JobState.HELD)

router = APIRouter()


@router.get("/status")
def status(obs: Place, jobs: ReadJobs) -> dict[str, Any]:
    """Seconds since each service's last sign of life, jobs that have not ended by state, and room on the disks."""
    settings = obs.settings
    going = Counter(str(job.state) for job in jobs.find(states=_GOING))
    return {
        "site": settings.site,
        "observatory": settings.observatory.name,
        "version": __version__,
        "heartbeat_age_s": heartbeat_ages(settings.state / "heartbeats"),
        "jobs": dict(going),
        "disks": {name: _disk(path) for name, path in (("root", settings.root), ("state", settings.state))},
    }


def heartbeat_ages(folder: Path) -> dict[str, float]:
    """Seconds since the last sign of life, by service."""
    files = [f for f in folder.glob("[!.]*") if f.is_file()] if folder.is_dir() else []
    return {f.name: round(max(0.0, time.time() - f.stat().st_mtime), 1) for f in sorted(files)}


def _disk(path: Path) -> dict[str, int]:
    usage = shutil.disk_usage(path)
    return {"total_bytes": usage.total, "free_bytes": usage.free}
